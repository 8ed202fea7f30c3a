"""Sessions with servers of every kind: what is said, and what each answer means for each recipient."""

from __future__ import annotations

import quopri
from pathlib import Path
from unittest import mock

import pytest

from mailframe.address import Address
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Action, Delivered, Delivery, Failed, Outcome, Retry
from mailframe.net.conversation import INBOX_OCTETS
from mailframe.smtp.client.limits import DEFAULT, ClientLimits
from mailframe.smtp.client.outcomes import Stale, Unusable
from mailframe.smtp.client.plan import CannotCarry
from mailframe.smtp.client.session import EAGER_OCTETS
from mailframe.spool import FileBody, Message
from tests.smtp.client.dialogue import Dialogue

ANN, BOB, CAT = (Address(name, "example.org") for name in ("ann", "bob", "cat"))
MESSAGE = Message.from_bytes(b"Subject: hi\r\n\r\n.dot\r\nend\r\n")
HEAD = r"Subject: big\r\n"
"""Of the big message, without its last line end, as a script says it."""
BIG = Message.from_bytes(b"Subject: big\r\n\r\n" + b"x" * 70 + b"\r\n" * (EAGER_OCTETS // 2))


def delivery(*to: Address, message: Message = MESSAGE, **wishes: object) -> Delivery:
    recipients = tuple(map(Recipient, to or (ANN,)))
    envelope = Envelope(Address("me", "example.net"), recipients, **wishes)  # type: ignore[arg-type]  # of any field
    return Delivery("id", envelope, recipients, message)


def greeted(*offers: str, lmtp: bool = False, limits: ClientLimits = DEFAULT) -> Dialogue:
    """Return a dialogue with a server that offers these keywords."""
    dialogue = Dialogue(lmtp, limits)
    dialogue.begin(dialogue.session.greet)
    lines = [f"S: 250-{line}" for line in ("mx.example", *offers)]
    lines[-1] = lines[-1].replace("250-", "250 ")
    dialogue.play("\n".join(["S: 220 mx.example", f"C: {'LHLO' if lmtp else 'EHLO'} us.example", *lines]))
    dialogue.result()
    return dialogue


def sent(dialogue: Dialogue, script: str, what: Delivery | None = None) -> dict[Address, Outcome]:
    """Send a message while the server follows a script."""
    each = what or delivery()
    planned = dialogue.session.plan(each)
    dialogue.begin(lambda: dialogue.session.transact(planned))
    dialogue.play(script)
    results: dict[Address, Outcome] = dialogue.result()
    return results


def begin(dialogue: Dialogue, what: Delivery) -> None:
    """Send a message, and go on."""
    planned = dialogue.session.plan(what)
    dialogue.begin(lambda: dialogue.session.transact(planned))


def refusal(dialogue: Dialogue, what: Delivery | None = None) -> tuple[str, bool]:
    """Return why a message does not go to a server, and whether another one may be better."""
    with pytest.raises(CannotCarry) as problem:
        dialogue.session.plan(what or delivery())
    outcome = problem.value.outcome
    assert isinstance(outcome, Failed)
    return outcome.status, problem.value.elsewhere


def kinds(results: dict[Address, Outcome]) -> dict[str, tuple[str, str]]:
    return {
        address.local: (type(outcome).__name__, getattr(outcome, "status", "")) for address, outcome in results.items()
    }


# --- beginning --------------------------------------------------------------------------------------------------------


def unusable(script: str, lmtp: bool = False, limits: ClientLimits = DEFAULT) -> Retry | Failed:
    dialogue = Dialogue(lmtp, limits)
    dialogue.begin(dialogue.session.greet)
    dialogue.play(script)
    with pytest.raises(Unusable) as problem:
        dialogue.result()
    return problem.value.outcome


def test_a_server_without_ehlo_is_greeted_with_helo() -> None:
    dialogue = Dialogue()
    dialogue.begin(dialogue.session.greet)
    dialogue.play(
        """
        S: 220 mx.example
        C: EHLO us.example
        S: 502 What?
        C: HELO us.example
        S: 250 mx.example
        """
    )
    dialogue.result()
    assert not dialogue.session.offers.keywords


@pytest.mark.parametrize("words", ["554 Go away", "421 Busy", "450 Later", "521 No mail here", "250 What"])
def test_a_server_that_does_not_greet_is_not_used_now(words: str) -> None:
    outcome = unusable(f"S: {words}")
    assert isinstance(outcome, Retry)
    assert outcome.text == f"mx.example said: {words}"
    assert (outcome.remote, outcome.diagnostic) == ("mx.example", words)


def test_a_server_that_refuses_hello_is_not_used_now() -> None:
    said = "S: 220 mx\nC: EHLO us.example\nS: 550 No\nC: HELO us.example\nS: 550 Never"
    assert unusable(said).text == "mx.example said: 550 Never"
    assert unusable("S: 220 mx\nC: LHLO us.example\nS: 550 No", lmtp=True).text == "mx.example said: 550 No"


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("S: HTTP/1.1 400 Bad Request", "mx.example does not speak SMTP: not a reply: HTTP/1.1 400 Bad Request"),
        ("S closes", "mx.example closed the connection (greeting)"),
        ("--: 301 seconds", "mx.example did not answer in time (greeting)"),
        ("S: 220 mx\nC: EHLO us.example\nS closes", "mx.example closed the connection (EHLO)"),
        ("S> 220-\n--: 301 seconds", "mx.example did not answer in time (greeting)"),
    ],
)
def test_trouble_before_anything_was_said(script: str, text: str) -> None:
    assert unusable(script).text == text


