"""Lending what is due of several destinations at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from attrs import define, field
from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure

from mailframe.interfaces import IDeliveryQueue, Leased

DESTINATIONS = 16
"""Destinations that are lent for at once, in one transaction where the queue has such."""


@define(eq=False)
class Lending:
    """
    Asks for one destination at first, and for twice as many each time that all it asked for were due.

    @ivar queue: lends for one destination at a time: those that were asked for before are not due any more.
    """

    queue: IDeliveryQueue
    _destinations: int = field(default=1, init=False)

    async def lend(self, now: float, until: float, limit: int, busy: Collection[str]) -> Sequence[Leased]:
        """
        Lend as L{IDeliveryQueue.lease} does, for several destinations.

        @param limit: recipients of each.
        """
        asked = [Deferred.fromCoroutine(_lease(self.queue, now, until, limit, busy)) for _ in range(self._destinations)]
        results = await DeferredList(asked, consumeErrors=True)
        lent = [found for success, found in results if success]
        self._destinations = min(2 * self._destinations, DESTINATIONS) if len(lent) == len(asked) and all(lent) else 1
        if not lent:
            _success, failure = results[0]
            assert isinstance(failure, Failure)
            failure.raiseException()
        return [each for found in lent for each in found]


async def _lease(
    queue: IDeliveryQueue, now: float, until: float, limit: int, busy: Collection[str]
) -> Sequence[Leased]:
    return await queue.lease(now, until, limit, busy)
