"""Who asks for it is told of success (RFC 3461 4.1), also of what was delivered before the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mailframe.address import Address
from mailframe.delivery.discard import discard
from mailframe.delivery.forward import ToForward
from mailframe.delivery.routes import Route
from mailframe.errors import Temporary
from mailframe.hooks import Delivered, Delivery, Failed, Outcome
from mailframe.inline import now
from mailframe.interfaces import Leased
from mailframe.queue.memory import MemoryQueue
from tests.smtp.world import World

ANN, BOB = Address("ann", "example.org"), Address("bob", "example.org")


def play(*recipients: str, target: Any = None, lmtp: bool = False, answer: str = "S: 250 ...") -> Sequence[Leased]:
    """Send a message; return what is queued then."""
    world = World()
    queue = MemoryQueue(world.clock)
    routes = [Route("example.org", target or (lambda delivery: Delivered("here")))]
    player = world.lmtp(routes=routes, queue=queue) if lmtp else world.mx(routes=routes, queue=queue)
    asked = "".join(f"C: RCPT TO:{each}\nS: 250 ...\n" for each in recipients)
    data = f"C: DATA\nS: 354 ...\nC: Subject: hi\nC:\nC: .\n{answer}"
    world.greeted(player, "LHLO" if lmtp else "EHLO").play(f"C: MAIL FROM:<me@example.net>\nS: 250 ...\n{asked}{data}")
    found: list[Leased] = []
    while more := now(queue.lease(2e9, 2e9 + 1, 100)):  # those of one destination
        found += more
    return found


def test_who_wants_to_know_is_told() -> None:
    [leased] = play("<ann@example.org> NOTIFY=SUCCESS", "<bob@example.org> NOTIFY=FAILURE", "<eve@example.org>")
    assert (leased.envelope.sender, str(leased.envelope.recipients[0].address)) == (None, "me@example.net")
    report = bytes(leased.message)
    assert b"Action: delivered\r\n" in report
    assert b"Final-Recipient: rfc822; ann@example.org\r\n" in report
    assert b"bob@example.org" not in report


def test_several_recipients_make_one_report() -> None:
    [leased] = play("<ann@example.org> NOTIFY=SUCCESS", "<bob@example.org> NOTIFY=SUCCESS,DELAY")
    assert bytes(leased.message).count(b"Action: delivered\r\n") == 2


def test_others_are_not() -> None:
    assert play("<ann@example.org> NOTIFY=NEVER", "<bob@example.org>") == []
    assert play("<ann@example.org> NOTIFY=SUCCESS", target=discard) == []


def test_a_message_that_the_client_sends_again_is_not_reported_twice() -> None:
    def target(delivery: Delivery) -> dict[Address, Outcome]:
        return {ANN: Delivered(), BOB: Failed()}

    to = ("<ann@example.org> NOTIFY=SUCCESS", "<bob@example.org>")
    assert play(*to, target=target, answer="S: 550 ...") == []
    [leased] = play(*to, target=target, lmtp=True, answer="S: 250 ...\nS: 550 ...")
    assert b"ann@example.org" in bytes(leased.message)


def test_an_address_that_stands_for_several_is_expanded() -> None:
    [report] = [
        each
        for each in play("<ann@example.org> NOTIFY=SUCCESS", target=ToForward(["a@a.example", "b@b.example"]))
        if each.envelope.sender is None
    ]
    assert b"Action: expanded\r\n" in bytes(report.message)


def test_mail_is_delivered_whether_the_report_can_be_queued_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_arguments: Any) -> None:
        raise Temporary("the disk is full")

    monkeypatch.setattr(MemoryQueue, "put", full)
    assert play("<ann@example.org> NOTIFY=SUCCESS") == []