def test_a_flood_of_greeting_lines_ends_it() -> None:
    flood = "\n".join(["S: 220-more"] * 10)
    assert "more than 10 lines" in unusable(flood, limits=ClientLimits(reply_lines=10)).text


# --- one transaction --------------------------------------------------------------------------------------------------


def test_without_pipelining_each_command_waits_for_its_reply() -> None:
    results = sent(
        greeted(),
        r"""
        C: MAIL FROM:<me@example.net>
        S: 250 OK
        C: RCPT TO:<ann@example.org>
        S: 250 OK
        C: RCPT TO:<bob@example.org>
        S: 550 5.1.1 No bob
        C: DATA
        S: 354 Go on
        C: Subject: hi\r\n\r\n..dot\r\nend\r\n.
        S: 250 2.0.0 Queued as 123
        """,
        delivery(ANN, BOB),
    )
    assert results == {
        ANN: Delivered(
            "mx.example said: 250 2.0.0 Queued as 123", Action.RELAYED, "mx.example", "250 2.0.0 Queued as 123"
        ),
        BOB: Failed("5.1.1", "mx.example said: 550 5.1.1 No bob", "mx.example", "550 5.1.1 No bob"),
    }


def test_with_pipelining_the_envelope_goes_at_once() -> None:
    results = sent(
        greeted("PIPELINING"),
        r"""
        C: MAIL FROM:<me@example.net>\r\nRCPT TO:<ann@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA
        S: 250 OK
        S: 250 OK
        S: 450 4.2.1 Busy
        S: 354 Go on
        C: Subject: hi\r\n\r\n..dot\r\nend\r\n.
        S: 250 OK
        """,
        delivery(ANN, BOB),
    )
    assert kinds(results) == {"ann": ("Delivered", ""), "bob": ("Retry", "4.2.1")}


def test_a_small_message_and_its_end_are_one_piece() -> None:
    dialogue = greeted("PIPELINING")
    begin(dialogue, delivery())
    dialogue.play(r"C: MAIL FROM:<me@example.net>\r\nRCPT TO:<ann@example.org>\r\nDATA")
    with mock.patch.object(dialogue.wire, "write") as write:
        dialogue.play("S: 250 OK\nS: 250 OK\nS: 354 Go on")
    write.assert_called_once_with(b"Subject: hi\r\n\r\n..dot\r\nend\r\n.\r\n")


def test_a_server_that_wants_data_for_nobody_gets_nothing() -> None:
    results = sent(
        greeted("PIPELINING"),
        r"""
        C: MAIL FROM:<me@example.net>\r\nRCPT TO:<ann@example.org>\r\nDATA
        S: 250 OK
        S: 550 No
        S: 354 Go on
        C: .
        S: 554 No recipients
        """,
    )
    assert kinds(results) == {"ann": ("Failed", "5.0.0")}


