"""The rest of a message that reached some: it is queued, so that nobody gets it twice, or the client keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.address import Address
from mailframe.delivery.queueing import FIRST_RETRY_SECONDS, QUEUED, queue_rest
from mailframe.envelope import Envelope, Recipient
from mailframe.errors import Temporary
from mailframe.hooks import Delivered, Delivery, Failed, Outcome, Retry
from mailframe.inline import now
from mailframe.interfaces import Leased
from mailframe.queue.memory import MemoryQueue
from mailframe.spool import Message

MAIL = Message.from_bytes(b"Subject: hi\r\n\r\nHello\r\n")
TO = tuple(Recipient(Address(name, "example.org")) for name in ("ann", "bob", "eve"))
DELIVERY = Delivery("m1", Envelope(Address("me", "example.net"), TO), TO, MAIL)
LATER, NEVER = Retry("4.2.2", "Full"), Failed("5.1.1", "Gone")


class QueueingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.queue = MemoryQueue(Clock())

    def rest(self, *outcomes: Outcome) -> list[Outcome]:
        """Return the outcomes of Ann, Bob and Eve, as they are afterwards."""
        results = now(queue_rest(self.queue, DELIVERY, list(zip(TO, outcomes, strict=True)), 1000.0))
        self.assertEqual([recipient for recipient, _outcome in results], list(TO))
        return [outcome for _recipient, outcome in results]

    def queued(self, at: float = 1000.0 + FIRST_RETRY_SECONDS) -> Sequence[Leased]:
        return now(self.queue.lease(at, at + 100, 10))

    def test_who_has_to_wait_is_queued_when_others_have_it(self) -> None:
        self.assertEqual(self.rest(Delivered(), LATER, NEVER), [Delivered(), QUEUED, NEVER])
        self.assertEqual(self.queued(1000.0 + FIRST_RETRY_SECONDS - 1), [])
        [leased] = self.queued()
        self.assertEqual(leased.envelope, Envelope(Address("me", "example.net"), (TO[1],)))
        self.assertEqual((leased.id, bytes(leased.message)), ("m1", bytes(MAIL)))

    def test_the_client_keeps_what_nobody_has(self) -> None:
        self.assertEqual(self.rest(LATER, LATER, NEVER), [LATER, LATER, NEVER])
        self.assertEqual(self.queued(), [])

    def test_nobody_is_queued_when_nobody_has_to_wait(self) -> None:
        self.assertEqual(self.rest(Delivered(), NEVER, Delivered()), [Delivered(), NEVER, Delivered()])
        self.assertEqual(self.queued(), [])

    def test_the_client_keeps_what_cannot_be_queued(self) -> None:
        async def full(*_arguments: Any, **_options: Any) -> None:
            raise Temporary("the disk is full")

        self.patch(MemoryQueue, "put", full)
        self.assertEqual(self.rest(Delivered(), LATER, NEVER), [Delivered(), LATER, NEVER])
        self.assertEqual(len(self.flushLoggedErrors(Temporary)), 1)
