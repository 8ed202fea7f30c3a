"""DSN (RFC 3461): wishes about reports are read strictly, kept decoded, and change no answer."""

from __future__ import annotations

from typing import Any

import pytest

from mailframe.hooks import Delivered
from mailframe.queue.memory import MemoryQueue
from tests.smtp.world import World

BEGIN = """
C: MAIL FROM:<eve@example.net>
S: 250 2.1.0 Sender OK
"""


def play(script: str, **options: Any) -> list[Any]:
    """Play a transcript; return what was delivered."""
    deliveries: list[Any] = []

    def target(delivery: Any) -> Delivered:
        deliveries.append(delivery)
        return Delivered()

    world = World()
    world.greeted(world.mx(routes=target, queue=MemoryQueue(world.clock), **options)).play(script)
    return deliveries


def test_the_wishes_come_with_the_delivery() -> None:
    [delivery] = play("""
        C: MAIL FROM:<eve@example.net> RET=hdrs ENVID=QQ+2B314+20159
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<ann@example.org> NOTIFY=success,Delay ORCPT=rfc822;Ann+2Bx@example.org
        S: 250 2.1.5 Recipient OK
        C: RCPT TO:<bob@example.org> NOTIFY=NEVER
        S: 250 2.1.5 Recipient OK
        C: RCPT TO:<joe@example.org>
        S: 250 2.1.5 Recipient OK
        C: DATA
        S: 354 ...
        C: .
        S: 250 2.0.0 OK, stored as ...
    """)
    assert (delivery.envelope.ret, delivery.envelope.envid) == ("HDRS", "QQ+314 159")
    ann, bob, joe = delivery.recipients
    assert (ann.notify, ann.orcpt) == ({"SUCCESS", "DELAY"}, "rfc822;Ann+x@example.org")
    assert (bob.notify, bob.orcpt) == ({"NEVER"}, None)
    assert (joe.notify, joe.orcpt) == (frozenset(), None)


def test_without_wishes_there_are_none() -> None:
    [delivery] = play(
        BEGIN + "C: RCPT TO:<ann@example.org>\nS: 250 ...\nC: DATA\nS: 354 ...\nC: .\nS: 250 2.0.0 OK, stored as ..."
    )
    assert (delivery.envelope.ret, delivery.envelope.envid) == (None, None)


def test_wishes_of_one_message_are_not_those_of_the_next() -> None:
    [delivery] = play(
        """
        C: MAIL FROM:<eve@example.net> RET=FULL ENVID=x
        S: 250 2.1.0 Sender OK
        C: RSET
        S: 250 2.0.0 OK
        C: MAIL FROM:<eve@example.net>
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<ann@example.org>
        S: 250 2.1.5 Recipient OK
        C: DATA
        S: 354 ...
        C: .
        S: 250 2.0.0 OK, stored as ...
        """
    )
    assert (delivery.envelope.ret, delivery.envelope.envid) == (None, None)


@pytest.mark.parametrize(
    ("parameters", "answer"),
    [
        ("RET", "501 5.5.4 RET=FULL or RET=HDRS expected"),
        ("RET=SOME", "501 5.5.4 RET=FULL or RET=HDRS expected"),
        ("RET=FULL RET=FULL", "501 5.5.2 A parameter is malformed or comes twice"),
        ("RET=FULL ret=HDRS", "501 5.5.2 A parameter is malformed or comes twice"),
        ("ENVID", "501 5.5.4 Bad ENVID: a value expected"),
        ("ENVID=", "501 5.5.2 A parameter is malformed or comes twice"),
        ("ENVID=a+0D+0AX-Evil:+20yes", "501 5.5.4 Bad ENVID: xtext stands for printable ASCII only"),
        ("ENVID=a+2", "501 5.5.4 Bad ENVID: xtext expected"),
        ("ENVID=a+2b", "501 5.5.4 Bad ENVID: xtext expected"),
        (f"ENVID={'x' * 101}", "501 5.5.4 Bad ENVID: at most 100 characters expected"),
        ("ENVID=x ENVID=y", "501 5.5.2 A parameter is malformed or comes twice"),
        ("NOTIFY=NEVER", "555 5.5.4 MAIL has no parameter NOTIFY"),
        (f"RET=full ENVID={'x' * 100}", "250 2.1.0 Sender OK"),
    ],
)
def test_parameters_of_mail(parameters: str, answer: str) -> None:
    play(f"C: MAIL FROM:<eve@example.net> {parameters}\nS: {answer}")


