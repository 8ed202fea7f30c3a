"""A test case around a delivery queue: what the contract's tests have in common."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailframe.address import Address
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Outcome, Retry
from mailframe.interfaces import IDeliveryQueue, Leased, Settlement
from mailframe.spool import FileBody, Message, Spool

SMALL = Message.from_bytes(b"Subject: small\r\n\r\nHello\r\n")
BIG_OCTETS = 300_000

LATER = Retry("4.4.1", "nobody answers")


def envelope_to(*names: str) -> Envelope:
    """Return an envelope to these local parts."""
    return Envelope(Address("sender", "example.org"), tuple(Recipient(Address(name, "example.net")) for name in names))


def names(leased: Sequence[Leased]) -> list[str]:
    """Return the local parts of the recipients, in their order."""
    return [each.envelope.recipients[0].address.local for each in leased]


if TYPE_CHECKING:
    _Case = TestCase
else:
    _Case = object


class QueueCase(_Case):
    """
    @ivar clock: the queue's.
    @ivar queue: under test.
    """

    def make_queue(self, clock: Clock) -> Awaitable[IDeliveryQueue]:
        """Return an empty queue; register what ends it with C{addCleanup}."""
        raise NotImplementedError("the contract needs something to test")

    def setUp(self) -> Any:
        """Make the queue, at 1000 seconds past the epoch."""
        self.clock = Clock()
        self.clock.advance(1000)
        return Deferred.fromCoroutine(self._begin())

    async def _begin(self) -> None:
        self.queue = await self.make_queue(self.clock)

    def big_message(self, fill: bytes = b"x") -> Message:
        """Return a message whose body is in a file of a spool."""
        directory = tempfile.TemporaryDirectory(prefix="mailframe-spool-")
        self.addCleanup(directory.cleanup)
        writer = Spool(directory.name).begin()
        writer.write(b"Subject: big\r\n\r\n")
        writer.write(fill * BIG_OCTETS)
        message = writer.finish()
        assert isinstance(message.body, FileBody)
        return message

    async def put(self, *recipients: str, id: str = "m1", due: float = 1000.0, message: Message = SMALL) -> None:
        """Put a message for these recipients."""
        await self.queue.put(id, envelope_to(*recipients), message, due)

    async def lend(self, now: float = 1000.0, seconds: float = 100.0, limit: int = 50) -> Sequence[Leased]:
        """Lease what is due, of one destination after the other."""
        lent: list[Leased] = []
        while len(lent) < limit and (more := await self.queue.lease(now, now + seconds, limit - len(lent))):
            lent += more
        return lent

    async def settle(self, leased: Sequence[Leased], outcome: Outcome, due: float | None = None) -> None:
        """Settle all of them alike."""
        settlements = {each.key: Settlement(outcome, due) for each in leased}
        await self.queue.settle(self.clock.seconds(), settlements)

    async def refused(self, call: Awaitable[object]) -> None:
        """Demand that a call raises C{ValueError}."""
        try:
            await call
        except ValueError:
            return
        self.fail("it was accepted")

    async def put_from(self, sender: str, *recipients: str, id: str, due: float = 1000.0) -> None:
        """Put a message from somebody, empty for nobody, to whole addresses."""
        to = tuple(Recipient(Address.parse(each)) for each in recipients)
        await self.queue.put(id, Envelope(Address.parse(sender) if sender else None, to), SMALL, due)
