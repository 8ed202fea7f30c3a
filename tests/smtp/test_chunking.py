"""CHUNKING and BINARYMIME (RFC 3030): BDAT's octets are a message, and never commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailframe.delivery.routes import Route
from mailframe.hooks import Delivered, Failed, Reject
from mailframe.net.conversation import INBOX_OCTETS
from mailframe.smtp.limits import BareNewlines, Limits
from tests.attack import Attack
from tests.smtp.world import World

BEGIN = """
C: MAIL FROM:<eve@example.net>
S: 250 2.1.0 Sender OK
C: RCPT TO:<ann@example.org>
S: 250 2.1.5 Recipient OK
"""
HELLO = b"EHLO client.example.net\r\n"
MAIL = b"MAIL FROM:<eve@example.net>\r\nRCPT TO:<ann@example.org>\r\n"
BINARY = b"MAIL FROM:<eve@example.net> BODY=BINARYMIME\r\nRCPT TO:<ann@example.org>\r\n"
SMUGGLED = b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n"


def codes(lines: list[bytes]) -> list[bytes]:
    """Return the codes of whole replies."""
    return [line[:3] for line in lines if line[3:4] != b"-"]


def begun(world: World, begin: bytes = MAIL, **options: Any) -> Attack:
    """Return a client that has named sender and recipient."""
    attack = Attack(world.mx(**options))
    assert codes(attack.send(HELLO + begin))[-2:] == [b"250", b"250"]
    return attack


def body(mail: bytes) -> bytes:
    """Return a message without our trace fields."""
    return mail.partition(b" +0000\r\n")[2]


def kept(world: World) -> list[bytes]:
    return [body(mail) for mail in world.mail()]


# --- as the RFC prints it ---------------------------------------------------------------------------------------------


def test_a_message_in_one_chunk() -> None:
    world = World()
    world.greeted(world.mx()).play(
        BEGIN
        + """
        C: BDAT 86 LAST
        C: To: Susan@random.com
        C: From: Sam@random.com
        C: Subject: This is a bodyless test message
        S: 250 2.0.0 OK, stored as ...
        C: QUIT
        S: 221 2.0.0 Bye
        S closes
        """
    )
    assert kept(world) == [
        b"To: Susan@random.com\r\nFrom: Sam@random.com\r\nSubject: This is a bodyless test message\r\n"
    ]


def test_a_message_in_several_chunks_and_an_empty_last_one() -> None:
    world = World()
    world.greeted(world.mx()).play(
        BEGIN
        + """
        C: BDAT 14
        C: Subject: hi
        C>
        C:
        S: 250 2.0.0 14 octets received
        C: BDAT 0
        S: 250 2.0.0 0 octets received
        C: bdat 3
        C> .
        C:
        S: 250 2.0.0 3 octets received
        C: BDAT 0 last
        S: 250 2.0.0 OK, stored as ...
        """.replace("        C: Subject: hi\n        C>\n        C:\n", "        C: Subject: hi\n        C> x\n")
    )
    assert kept(world) == [b"Subject: hi\r\nx.\r\n"]


def test_all_may_be_sent_at_once() -> None:
    world = World()
    attack = Attack(world.mx())
    one = BINARY + b"BDAT 15\r\nSubject: x\r\n\r\n\0BDAT 4\r\n\r\n.\nBDAT 0 LAST\r\n"
    assert codes(attack.send(HELLO + one + one + b"NOOP\r\n")) == [b"220", b"250", *[b"250"] * 10, b"250"]
    assert kept(world) == [b"Subject: x\r\n\r\n\0\r\n.\n"] * 2


@pytest.mark.parametrize("begin", [MAIL, BINARY])
def test_however_it_is_cut_it_is_the_same_message(begin: bytes) -> None:
    text = b"Subject: x\r\n\r\n.\r\nMAIL FROM:<a@example.net>\r\n\r\n.\r\n"
    sent = begin + b"BDAT 20\r\n" + text[:20] + b"BDAT %d LAST\r\n" % (len(text) - 20) + text[20:] + b"NOOP\r\n"
    for cut in range(len(sent) + 1):
        world = World()
        attack = Attack(world.mx())
        attack.send(HELLO)
        assert codes(attack.send(sent[:cut], sent[cut:])) == [b"250"] * 5
        assert kept(world) == [text]
    world = World()
    attack = Attack(world.mx())
    attack.send(HELLO)
    assert codes(attack.send(*(bytes([octet]) for octet in sent))) == [b"250"] * 5
    assert kept(world) == [text]


def test_a_crlf_may_be_cut_by_the_edge_of_a_chunk() -> None:
    world = World()
    attack = begun(world)
    assert codes(attack.send(b"BDAT 12\r\nSubject: hi\r", b"BDAT 4 LAST\r\n\n\r\nx")) == [b"250", b"250"]
    assert kept(world) == [b"Subject: hi\r\n\r\nx"]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_octets_come_through_a_binary_message(data: st.DataObject) -> None:
    text = b"X: y\r\n\r\n" + data.draw(st.binary(max_size=60))
    chunks, at = b"", 0
    while at < len(text):
        size = data.draw(st.integers(1, len(text) - at))
        chunks += b"BDAT %d\r\n" % size + text[at : at + size]
        at += size
    cut = data.draw(st.integers(0, len(chunks)))
    world = World()
    attack = begun(world, BINARY)
    answers = attack.send(chunks[:cut], chunks[cut:], b"BDAT 0 LAST\r\nNOOP\r\n")
    assert set(codes(answers)) == {b"250"}
    assert kept(world) == [text]


def test_a_big_message_goes_through_a_file(tmp_path: Path) -> None:
    world = World()
    attack = begun(world, BINARY)
    attack.protocol.session.spool.directory = str(tmp_path)
    text = b"Subject: x\r\n\r\n" + bytes(range(256)) * 4000
    step = 100_000
    for at in range(0, len(text), step):
        piece = text[at : at + step]
        assert codes(attack.send(b"BDAT %d\r\n" % len(piece), piece)) == [b"250"]
    assert len(list(tmp_path.iterdir())) == 1
    assert codes(attack.send(b"BDAT 0 LAST\r\n")) == [b"250"]
    assert kept(world) == [text]
    assert list(tmp_path.iterdir()) == []


# --- what is refused consumes its octets ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "answer"),
    [
        (b"", b"503 5.5.1 Say hello first"),
        (HELLO, b"503 5.5.1 MAIL comes first"),
        (HELLO + b"MAIL FROM:<eve>\r\n", b"503 5.5.1 MAIL comes first"),
        (HELLO + b"MAIL FROM:<eve@example.net>\r\n", b"554 5.5.1 No valid recipients"),
        (HELLO + b"MAIL FROM:<eve@example.net>\r\nRCPT TO:<x@example.org>\r\n", b"554 5.5.1 No valid recipients"),
        (HELLO + MAIL + b"BDAT 0 LAST\r\n", b"503 5.5.1 MAIL comes first"),
        (HELLO + MAIL + b"RSET\r\n", b"503 5.5.1 MAIL comes first"),
    ],
)
@pytest.mark.parametrize("last", [b"", b" LAST"])
def test_the_octets_of_a_refused_chunk_are_no_commands(before: bytes, answer: bytes, last: bytes) -> None:
    sent = b"BDAT %d%b\r\n" % (len(SMUGGLED), last) + SMUGGLED + b"NOOP\r\n"
    for cut in (0, 3, 10, 20, len(sent)):
        world = World()
        attack = Attack(world.mx())
        attack.send(before)
        assert attack.send(sent[:cut], sent[cut:]) == [answer, b"250 2.0.0 OK"]
        assert not any(b"smuggled" in mail for mail in world.mail())


def test_a_recipient_that_comes_late_does_not_get_the_rest() -> None:
    world = World()
    world.greeted(world.mx()).play("""
        C: MAIL FROM:<eve@example.net>
        S: 250 2.1.0 Sender OK
        C: BDAT 6
        C> first,
        S: 554 5.5.1 No valid recipients
        C: RCPT TO:<ann@example.org>
        S: 503 5.5.1 Not now: bad sequence of commands
        C: BDAT 6 LAST
        C> second
        S: 554 5.5.1 No valid recipients
        C: MAIL FROM:<eve@example.net>
        S: 250 2.1.0 Sender OK
    """)
    assert world.mail() == []


def test_what_may_not_come_between_chunks() -> None:
    world = World()
    world.greeted(world.mx()).play(
        BEGIN
        + """
        C: BDAT 12
        C> Subject: hi!
        S: 250 2.0.0 12 octets received
        C: DATA
        S: 503 5.5.1 Not now: bad sequence of commands
        C: MAIL FROM:<eve@example.net>
        S: 503 5.5.1 A transaction is under way: send RSET first
        C: RCPT TO:<bob@example.org>
        S: 503 5.5.1 Not now: bad sequence of commands
        C: NOOP
        S: 250 2.0.0 OK
        C: BDAT 0 LAST
        S: 250 2.0.0 OK, stored as ...
        """
    )
    assert kept(world) == [b"Subject: hi!"]
    assert world.mail("bob@example.org") == []


@pytest.mark.parametrize("forget", ["RSET", "EHLO x", "HELO x"])
def test_a_transaction_that_is_forgotten_takes_its_chunks_with_it(forget: str, tmp_path: Path) -> None:
    world = World()
    attack = begun(world)
    attack.protocol.session.spool.directory = str(tmp_path)
    attack.send(b"BDAT 300000\r\n" + b"Subject: lost\r\n\r\n" + b"x" * (300000 - 17))
    assert len(list(tmp_path.iterdir())) == 1
    assert codes(attack.send(forget.encode() + b"\r\n")) == [b"250"]
    assert list(tmp_path.iterdir()) == []
    assert codes(attack.send(MAIL + b"BDAT 4 LAST\r\nkept")) == [b"250"] * 3
    assert kept(world) == [b"kept"]


def test_data_and_bdat_may_be_used_in_turn() -> None:
    world = World()
    attack = begun(world)
    data = b"DATA\r\nby data\r\n.\r\n"
    assert codes(attack.send(data + MAIL + b"BDAT 7 LAST\r\nby bdat" + MAIL + data)) == [
        *[b"354", b"250"],
        *[b"250"] * 3,
        *[b"250", b"250", b"354", b"250"],
    ]
    assert kept(world) == [b"by data\r\n", b"by bdat", b"by data\r\n"]


@pytest.mark.parametrize(
    "argument", [b"", b" x", b" -1", b" 5 FIRST", b" 5 LAST LAST", b" 5LAST", b" 1" + b"0" * 20, b" 0x10", b" +5"]
)
def test_a_chunk_without_a_plain_size_ends_the_connection(argument: bytes) -> None:
    world = World()
    attack = begun(world)
    answers = attack.send(b"BDAT%b\r\n" % argument + SMUGGLED)
    assert answers == [b"501 5.5.4 BDAT octets, or BDAT octets LAST, expected"]
    assert attack.wire.disconnecting
    assert world.mail() == []


# --- text is text -----------------------------------------------------------------------------------------------------

FORBIDDEN = [
    (b"a\nb", b"550 5.6.0 The message has bare CR or LF characters: lines must end with CRLF"),
    (b"a\rb", b"550 5.6.0 The message has bare CR or LF characters: lines must end with CRLF"),
    (b"a\r", b"550 5.6.0 The message has bare CR or LF characters: lines must end with CRLF"),
    (b"\n", b"550 5.6.0 The message has bare CR or LF characters: lines must end with CRLF"),
    (b"a\r\r\n", b"550 5.6.0 The message has bare CR or LF characters: lines must end with CRLF"),
    (b"a\0b", b"550 5.6.0 The message has NUL characters"),
    (b"x" * 101, b"550 5.6.0 The message has a line that is too long"),
]


@pytest.mark.parametrize(("text", "answer"), FORBIDDEN)
def test_what_data_refuses_is_refused_with_the_last_chunk(text: bytes, answer: bytes) -> None:
    for cut in range(len(text) + 1):
        world = World()
        attack = begun(world, limits=Limits(text_line=100))
        chunks = b"BDAT 14\r\nSubject: x\r\n\r\n" + b"BDAT %d\r\n" % cut + text[:cut]
        chunks += b"BDAT %d LAST\r\n" % (len(text) - cut) + text[cut:]
        answers = attack.send(chunks + b"NOOP\r\n")
        assert answers[2:] == [answer, b"250 2.0.0 OK"]
        assert codes(answers[:2]) == [b"250", b"250"]
        assert world.mail() == []


@pytest.mark.parametrize(("text", "answer"), FORBIDDEN)
def test_a_binary_body_may_have_all_of_it(text: bytes, answer: bytes) -> None:
    world = World()
    attack = begun(world, BINARY, limits=Limits(text_line=100))
    message = b"Subject: x\r\n\r\n" + text
    assert codes(attack.send(b"BDAT %d LAST\r\n" % len(message) + message)) == [b"250"]
    assert kept(world) == [message]


@pytest.mark.parametrize("policy", BareNewlines)
@pytest.mark.parametrize("head", [b"Subject: x\nX: y\r\n\r\n", b"X: y\rZ: 1\r\n\r\n", b"X: y\n\nz", b"X: \0\r\n\r\n"])
def test_the_header_of_a_binary_message_is_text(head: bytes, policy: BareNewlines, tmp_path: Path) -> None:
    world = World()
    attack = begun(world, BINARY, bare_newlines=policy)
    attack.protocol.session.spool.directory = str(tmp_path)
    for size in (0, 300_000):
        message = head + b"\0" * size
        answers = attack.send(b"BDAT %d LAST\r\n" % len(message) + message, BINARY)
        assert codes(answers) == [b"550", b"250", b"250"]
        assert list(tmp_path.iterdir()) == []
    assert world.mail() == []


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        (b"a\nb\rc\r\n", b"a\r\nb\r\nc\r\n"),
        (b"\n\n", b"\r\n\r\n"),
        (b"a\r", b"a\r\n"),
        (b"\r\r\n\r", b"\r\n\r\n\r\n"),
    ],
)
def test_bare_newlines_are_mended_where_that_is_wanted(text: bytes, mended: bytes) -> None:
    for cut in range(len(text) + 1):
        world = World()
        attack = begun(world, bare_newlines=BareNewlines.NORMALIZE)
        chunks = b"BDAT %d\r\n" % (14 + cut) + b"Subject: x\r\n\r\n" + text[:cut]
        assert codes(attack.send(chunks + b"BDAT %d LAST\r\n" % (len(text) - cut) + text[cut:])) == [b"250", b"250"]
        assert kept(world) == [b"Subject: x\r\n\r\n" + mended]


def test_a_binary_message_is_never_mended() -> None:
    world = World()
    attack = begun(world, BINARY, bare_newlines=BareNewlines.NORMALIZE)
    assert codes(attack.send(b"BDAT 10 LAST\r\nX: y\r\n\r\n\n\r")) == [b"250"]
    assert kept(world) == [b"X: y\r\n\r\n\n\r"]


def test_a_binary_message_cannot_come_by_data() -> None:
    world = World()
    world.greeted(world.mx()).play("""
        C: MAIL FROM:<eve@example.net> BODY=binarymime
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<ann@example.org>
        S: 250 2.1.5 Recipient OK
        C: DATA
        S: 503 5.5.1 Not now: bad sequence of commands
        C: BDAT 4 LAST
        C> X:y!
        S: 250 2.0.0 OK, stored as ...
    """)


def test_targets_are_told_that_it_is_binary() -> None:
    seen: list[str] = []

    def target(delivery: Any) -> Delivered:
        seen.append(delivery.envelope.body)
        return Delivered()

    begun(World(), BINARY, routes=target).send(b"BDAT 0 LAST\r\n")
    assert seen == ["BINARYMIME"]


# --- limits -----------------------------------------------------------------------------------------------------------


def test_a_message_that_is_too_large_is_read_and_refused() -> None:
    world = World()
    world.greeted(world.mx(limits=Limits(message=10, overshoot=20))).play(
        BEGIN
        + """
        C: BDAT 10
        C> 1234567890
        S: 250 2.0.0 10 octets received
        C: BDAT 1
        C> 1
        S: 552 5.3.4 Message too large
        C: BDAT 2
        C> 12
        S: 552 5.3.4 Message too large
        C: BDAT 0 LAST
        S: 552 5.3.4 Message too large
        """
        + BEGIN
        + """
        C: BDAT 30 LAST
        C> 123456789012345678901234567890
        S: 552 5.3.4 Message too large
        """
        + BEGIN
        + """
        C: BDAT 10 LAST
        C> 1234567890
        S: 250 2.0.0 OK, stored as ...
        """
    )
    assert len(world.mail()) == 1


def test_beyond_all_bounds_nothing_is_read() -> None:
    for before in (b"", MAIL, MAIL + b"BDAT 1\r\nx"):
        world = World()
        attack = Attack(world.mx(limits=Limits(message=10, overshoot=20)))
        attack.send(HELLO + before)
        size = 31 - before.endswith(b"x")
        assert attack.send(b"BDAT %d\r\n" % size + SMUGGLED) == [b"552 5.3.4 Message too large"]
        assert attack.wire.disconnecting
        assert world.mail() == []


def test_what_is_too_long_is_not_kept_while_it_comes(tmp_path: Path) -> None:
    world = World()
    attack = begun(world, limits=Limits(message=300_000))
    attack.protocol.session.spool.directory = str(tmp_path)
    attack.send(b"BDAT 10000000 LAST\r\nSubject: x\r\n\r\n")
    for _ in range(40):
        attack.send(b"x" * 100_000)
        assert len(attack.protocol.inbox.buffer) <= INBOX_OCTETS
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_when_the_chunk_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_writer: Any, _chunk: bytes) -> None:
        raise OSError(28, "No space left on device")

    world = World()
    attack = begun(world)
    monkeypatch.setattr("mailframe.spool.SpoolWriter.write", full)
    answer = b"452 4.3.1 No room to receive the message, try again later"
    assert attack.send(b"BDAT 5\r\nhello" + b"BDAT 5\r\nNOOP\n" + b"BDAT 0 LAST\r\n") == [answer] * 3


def test_small_chunks_count_as_commands_and_others_do_not() -> None:
    world = World()
    attack = begun(world, limits=Limits(commands=10, small_chunk=4))
    assert set(codes(attack.send(b"BDAT 4\r\nabcd" * 50))) == {b"250"}
    assert codes(attack.send(b"BDAT 3\r\nabc" * 8))[-2:] == [b"250", b"421"]
    assert attack.wire.disconnecting


def test_refused_chunks_count_whatever_their_size() -> None:
    attack = Attack(World().mx(limits=Limits(commands=5, small_chunk=4)))
    assert codes(attack.send(HELLO + b"BDAT 4\r\nabcd" * 5))[-2:] == [b"503", b"421"]


def test_many_small_chunks_are_one_message() -> None:
    world = World()
    attack = begun(world)
    text = b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 200
    assert set(codes(attack.send(b"".join(b"BDAT 1\r\n%c" % octet for octet in text), *[b""] * 60))) == {b"250"}
    assert codes(attack.send(b"BDAT 0 LAST\r\n")) == [b"250"]
    assert kept(world) == [text]


# --- silence, ends ----------------------------------------------------------------------------------------------------


def test_silence_in_a_chunk_and_between_chunks_ends_the_connection(tmp_path: Path) -> None:
    for sent, minutes in ((b"BDAT 400000\r\n", 10), (b"BDAT 300000\r\n", 5)):
        world = World()
        attack = begun(world)
        attack.protocol.session.spool.directory = str(tmp_path)
        attack.send(sent + b"Subject: x\r\n\r\n", b"x" * (300_000 - 14))
        assert len(list(tmp_path.iterdir())) == 1
        world.clock.pump([60.0] * (minutes - 1))
        assert attack.send() == []
        world.clock.pump([60.0])
        assert attack.send() == [b"421 4.4.2 Timeout, closing the connection"]
        assert list(tmp_path.iterdir()) == []
        assert attack.left_nothing()
        assert world.mail() == []


@pytest.mark.parametrize("before", [MAIL, b""])
def test_a_client_that_goes_away_in_a_chunk_leaves_nothing(before: bytes, tmp_path: Path) -> None:
    for half_close in (True, False):
        world = World()
        attack = Attack(world.mx())
        attack.protocol.session.spool.directory = str(tmp_path)
        attack.send(HELLO + before, b"BDAT 400000 LAST\r\nSubject: x\r\n\r\n", b"x" * 300_000)
        if half_close:
            attack.protocol.readConnectionLost()
            assert attack.send() == []
            assert attack.wire.disconnecting
        assert attack.left_nothing()
        assert list(tmp_path.iterdir()) == []
        assert world.mail() == []


def test_a_server_that_stops_waits_for_the_last_chunk() -> None:
    world = World()
    attack = begun(world)
    attack.send(b"BDAT 4\r\nX: y")
    attack.protocol.stop()
    assert attack.send() == []
    answers = attack.send(b"BDAT 2 LAST\r\n\r\n")
    assert codes(answers) == [b"250", b"421"]
    assert kept(world) == [b"X: y\r\n"]


def test_a_server_that_stops_does_not_wait_for_what_was_forgotten() -> None:
    world = World()
    attack = begun(world)
    attack.send(b"BDAT 4\r\nX: y")
    attack.protocol.stop()
    assert codes(attack.send(b"RSET\r\n")) == [b"250", b"421"]


# --- hooks, LMTP ------------------------------------------------------------------------------------------------------


def test_hooks_judge_it_like_any_message() -> None:
    world = World()
    subjects: list[str] = []

    def look(event: Any) -> Reject:
        subjects.append(event.message.subject)
        return Reject("5.7.1", "Spam")

    attack = begun(world, at_message=[look])
    assert attack.send(b"BDAT 13 LAST\r\nSubject: hi\r\n") == [b"550 5.7.1 Spam"]
    assert subjects == ["hi"]
    assert world.mail() == []


def test_lmtp_answers_the_last_chunk_for_each_recipient() -> None:
    world = World()
    routes = [Route("ann@example.org", lambda delivery: Failed("5.2.2", "Full")), *world.routes]
    world.greeted(world.lmtp(routes=routes, limits=Limits(message=10)), "LHLO").play("""
        C: MAIL FROM:<eve@example.net>
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<ann@example.org>
        S: 250 2.1.5 Recipient OK
        C: RCPT TO:<nobody@example.org>
        S: 550 5.1.1 No such user here
        C: RCPT TO:<bob@example.org>
        S: 250 2.1.5 Recipient OK
        C: RCPT TO:<bob@example.org>
        S: 250 2.1.5 Recipient OK
        C: BDAT 6
        C: X: y
        S: 250 2.0.0 6 octets received
        C: BDAT 0 LAST
        S: 550 5.2.2 Full
        S: 250 2.0.0 OK, stored as ...
        S: 250 2.0.0 OK, stored as ...
        C: MAIL FROM:<eve@example.net>
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<ann@example.org>
        S: 250 2.1.5 Recipient OK
        C: RCPT TO:<bob@example.org>
        S: 250 2.1.5 Recipient OK
        C: BDAT 11 LAST
        C> 12345678901
        S: 552 5.3.4 Message too large
        S: 552 5.3.4 Message too large
    """)
    assert len(world.mail("bob@example.org")) == 1


def test_lmtp_has_no_answer_to_the_last_chunk_for_nobody() -> None:
    world = World()
    world.greeted(world.lmtp(), "LHLO").play("""
        C: MAIL FROM:<eve@example.net>
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<nobody@example.org>
        S: 550 5.1.1 No such user here
        C: BDAT 4
        C> X: y
        S: 503 5.5.1 No valid recipients
        C: BDAT 4 LAST
        C> NOOP
        C: MAIL FROM:<eve@example.net>
        S: 250 2.1.0 Sender OK
    """)
    assert world.mail() == []