@pytest.mark.parametrize("offers", [(), ("PIPELINING",)])
def test_after_a_refused_transaction_the_next_one_resets_it(offers: tuple[str, ...]) -> None:
    dialogue = greeted(*offers)
    if offers:
        first = r"C: MAIL FROM:<me@example.net>\r\nRCPT TO:<ann@example.org>\r\nDATA"
        first += "\nS: 250 OK\nS: 550 5.1.1 No\nS: 503 No recipients"
        second = r"C: RSET\r\nMAIL FROM:<me@example.net>\r\nRCPT TO:<bob@example.org>\r\nDATA"
        second += "\nS: 250 OK\nS: 250 OK\nS: 250 OK\nS: 354 Go on"
    else:
        first = "C: MAIL FROM:<me@example.net>\nS: 250 OK\nC: RCPT TO:<ann@example.org>\nS: 550 5.1.1 No"
        second = "C: RSET\nS: 250 OK\nC: MAIL FROM:<me@example.net>\nS: 250 OK\nC: RCPT TO:<bob@example.org>\nS: 250 OK"
        second += "\nC: DATA\nS: 354 Go on"
    assert kinds(sent(dialogue, first)) == {"ann": ("Failed", "5.1.1")}
    end = "\n" + r"C: Subject: hi\r\n\r\n..dot\r\nend\r\n." + "\nS: 250 OK"
    assert kinds(sent(dialogue, second + end, delivery(BOB))) == {"bob": ("Delivered", "")}
    third = second.replace(r"RSET\r\n", "").replace("C: RSET\nS: 250 OK\n", "")
    third = third.replace("S: 250 OK\n", "", 1) if offers else third
    assert kinds(sent(dialogue, third + end, delivery(BOB))) == {"bob": ("Delivered", "")}


@pytest.mark.parametrize(
    ("reply", "kind", "status"),
    [
        ("550 5.7.1 No", "Failed", "5.7.1"),
        ("550 No", "Failed", "5.0.0"),
        ("450 4.7.1 Greylisted", "Retry", "4.7.1"),
        ("451 5.7.1 Odd", "Retry", "4.0.0"),
        ("421 4.3.2 Going down", "Retry", "4.3.2"),
        ("350 Odd", "Retry", "4.0.0"),
    ],
)
def test_a_refused_sender_is_refused_for_all(reply: str, kind: str, status: str) -> None:
    results = sent(greeted(), f"C: MAIL FROM:<me@example.net>\nS: {reply}", delivery(ANN, BOB))
    assert kinds(results) == {"ann": (kind, status), "bob": (kind, status)}
    results = sent(
        greeted("PIPELINING"),
        rf"""
        C: MAIL FROM:<me@example.net>\r\nRCPT TO:<ann@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA
        S: {reply}
        S: 503 No
        S: 503 No
        S: 503 No
        """,
        delivery(ANN, BOB),
    )
    assert kinds(results) == {"ann": (kind, status), "bob": (kind, status)}


def test_a_sender_that_is_refused_with_a_farewell_is_what_became_of_all() -> None:
    dialogue = greeted("PIPELINING")
    results = sent(
        dialogue,
        r"""
        C: MAIL FROM:<me@example.net>\r\nRCPT TO:<ann@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA
        S: 421 4.7.0 Too much mail from you
        S closes
        """,
        delivery(ANN, BOB),
    )
    assert kinds(results) == {"ann": ("Retry", "4.7.0"), "bob": ("Retry", "4.7.0")}
    assert results[ANN].text == "mx.example said: 421 4.7.0 Too much mail from you"


def test_too_many_recipients_are_tried_again_whatever_the_code() -> None:
    script = "C: MAIL FROM:<me@example.net>\nS: 250 OK\nC: RCPT TO:<ann@example.org>\nS: 552 Too many"
    assert kinds(sent(greeted(), script)) == {"ann": ("Retry", "4.5.3")}


TO_DATA = "C: MAIL FROM:<me@example.net>\nS: 250 OK\nC: RCPT TO:<ann@example.org>\nS: 250 OK\nC: DATA\n"
WHOLE = r"C: Subject: hi\r\n\r\n..dot\r\nend\r\n." + "\n"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [("554 5.7.1 No", "Failed"), ("451 4.3.0 Later", "Retry"), ("250 What", "Retry"), ("421 4.3.2 Bye", "Retry")],
)
def test_data_may_be_refused(reply: str, kind: str) -> None:
    assert kinds(sent(greeted(), f"{TO_DATA}S: {reply}"))["ann"][0] == kind


@pytest.mark.parametrize(("reply", "kind"), [("552 5.3.4 Too big", "Failed"), ("452 4.3.1 Full", "Retry")])
def test_the_message_may_be_refused(reply: str, kind: str) -> None:
    results = sent(greeted(), f"{TO_DATA}S: 354 Go on\n{WHOLE}S: {reply}")
    assert kinds(results) == {"ann": (kind, reply.split()[1])}


