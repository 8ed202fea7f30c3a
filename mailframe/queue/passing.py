"""What stands before a queue, and leaves to it what it does not do itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mailframe.interfaces import IDeliveryQueue, Leased, Report, Settlement


class PassesOn:
    """
    All of L{mailframe.interfaces.IDeliveryQueue} but C{put}.

    @ivar source: an L{IDeliveryQueue}, or something with one as its C{queue} once it is started, such as SQLite.
    """

    source: Any

    @property
    def queue(self) -> IDeliveryQueue:
        """The queue itself."""
        return self.source if IDeliveryQueue.providedBy(self.source) else self.source.queue

    async def lease(self, now: float, until: float, limit: int, busy: Collection[str] = ()) -> Sequence[Leased]:
        """Lend what is due."""
        return await self.queue.lease(now, until, limit, busy)

    async def settle(self, now: float, settlements: Mapping[int, Settlement], reports: Sequence[Report] = ()) -> None:
        """Record how attempts ended."""
        await self.queue.settle(now, settlements, reports)

    async def give_back(self, keys: Collection[int]) -> None:
        """End leases without an attempt."""
        await self.queue.give_back(keys)

    async def next_due(self, now: float, busy: Collection[str] = ()) -> float | None:
        """Return when there will be something to lend."""
        return await self.queue.next_due(now, busy)
