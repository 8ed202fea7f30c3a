"""A delivery queue in memory: for tests, and for those who can lose their mail."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from itertools import count

from attrs import define, evolve, field
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailframe.envelope import Envelope
from mailframe.hooks import Outcome
from mailframe.interfaces import IDeliveryQueue, Leased
from mailframe.queue.settling import LEASED_AT_ONCE, next_attempt, one_each
from mailframe.spool import Message


@define
class _Waiting:
    """
    A recipient in the queue.

    @ivar due: when it can be lent next, seconds since the epoch: the end of its lease while it is lent.
    """

    leased: Leased
    due: float


@implementer(IDeliveryQueue)
@define(eq=False)
class MemoryQueue:
    """
    Keeps all in memory, the bodies of big messages too.

    @ivar clock: tells when a message came.
    """

    clock: IReactorTime
    _recipients: dict[int, _Waiting] = field(factory=dict, init=False)
    # By due time, with stale entries that are passed over: removing from the middle of a heap would be slow.
    _order: list[tuple[float, int]] = field(factory=list, init=False)
    _keys: count[int] = field(factory=lambda: count(1), init=False)

    async def put(self, id: str, envelope: Envelope, message: Message, due: float) -> None:
        """Take a message for all recipients of its envelope."""
        kept = Message.from_bytes(bytes(message))
        for single in one_each(envelope):
            key = next(self._keys)
            self._recipients[key] = _Waiting(Leased(key, id, single, kept, 0, self.clock.seconds()), due)
            heapq.heappush(self._order, (due, key))

    async def lease(self, now: float, until: float, limit: int) -> Sequence[Leased]:
        """Lend what is due."""
        lent: list[Leased] = []
        while len(lent) < min(limit, LEASED_AT_ONCE) and (due := self._first_due()) is not None and due <= now:
            key = heapq.heappop(self._order)[1]
            lent.append(self._recipients[key].leased)
            self._wait(key, until)
        return lent

    async def settle(self, now: float, outcomes: Mapping[int, tuple[Outcome, float | None]]) -> None:
        """Record how attempts ended."""
        again = {key: next_attempt(outcome, due) for key, (outcome, due) in outcomes.items()}
        for key, due in again.items():
            if due is None:
                self._recipients.pop(key, None)
            elif waiting := self._recipients.get(key):
                waiting.leased = evolve(waiting.leased, attempts=waiting.leased.attempts + 1)
                self._wait(key, due)

    async def next_due(self, now: float) -> float | None:
        """Return when there will be something to lend."""
        return self._first_due()

    def _wait(self, key: int, due: float) -> None:
        self._recipients[key].due = due
        heapq.heappush(self._order, (due, key))

    def _first_due(self) -> float | None:
        """Return the earliest due time after dropping stale entries that stand before it."""
        while self._order:
            due, key = self._order[0]
            waiting = self._recipients.get(key)
            if waiting is not None and waiting.due == due:
                return due
            heapq.heappop(self._order)
        return None