@pytest.mark.parametrize(
    ("until", "script", "text"),
    [
        ("MAIL", "C: MAIL FROM:<me@example.net>\nS closes", "closed"),
        ("MAIL", "C: MAIL FROM:<me@example.net>\n--: 301 seconds", "in time"),
        ("RCPT", "C: MAIL FROM:<me@example.net>\nS: 250 OK\nC: RCPT TO:<ann@example.org>\nS closes", "closed"),
        ("RCPT", "C: MAIL FROM:<me@example.net>\nS: 250 OK\nC: RCPT TO:<ann@example.org>\n--: 301 seconds", "in time"),
        ("DATA", f"{TO_DATA}S closes", "closed"),
        ("DATA", f"{TO_DATA}--: 121 seconds", "in time"),
        ("end", f"{TO_DATA}S: 354 Go on\n{WHOLE}S closes", "closed"),
        ("end", f"{TO_DATA}S: 354 Go on\n{WHOLE}--: 601 seconds", "in time"),
        ("end", f"{TO_DATA}S: 354 Go on\n{WHOLE}S: gibberish", "does not speak SMTP"),
    ],
)
def test_a_server_that_goes_silent_is_tried_again_later(until: str, script: str, text: str) -> None:
    dialogue = greeted()
    [outcome] = sent(dialogue, script).values()
    assert isinstance(outcome, Retry)
    assert text in outcome.text
    assert dialogue.session.over


def test_patience_at_the_end_of_the_message_is_ten_minutes() -> None:
    results = sent(greeted(), f"{TO_DATA}S: 354 Go on\n{WHOLE}--: 599 seconds\nS: 250 OK")
    assert kinds(results) == {"ann": ("Delivered", "")}


def test_421_ends_the_session_whatever_it_answers() -> None:
    dialogue = greeted()
    sent(dialogue, f"{TO_DATA}S: 354 Go on\n{WHOLE}S: 421 4.3.2 Bye")
    assert dialogue.session.over


# --- a connection that was kept ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["S closes", "S: 421 Idle for too long"])
def test_a_kept_connection_that_is_dead_is_noticed_before_anything_is_sent(end: str) -> None:
    dialogue = greeted()
    sent(dialogue, f"{TO_DATA}S: 354 Go on\n{WHOLE}S: 250 OK")
    with pytest.raises(Stale):
        sent(dialogue, f"C: MAIL FROM:<me@example.net>\n{end}")


# --- LMTP -------------------------------------------------------------------------------------------------------------


def test_lmtp_answers_for_each_recipient() -> None:
    results = sent(
        greeted("PIPELINING", lmtp=True),
        r"""
        C: MAIL FROM:<me@example.net>\r\nRCPT TO:<ann@example.org>\r\nRCPT TO:<bob@example.org>
        C: RCPT TO:<cat@example.org>\r\nDATA
        S: 250 OK
        S: 250 OK
        S: 550 5.1.1 No
        S: 250 OK
        S: 354 Go on
        C: Subject: hi\r\n\r\n..dot\r\nend\r\n.
        S: 250 2.1.5 ann has it
        S: 452 4.2.2 cat is full
        """,
        delivery(ANN, BOB, CAT),
    )
    assert kinds(results) == {"ann": ("Delivered", ""), "bob": ("Failed", "5.1.1"), "cat": ("Retry", "4.2.2")}
    ann = results[ANN]
    assert isinstance(ann, Delivered)
    assert ann.action is Action.DELIVERED


def test_lmtp_that_reports_relieves_us_of_it() -> None:
    [outcome] = sent(greeted("DSN", lmtp=True), f"{TO_DATA}S: 354 Go on\n{WHOLE}S: 250 OK").values()
    assert isinstance(outcome, Delivered)
    assert outcome.action is Action.PASSED_ON


def test_lmtp_that_breaks_off_between_two_answers_counts_for_those_it_has_given() -> None:
    results = sent(
        greeted("PIPELINING", lmtp=True),
        r"""
        C: MAIL FROM:<me@example.net>\r\nRCPT TO:<ann@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA
        S: 250 OK
        S: 250 OK
        S: 250 OK
        S: 354 Go on
        C: Subject: hi\r\n\r\n..dot\r\nend\r\n.
        S: 250 2.1.5 ann has it
        S closes
        """,
        delivery(ANN, BOB),
    )
    assert kinds(results) == {"ann": ("Delivered", ""), "bob": ("Retry", "4.4.2")}


