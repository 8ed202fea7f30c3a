"""A journal in memory: for tests, and for servers without a database."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall
from zope.interface import implementer

from mailframe.interfaces import Entry, IJournal, IKeepsJournal, IPart
from mailframe.journal.events import Event
from mailframe.journal.keys import leads_to
from mailframe.journal.retention import Retention
from mailframe.site import Site

ENTRIES = 10_000
"""That are kept by default."""
PRUNE_SECONDS = 60.0
"""How often the journal looks for what it may forget."""


@implementer(IJournal, IKeepsJournal, IPart)
@define(eq=False)
class MemoryJournal:
    """
    @ivar retention: how long it remembers; more entries than that are forgotten at once.
    """

    retention: Retention = Retention(entries=ENTRIES)
    _entries: deque[Entry] = field(factory=deque, init=False)
    _count: int = field(default=0, init=False)
    _timer: IDelayedCall | None = field(default=None, init=False)

    @property
    def journal(self) -> IJournal:
        """This one."""
        return self

    async def start(self, site: Site) -> None:
        """Begin to forget what is old."""

        def look() -> None:
            self._forget(site.clock.seconds())
            self._timer = site.clock.callLater(PRUNE_SECONDS, look)

        look()

    async def stop(self) -> None:
        """End that; the journal can still be read."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def note(self, events: Sequence[Event]) -> None:
        """Keep events."""
        self._count += 1
        self._entries.append(Entry(self._count, tuple(events)))
        if len(self._entries) > self.retention.entries:
            self._entries.popleft()

    async def find(self, key: str, before: int | None, limit: int) -> Sequence[Entry]:
        """Return entries that a key leads to, the latest first."""
        earlier = (each for each in reversed(self._entries) if before is None or each.number < before)
        return _some((each for each in earlier if leads_to(key, each.events)), limit)

    async def of(self, message: str, after: int, limit: int) -> Sequence[Entry]:
        """Return entries of a message."""
        later = (each for each in self._entries if each.number > after)
        return _some((each for each in later if message and each.events[0].message == message), limit)

    async def prune(self, now: float) -> bool:
        """Forget what is old; all of it, since nobody waits for that."""
        self._forget(now)
        return False

    def _forget(self, now: float) -> None:
        oldest = self.retention.oldest(now)
        while self._entries and self._entries[0].events[-1].time < oldest:
            self._entries.popleft()


def _some(entries: Iterable[Entry], limit: int) -> Sequence[Entry]:
    return list(islice(entries, limit))
