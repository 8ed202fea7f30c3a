"""What hostile clients do to an SMTP server: none of it becomes mail, a traceback, a leak or another's command."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionAborted, ConnectionLost
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure

from mailframe.net.conversation import INBOX_OCTETS
from mailframe.smtp.limits import BareNewlines, Limits
from mailframe.testing.transcript import Transcript, Wire
from tests.smtp.world import World

HELLO = b"EHLO client.example.net\r\n"
BEGIN = HELLO + b"MAIL FROM:<eve@example.net>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n"
SMUGGLED = b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n"

# The endings that one server or another has taken for the end of a message (RFC 5321 4.1.1.4 knows CRLF.CRLF alone).
ENDINGS = (
    *(b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r", b"\r.\n"),
    *(b"\r\n\x00.\r\n", b"\r\n.\x00\r\n", b"\r\r\n.\r\r\n", b"\n\n.\r\n", b"\r\n.\r\r\n", b"\x00\r\n.\n", b"\n.\n.\n"),
    *(b"\r\n .\r\n", b"\r\n. \r\n", b"\x85.\x85", b"\x0b.\x0b"),
)


@define
class Attack:
    """One connection, octet by octet."""

    player: Transcript
    protocol: Any = field(init=False)
    wire: Wire = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.protocol, self.wire = self.player.build(), self.player.wire()
        self.protocol.makeConnection(self.wire)

    def send(self, *pieces: bytes) -> list[bytes]:
        """Return the lines of the answer."""
        for piece in pieces:
            self.protocol.dataReceived(piece)
            self.player.clock.advance(0)
        lines: list[bytes] = self.wire.value().splitlines()
        self.wire.clear()
        return lines

    def begin(self) -> Attack:
        """Go on to the text of a message."""
        assert self.send(BEGIN)[-1].startswith(b"354 ")
        return self

    def lose(self, reason: type[Exception] = ConnectionLost) -> None:
        self.protocol.connectionLost(Failure(reason()))


def codes(lines: list[bytes]) -> list[bytes]:
    """Return the codes of whole replies."""
    return [line[:3] for line in lines if line[3:4] != b"-"]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(autouse=True)
def no_tracebacks() -> Any:
    """Nothing that a client does is a fault of ours."""
    events = EventLoggingObserver.createWithCleanup(_Cleanup(), globalLogPublisher)
    yield
    globalLogPublisher.removeObserver(events)
    assert [event for event in events if "log_failure" in event] == []


class _Cleanup:
    def addCleanup(self, *_ignored: object) -> None:
        pass


# --- smuggling ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", BareNewlines)
@pytest.mark.parametrize("ending", ENDINGS)
def test_only_crlf_dot_crlf_ends_a_message(world: World, ending: bytes, policy: BareNewlines) -> None:
    attack = Attack(world.mx(bare_newlines=policy)).begin()
    assert len(codes(attack.send(b"Subject: outer\r\n\r\nbody" + ending, SMUGGLED))) == 1
    assert len(world.mail()) <= 1
    assert not any(b"Return-Path: <evil@example.org>" in mail for mail in world.mail())


@pytest.mark.parametrize("ending", ENDINGS)
def test_nor_when_it_comes_octet_by_octet(world: World, ending: bytes) -> None:
    attack = Attack(world.mx()).begin()
    text = b"Subject: outer\r\n\r\nbody" + ending + SMUGGLED
    assert len(codes(attack.send(*(bytes([octet]) for octet in text)))) == 1


@pytest.mark.parametrize(
    "line", [b"NOOP\nNOOP\r\n", b"NOOP\rNOOP\r\n", b"NOOP\x00\r\n", b"MAIL FROM:<a@b.example>\nX\r\n"]
)
def test_a_command_ends_with_crlf_alone(world: World, line: bytes) -> None:
    attack = Attack(world.mx())
    attack.send(HELLO)
    assert codes(attack.send(line)) == [b"500"]


# --- STARTTLS -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ahead", [b"NOOP\r\n", b"RSET\r\nMAIL FROM:<eve@example.net>\r\n", b"EHLO x", b"\x16\x03\x01" * 999]
)
def test_what_is_sent_ahead_of_the_handshake_is_never_served(world: World, ahead: bytes) -> None:
    """CVE-2011-0411."""
    attack = Attack(world.mx(tls=object()))
    attack.send(HELLO)
    assert attack.send(b"STARTTLS\r\n" + ahead) == [b"220 2.0.0 Ready to start TLS"]
    assert codes(attack.send(b"NOOP\r\n")) == [b"250"]


def test_nothing_said_in_plain_text_counts_after_the_handshake(world: World) -> None:
    attack = Attack(world.submission(tls=object()))
    attack.send(HELLO + b"AUTH PLAIN AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=\r\nMAIL FROM:<ann@example.org>\r\n")
    attack.send(b"STARTTLS\r\n")
    answers = attack.send(b"MAIL FROM:<ann@example.org>\r\n" + HELLO + b"MAIL FROM:<ann@example.org>\r\n")
    assert codes(answers) == [b"503", b"250", b"530"]


# --- junk ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "junk",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",
        b"GET / HTTP/1.1\r\n",
        b"\x00" * 100 + b"\r\n",
        b"\r\n",
        b" \r\n",
    ],
)
def test_what_is_no_smtp_is_answered_with_an_error_and_then_with_goodbye(world: World, junk: bytes) -> None:
    attack = Attack(world.mx(limits=Limits(errors=3)))
    assert codes(attack.send(junk * 5)) == [b"220", b"500", b"500", b"500", b"421"]
    assert attack.wire.disconnecting


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(st.binary(max_size=60), st.sampled_from([b"\r\n", HELLO, BEGIN, b".\r\n", b"RSET\r\n"])), max_size=12
    )
)
def test_any_octets_are_answered_or_waited_for(pieces: list[bytes]) -> None:
    attack = Attack(World().mx())
    for line in attack.send(*pieces):
        assert line[:3].isdigit()
        assert line[3:4] in b" -"
    attack.lose()
    assert attack.player.clock.getDelayedCalls() == []


def test_an_endless_line_takes_no_memory_and_is_one_error(world: World) -> None:
    attack = Attack(world.mx())
    attack.send(HELLO)
    for _ in range(50):
        attack.send(b"x" * INBOX_OCTETS)
        assert len(attack.protocol.inbox.buffer) <= INBOX_OCTETS + 1
    assert attack.send(b"\r\nNOOP\r\n") == [b"500 5.5.2 Line too long", b"250 2.0.0 OK"]


@pytest.mark.parametrize("octet", [b"\0", b"\n", b"\r"])
def test_a_message_with_forbidden_octets_is_read_to_its_end_and_refused(world: World, octet: bytes) -> None:
    attack = Attack(world.mx()).begin()
    assert codes(attack.send(b"Subject: x\r\n\r\na" + octet + b"b\r\n.\r\nNOOP\r\n")) == [b"550", b"250"]
    assert world.mail() == []


@pytest.mark.parametrize(("octets", "answer"), [(100, b"250"), (101, b"550")])
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_a_line_of_a_message_has_a_limit(world: World, octets: int, answer: bytes, piece: int) -> None:
    attack = Attack(world.mx(limits=Limits(text_line=100))).begin()
    line = b"y" * (octets - 2) + b"\r\n"
    text = b"Subject: x\r\n\r\n" + line + b"short\r\n" * 30 + b".\r\n"
    got = attack.send(*(text[at : at + piece] for at in range(0, len(text), piece)))
    assert codes(got) == [answer]


def test_a_long_line_is_not_forgotten_by_those_that_follow(world: World) -> None:
    attack = Attack(world.mx(limits=Limits(text_line=50))).begin()
    attack.send(b"x" * 60, b"\r\n", b"short\r\n" * 20)
    assert codes(attack.send(b".\r\n")) == [b"550"]


# --- size, slowness, floods ---------------------------------------------------------------------------------------


def test_a_message_that_never_ends_is_cut_off(world: World) -> None:
    attack = Attack(world.mx(limits=Limits(message=1000, overshoot=5000))).begin()
    got = attack.send(*[b"x" * 998 + b"\r\n"] * 20)
    assert got == [b"552 5.3.4 Message too large"]
    assert attack.wire.disconnecting
    assert world.mail() == []


def test_what_is_too_long_is_not_kept_while_it_comes(world: World) -> None:
    attack = Attack(world.mx(limits=Limits(message=1000))).begin()
    for _ in range(100):
        attack.send(b"x" * 998 + b"\r\n")
        assert len(attack.protocol.inbox.buffer) < 2000
    assert codes(attack.send(b".\r\n")) == [b"552"]


@pytest.mark.parametrize("before", [b"", HELLO, BEGIN, BEGIN + b"Subject: x\r\n", b"NOO", BEGIN + b"x\r\n."])
def test_a_client_that_falls_silent_is_told_and_cut_off(world: World, before: bytes) -> None:
    attack = Attack(world.mx())
    attack.send(before)
    world.clock.pump([60.0] * 11)
    assert attack.send() == [b"421 4.4.2 Timeout, closing the connection"]
    world.clock.advance(60)
    assert attack.wire.aborted
    attack.lose(ConnectionAborted)
    assert world.clock.getDelayedCalls() == []
    assert world.mail() == []


def test_a_client_that_drips_a_command_is_cut_off(world: World) -> None:
    attack = Attack(world.mx())
    for _ in range(6):
        attack.send(b"N")
        world.clock.advance(59)
    assert attack.send()[-1:] == [b"421 4.4.2 Timeout, closing the connection"]


@pytest.mark.parametrize("command", [b"NOOP\r\n", b"RSET\r\n", HELLO, b"HELP\r\n", b"VRFY a\r\n"])
def test_commands_that_bring_no_message_are_limited(world: World, command: bytes) -> None:
    attack = Attack(world.mx(limits=Limits(commands=10)))
    got = codes(attack.send(command * 12))
    assert len(got) == 1 + 10 + 1
    assert got[-1] == b"421"
    assert attack.wire.disconnecting


@pytest.mark.parametrize("text", [b"a\r\r\nb", b"a\nb\rc", b"\r\r\r", b"\n\r\n\r", b"a\r\r\n.b"])
def test_no_bare_newline_is_left_however_the_text_is_cut(text: bytes) -> None:
    for cut in range(len(text) + 1):
        world = World()
        attack = Attack(world.mx(bare_newlines=BareNewlines.NORMALIZE)).begin()
        assert codes(attack.send(b"X: y\r\n\r\n" + text[:cut], text[cut:] + b"\r\n.\r\n")) == [b"250"]
        [mail] = world.mail()
        assert set(mail.replace(b"\r\n", b"")).isdisjoint(b"\r\n")


def test_who_brings_messages_may_go_on(world: World) -> None:
    attack = Attack(world.mx(limits=Limits(commands=5, errors=2)))
    for _ in range(5):
        assert codes(attack.send(BEGIN + b".\r\nFROB\r\n"))[-2:] == [b"250", b"500"]
    assert codes(attack.send(b"FROB\r\n")) == [b"500", b"421"]


def test_a_list_with_many_recipients_is_not_taken_for_mistakes(world: World) -> None:
    attack = Attack(world.mx(limits=Limits(recipients=1, errors=2)))
    attack.send(HELLO + b"MAIL FROM:<eve@example.net>\r\n")
    assert set(codes(attack.send(b"RCPT TO:<ann@example.org>\r\n" * 60))) == {b"250", b"452"}
    assert codes(attack.send(b"DATA\r\n.\r\n")) == [b"354", b"250"]


def test_guessing_is_limited_over_all_messages(world: World) -> None:
    attack = Attack(world.mx(limits=Limits(unknown_recipients=4)))
    guess = b"RSET\r\nMAIL FROM:<e@example.net>\r\nRCPT TO:<x@example.org>\r\nRCPT TO:<a@relay.example>\r\n"
    attack.send(HELLO)
    assert codes(attack.send(guess * 3)) == [b"250", b"250", b"550", b"550", b"250", b"250", b"550", b"421"]


def test_a_pipelined_flood_is_answered_in_turns(world: World) -> None:
    attack = Attack(world.mx())
    attack.send(HELLO)
    attack.protocol.dataReceived(b"NOOP\r\n" * 5000)
    assert attack.wire.value().count(b"250") < 5000
    assert attack.send(*[b""] * 60).count(b"250 2.0.0 OK") == 5000


# --- ends ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [b"", HELLO, BEGIN, BEGIN + b"Subject: x\r\n\r\nhalf", b"EHL"])
@pytest.mark.parametrize("reason", [ConnectionLost, ConnectionAborted])
def test_a_reset_leaves_nothing_behind(world: World, before: bytes, reason: type[Exception]) -> None:
    attack = Attack(world.mx())
    attack.send(before)
    attack.lose(reason)
    assert world.clock.getDelayedCalls() == []
    assert world.mail() == []


def test_a_client_that_only_closes_its_side_gets_its_answers(world: World) -> None:
    attack = Attack(world.mx())
    attack.send(BEGIN)
    attack.protocol.dataReceived(b"Subject: x\r\n\r\n.\r\n")
    attack.protocol.readConnectionLost()
    assert codes(attack.send()) == [b"250"]
    assert attack.wire.disconnecting
    assert len(world.mail()) == 1


def test_half_a_message_and_a_closed_side_is_no_message(world: World) -> None:
    attack = Attack(world.mx()).begin()
    attack.send(b"Subject: x\r\n\r\nhalf\r\n")
    attack.protocol.readConnectionLost()
    assert attack.send() == []
    assert attack.wire.disconnecting
    assert world.mail() == []


# --- what a client says about itself ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (b"(comment)\\", b"?comment??"),
        (b"a;b,c<d>e\"f'g", b"a?b?c?d?e?f?g"),
        (b"x(by=evil.example)", b"x?by?evil.example?"),
        (b"[IPv6:2001:db8::1]", b"[IPv6:2001:db8::1]"),
    ],
)
def test_a_name_in_hello_injects_nothing_into_received(world: World, name: bytes, kept: bytes) -> None:
    attack = Attack(world.mx())
    attack.send(b"EHLO " + name + b"\r\n" + BEGIN[len(HELLO) :] + b".\r\n")
    [mail] = world.mail()
    assert mail.replace(b"\r\n\t", b" ").split(b"\r\n")[1].startswith(b"Received: from " + kept + b" ([192.0.2.7]) by ")


@pytest.mark.parametrize(
    ("peer", "literal"),
    [
        ("192.0.2.7", b"([192.0.2.7])"),
        ("2001:db8::7", b"([IPv6:2001:db8::7])"),
        ("fe80::1%eth0", b"([IPv6:fe80::1])"),
        ("", b"(local)"),
    ],
)
def test_received_names_the_address_as_a_literal(world: World, peer: str, literal: bytes) -> None:
    attack = Attack(world.mx(peer=peer))
    attack.send(BEGIN + b".\r\n")
    assert literal in world.mail()[0]


def test_a_quoted_recipient_injects_nothing(world: World) -> None:
    attack = Attack(world.mx(routes=lambda delivery: None))
    answers = attack.send(HELLO + b'MAIL FROM:<"a\r\nRCPT TO:<x@example.org>"@example.net>\r\n')
    assert codes(answers)[1:] == [b"250", b"501", b"503"]


# --- nobody relays ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "recipient",
    [
        b"a@elsewhere.example",
        b"@example.org:a@elsewhere.example",
        b'"a@elsewhere.example"@elsewhere.example',
        b"a%elsewhere.example@elsewhere.example",
        b"elsewhere.example!a@elsewhere.example",
        b"a@[192.0.2.1]",
        b"a@sub.example.org",
        b"a@example.org.elsewhere.example",
    ],
)
def test_mail_for_others_is_refused(world: World, recipient: bytes) -> None:
    attack = Attack(world.mx())
    attack.send(HELLO + b"MAIL FROM:<ann@example.org>\r\n")
    assert attack.send(b"RCPT TO:<%b>\r\n" % recipient) == [b"550 5.7.1 Relaying denied"]


def test_passwords_are_not_guessed_for_ever(world: World) -> None:
    attack = Attack(world.submission(limits=Limits(errors=3)))
    attack.send(HELLO)
    answers: list[bytes] = []
    for _ in range(3):
        attack.protocol.dataReceived(b"AUTH PLAIN AGFubkBleGFtcGxlLm9yZwB3cm9uZw==\r\n")
        world.clock.pump([1.0] * 20)
        answers += codes(attack.send())
    assert answers == [b"535", b"535", b"535", b"421"]