# --- CHUNKING ---------------------------------------------------------------------------------------------------------


def test_a_small_message_goes_with_its_envelope_where_bdat_is_offered() -> None:
    results = sent(
        greeted("PIPELINING", "CHUNKING"),
        r"""
        C: MAIL FROM:<me@example.net>\r\nRCPT TO:<ann@example.org>\r\nBDAT 26 LAST\r\nSubject: hi\r\n\r\n.dot\r\nend
        S: 250 OK
        S: 250 OK
        S: 250 Got it
        """,
    )
    assert kinds(results) == {"ann": ("Delivered", "")}


def test_bdat_for_nobody_is_refused_and_nothing_is_lost() -> None:
    results = sent(
        greeted("PIPELINING", "CHUNKING"),
        r"""
        C: MAIL FROM:<me@example.net>\r\nRCPT TO:<ann@example.org>\r\nBDAT 26 LAST\r\nSubject: hi\r\n\r\n.dot\r\nend
        S: 250 OK
        S: 550 5.1.1 No
        S: 503 No recipients
        """,
    )
    assert kinds(results) == {"ann": ("Failed", "5.1.1")}


def test_a_big_message_waits_for_its_recipients() -> None:
    dialogue = greeted("PIPELINING", "CHUNKING")
    results = sent(
        dialogue,
        r"""
        C: MAIL FROM:<me@example.net>\r\nRCPT TO:<ann@example.org>
        S: 250 OK
        S: 550 5.1.1 No
        """,
        delivery(message=BIG),
    )
    assert kinds(results) == {"ann": ("Failed", "5.1.1")}


def test_a_big_message_is_one_chunk_that_is_never_whole_in_memory(tmp_path: Path) -> None:
    body = b"".join(b".%06d\r\n" % number for number in range(40_000))
    (tmp_path / "body").write_bytes(body)
    message = Message(b"Subject: big\r\n\r\n", FileBody(str(tmp_path / "body"), len(body)))
    dialogue = greeted("PIPELINING", "CHUNKING")
    begin(dialogue, delivery(message=message))
    dialogue.play(r"C: MAIL FROM:<me@example.net>\r\nRCPT TO:<ann@example.org>")
    dialogue.connection.dataReceived(b"250 OK\r\n250 OK\r\n")
    said = dialogue.wire.value()
    assert said == b"BDAT %d LAST\r\n" % message.size + message.head + body
    dialogue.wire.clear()
    dialogue.play("S: 250 OK")
    assert kinds(dialogue.result()) == {"ann": ("Delivered", "")}


def test_a_big_message_is_made_7bit_while_it_is_sent(tmp_path: Path) -> None:
    body = "Grüße\r\n.\r\n".encode() * 30_000
    (tmp_path / "body").write_bytes(body)
    message = Message(b"Subject: big\r\nMIME-Version: 1.0\r\n\r\n", FileBody(str(tmp_path / "body"), len(body)))
    dialogue = greeted("PIPELINING", "CHUNKING")
    begin(dialogue, delivery(message=message, body="8BITMIME"))
    dialogue.play(r"C: MAIL FROM:<me@example.net>\r\nRCPT TO:<ann@example.org>\r\nDATA")
    dialogue.connection.dataReceived(b"250 OK\r\n250 OK\r\n354 Go on\r\n")
    said = dialogue.wire.value()
    assert said.isascii()
    assert said.endswith(b"\r\n.\r\n")
    assert quopri.decodestring(said.replace(b"\r\n..", b"\r\n.")).count("Grüße".encode()) == 30_000
    dialogue.wire.clear()
    dialogue.play("S: 250 OK")
    assert kinds(dialogue.result()) == {"ann": ("Delivered", "")}