@pytest.mark.parametrize(
    ("parameters", "answer"),
    [
        ("NOTIFY", "501 5.5.4 NOTIFY=NEVER, or a list of SUCCESS, FAILURE and DELAY expected"),
        ("NOTIFY=NEVER,SUCCESS", "501 5.5.4 NOTIFY=NEVER, ..."),
        ("NOTIFY=SUCCESS,,DELAY", "501 5.5.4 NOTIFY=NEVER, ..."),
        ("NOTIFY=SOMETIMES", "501 5.5.4 NOTIFY=NEVER, ..."),
        ("NOTIFY=SUCCESS NOTIFY=DELAY", "501 5.5.2 A parameter is malformed or comes twice"),
        ("ORCPT", "501 5.5.4 Bad ORCPT: a value expected"),
        ("ORCPT=ann@example.org", "501 5.5.4 Bad ORCPT: an address type, a semicolon and an address expected"),
        ("ORCPT=rfc822;", "501 5.5.4 Bad ORCPT: an address type, ..."),
        ("ORCPT=rfc822;ann+0A", "501 5.5.4 Bad ORCPT: xtext stands for printable ASCII only"),
        ("ORCPT=utf-8;gr+C3+BC", "501 5.5.4 Bad ORCPT: unitext expected"),
        (f"ORCPT=rfc822;{'x' * 494}", "501 5.5.4 Bad ORCPT: at most 500 characters expected"),
        ("ORCPT=utf-8;grüße@example.org", "553 5.6.7 ..."),
        ("RET=FULL", "555 5.5.4 RCPT has no parameter RET"),
        ("NOTIFY=SUCCESS,FAILURE,DELAY", "250 2.1.5 Recipient OK"),
        (f"ORCPT=rfc822;{'x' * 493}", "250 2.1.5 Recipient OK"),
        (r"ORCPT=utf-8;gr\x{FC}\x{DF}e@example.org", "250 2.1.5 Recipient OK"),
    ],
)
def test_parameters_of_rcpt(parameters: str, answer: str) -> None:
    play(BEGIN + f"C: RCPT TO:<ann@example.org> {parameters}\nS: {answer}")


def test_a_refused_recipient_is_none() -> None:
    play(
        BEGIN
        + "C: RCPT TO:<ann@example.org> NOTIFY=X\nS: 501 5.5.4 ...\nC: DATA\nS: 554 5.5.1 No valid recipients\n"
        + "C: RCPT TO:<ann@example.org> NOTIFY=NEVER\nS: 250 2.1.5 Recipient OK"
    )


@pytest.mark.parametrize("form", ["grüße@example.org", r"gr\x{FC}ße@example.org", r"gr\x{FC}\x{df}e@example.org"])
def test_an_original_recipient_in_utf_8_is_kept_as_unicode(form: str) -> None:
    [delivery] = play(
        f"""
        C: MAIL FROM:<eve@example.net> SMTPUTF8
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<ann@example.org> ORCPT=utf-8;{form}
        S: 250 2.1.5 Recipient OK
        C: DATA
        S: 354 ...
        C: .
        S: 250 2.0.0 OK, stored as ...
        """
    )
    assert delivery.recipients[0].orcpt == "utf-8;grüße@example.org"


def test_lmtp_takes_the_wishes_too() -> None:
    world = World()
    world.greeted(world.lmtp(queue=MemoryQueue(world.clock)), "LHLO").play("""
        C: MAIL FROM:<eve@example.net> RET=HDRS ENVID=x
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<ann@example.org> NOTIFY=NEVER
        S: 250 2.1.5 Recipient OK
    """)


def test_whoever_cannot_report_does_not_promise_to() -> None:
    world = World()
    world.greeted(world.mx()).play("""
        C: MAIL FROM:<eve@example.net> RET=HDRS
        S: 555 5.5.4 MAIL has no parameter RET
        C: MAIL FROM:<eve@example.net>
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<ann@example.org> NOTIFY=SUCCESS
        S: 555 5.5.4 RCPT has no parameter NOTIFY
    """)