def test_dots_are_stuffed_wherever_the_pieces_of_a_message_end() -> None:
    data = b"Subject: dots\r\n\r\n.\r\n..\r\n.a\r\n\r\n.\r\n"
    stuffed = b"Subject: dots\r\n\r\n..\r\n...\r\n..a\r\n\r\n..\r\n.\r\n"
    message = Message.from_bytes(data)
    for first in range(len(data) + 1):
        for second in range(first, len(data) + 1):
            pieces = [data[:first], data[first:second], data[second:]]
            dialogue = greeted()
            with mock.patch.object(Message, "chunks", lambda _message, pieces=pieces: iter(pieces)):
                begin(dialogue, delivery(message=message))
                dialogue.connection.dataReceived(b"250 OK\r\n250 OK\r\n")
                dialogue.wire.clear()
                dialogue.connection.dataReceived(b"354 Go on\r\n")
            assert dialogue.wire.value() == stuffed, pieces


def test_a_server_that_reads_slowly_is_waited_for_and_may_refuse_on_the_way(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"x" * 200_000)
    message = Message(b"Subject: big\r\n\r\n", FileBody(str(tmp_path / "body"), 200_000))
    for script, kind in (
        ("--: 181 seconds", ("Retry", "4.4.2")),
        ("S: 552 5.3.4 Too big\nS closes", ("Failed", "5.3.4")),
        ("S: 250 What\nS closes", ("Retry", "4.4.2")),
        ("S closes", ("Retry", "4.4.2")),
    ):
        dialogue = greeted("PIPELINING", "CHUNKING")
        begin(dialogue, delivery(message=message))
        dialogue.play(r"C: MAIL FROM:<me@example.net>\r\nRCPT TO:<ann@example.org>")
        with mock.patch.object(dialogue.wire, "write", lambda _data, to=dialogue: to.connection.pauseProducing()):
            dialogue.connection.dataReceived(b"250 OK\r\n250 OK\r\n")
        dialogue.play(script)
        assert kinds(dialogue.result()) == {"ann": kind}, script
        assert dialogue.session.over


def test_a_server_that_talks_and_does_not_listen_fills_no_memory(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"x" * 200_000)
    message = Message(b"Subject: big\r\n\r\n", FileBody(str(tmp_path / "body"), 200_000))
    dialogue = greeted("PIPELINING", "CHUNKING")
    begin(dialogue, delivery(message=message))
    with mock.patch.object(dialogue.wire, "write", lambda _data, to=dialogue: to.connection.pauseProducing()):
        dialogue.connection.dataReceived(b"250 OK\r\n250 OK\r\n")
    for _ in range(100):
        if dialogue.wire.producerState == "paused":
            break
        dialogue.connection.dataReceived(b"250 And another thing\r\n" * 100)
    assert dialogue.wire.producerState == "paused"
    assert len(dialogue.connection.inbox) <= INBOX_OCTETS + 10_000
    dialogue.clock.advance(DEFAULT.block)
    assert kinds(dialogue.result()) == {"ann": ("Retry", "4.4.2")}


@pytest.mark.parametrize("octets", [9, 11])
@pytest.mark.parametrize("offers", [(), ("CHUNKING",)])
def test_a_message_that_cannot_be_read_whole_is_not_ended(tmp_path: Path, octets: int, offers: tuple[str, ...]) -> None:
    (tmp_path / "body").write_bytes(b"x" * 10)
    message = Message(b"A: b\r\n\r\n", FileBody(str(tmp_path / "body"), octets))
    dialogue = greeted(*offers)
    begin(dialogue, delivery(message=message))
    dialogue.play("C: MAIL FROM:<me@example.net>\nS: 250 OK\nC: RCPT TO:<ann@example.org>")
    dialogue.connection.dataReceived(b"250 OK\r\n")
    if not offers:
        dialogue.play("C: DATA")
        dialogue.connection.dataReceived(b"354 Go on\r\n")
    assert not dialogue.wire.value().endswith(b"\r\n.\r\n")
    assert kinds(dialogue.result()) == {"ann": ("Retry", "4.3.0")}
    assert dialogue.session.over


def test_an_empty_message_is_one_empty_chunk() -> None:
    results = sent(
        greeted("CHUNKING"),
        "C: MAIL FROM:<me@example.net>\nS: 250 OK\nC: RCPT TO:<ann@example.org>\nS: 250 OK\nC: BDAT 0 LAST\nS: 250 OK",
        delivery(message=Message(b"", b"")),
    )
    assert kinds(results) == {"ann": ("Delivered", "")}


# --- what cannot be carried -------------------------------------------------------------------------------------------


def test_what_the_server_cannot_take_is_not_offered_to_it() -> None:
    assert refusal(greeted("SIZE 10")) == ("5.3.4", False)
    assert refusal(greeted(), delivery(Address("用户", "example.org"))) == ("5.6.7", False)
    utf8 = Message.from_bytes("Subject: ü\r\n\r\n".encode())
    assert refusal(greeted(), delivery(message=utf8, smtputf8=True)) == ("5.6.7", False)
    assert refusal(greeted(), delivery(require_tls=True)) == ("5.7.30", True)
    partial = Message.from_bytes("Content-Type: message/partial\r\n\r\nü\r\n".encode())
    assert refusal(greeted(), delivery(message=partial, body="8BITMIME")) == ("5.6.3", False)


def test_what_grows_too_big_by_being_made_7bit_is_not_offered() -> None:
    latin = Message.from_bytes(b"Subject: hi\r\n\r\n" + b"\xfc" * 60 + b"\r\n")
    assert refusal(greeted("SIZE 100"), delivery(message=latin, body="8BITMIME")) == ("5.3.4", False)
    size = greeted("SIZE 1000").session.plan(delivery(message=latin, body="8BITMIME")).size
    assert size is not None
    assert size > 100


def test_where_mail_stays_nobody_asks_how_it_would_go_on() -> None:
    dialogue = greeted(lmtp=True)
    assert dialogue.session.plan(delivery(require_tls=True)).mail == b"MAIL FROM:<me@example.net>\r\n"
    dialogue = greeted("REQUIRETLS", lmtp=True)
    assert dialogue.session.plan(delivery(require_tls=True)).mail == b"MAIL FROM:<me@example.net> REQUIRETLS\r\n"


def test_a_binary_message_goes_as_7bit_to_a_server_that_takes_no_other() -> None:
    dialogue = greeted("BINARYMIME")  # of no use without CHUNKING (RFC 3030 3)
    long = Message.from_bytes(b"Subject: hi\r\n\r\n" + b"x" * 999 + b"\r\n")
    begin(dialogue, delivery(message=long, body="BINARYMIME"))
    dialogue.play("C: MAIL FROM:<me@example.net>\nS: 250 ok\nC: RCPT TO:<ann@example.org>\nS: 250 ok\nC: DATA")
    dialogue.connection.dataReceived(b"354 go on\r\n")
    lines = dialogue.wire.value().split(b"\r\n")
    assert b"Content-Transfer-Encoding: quoted-printable" in lines
    assert max(map(len, lines)) <= 76


def test_wishes_go_along_where_they_are_understood() -> None:
    dialogue = greeted("PIPELINING", "SIZE", "8BITMIME", "DSN", "SMTPUTF8", "REQUIRETLS")
    recipient = Recipient(Address("用户", "example.org"), frozenset({"SUCCESS", "DELAY"}), "rfc822;a+b@example.org")
    envelope = Envelope(None, (recipient,), "8BITMIME", True, True, "HDRS", "a=b")
    message = Message.from_bytes("Subject: ü\r\n\r\n".encode())
    begin(dialogue, Delivery("id", envelope, (recipient,), message))
    said = dialogue.wire.value().decode()
    assert said == (
        "MAIL FROM:<> SIZE=15 BODY=8BITMIME RET=HDRS ENVID=a+3Db SMTPUTF8 REQUIRETLS\r\n"
        "RCPT TO:<用户@example.org> NOTIFY=DELAY,SUCCESS ORCPT=rfc822;a+2Bb@example.org\r\nDATA\r\n"
    )


def test_a_message_without_need_of_utf8_goes_to_servers_without_it() -> None:
    dialogue = greeted()
    begin(dialogue, delivery(smtputf8=True))
    assert dialogue.wire.value() == b"MAIL FROM:<me@example.net>\r\n"


def test_a_recipient_that_is_there_twice_is_named_once() -> None:
    dialogue = greeted("PIPELINING")
    begin(dialogue, delivery(ANN, ANN))
    assert dialogue.wire.value().count(b"RCPT") == 1


def test_a_server_that_reports_relieves_us_of_it() -> None:
    [outcome] = sent(greeted("DSN"), f"{TO_DATA}S: 354 Go on\n{WHOLE}S: 250 OK").values()
    assert isinstance(outcome, Delivered)
    assert outcome.action is Action.PASSED_ON


def test_quit_is_said_and_nobody_waits_long_for_the_answer() -> None:
    dialogue = greeted()
    dialogue.begin(dialogue.session.quit)
    dialogue.play("C: QUIT\n--: 6 seconds")
    assert dialogue.result() is None
    assert dialogue.session.over
