"""The journal in SQLite: events gather in memory and are written many at a time, in the commits that mail makes.

Whoever notes events waits for nothing. What has gathered is given to the database when there is enough of it, or after
a moment, a bounded number of entries in one operation, and one such operation at a time: it commits together with mail
that is being stored anyway, and mail never waits for more of it than that. When the disk is stuck, events gather up to
a bound, and are lost beyond.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from itertools import accumulate
from typing import Any, Protocol, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.interfaces import Entry, IJournal
from mailframe.journal import blocks
from mailframe.journal.events import Event
from mailframe.journal.retention import Retention
from mailframe.site import Site

T = TypeVar("T")

WRITE_SECONDS = 0.1
"""How long events wait at the most before they are written: what a crash can lose, or a trace by another process."""
WRITE_ENTRIES = 256
"""Entries that are written together: 2 ms of the writer's time."""
WRITE_WEIGHT = 1024
"""Events and recipients in them, beyond which they are fewer: a message for a thousand has a thousand of both."""
WAITING_ENTRIES = 20_000
"""Entries that may wait in memory, some 20 MB; when the disk takes none, later ones are lost."""
PRUNE_SECONDS = 60.0
"""How often the journal looks for what it may forget."""
PRUNE_PAUSE = 0.02
"""How long it rests after a step, when there is more: it forgets 12,000 entries a second then."""

_log = Logger()


class Database(Protocol):
    """What the journal needs of a database."""

    def write(self, operation: Callable[[Any], T], /) -> Deferred[T]:
        """Run a function of the writing connection in a transaction."""

    def scan(self, operation: Callable[[Any], T], /) -> Awaitable[T]:
        """Run a function of a reading connection where it keeps nobody waiting."""


@implementer(IJournal)
@define(eq=False)
class SQLiteJournal:
    """
    Takes events from the beginning, and keeps them from L{start} on.

    @ivar retention: how long it remembers; C{None} forgets all there is.
    """

    retention: Retention | None = Retention()
    _database: Database | None = field(default=None, init=False)
    _site: Site | None = field(default=None, init=False)
    _gathered: list[Sequence[Event]] = field(factory=list, init=False)
    _given: int = field(default=0, init=False)
    _lost: int = field(default=0, init=False)
    _writing: bool = field(default=False, init=False)
    _timer: IDelayedCall | None = field(default=None, init=False)
    _prune_timer: IDelayedCall | None = field(default=None, init=False)

    def start(self, database: Database, site: Site) -> None:
        """Begin to write, and to forget; that is not for workers."""
        self._database, self._site, self._writing = database, site, False
        if not site.is_worker:
            self._prune_timer = site.clock.callLater(PRUNE_PAUSE, self._prune_step, database)
        if self._gathered:
            self._see_to_it()

    def stop(self) -> None:
        """Give all that is left to the database, which writes it before it closes."""
        for timer in (self._timer, self._prune_timer):
            if timer is not None and timer.active():
                timer.cancel()
        self._timer = self._prune_timer = None
        while self._gathered and self._database is not None:
            self._write_some()
        self._database = None

    # --- IJournal -------------------------------------------------------------------------------------------------

    def note(self, events: Sequence[Event]) -> None:
        """Take events."""
        gathered = self._gathered
        gathered.append(events)
        if (count := len(gathered)) == 1 or count >= WRITE_ENTRIES:
            self._see_to_it()

    async def find(self, key: str, before: int | None, limit: int) -> Sequence[Entry]:
        """Return entries that a key leads to, the latest first."""
        if before is None:
            await self._write_all()
        return await self._open.scan(lambda connection: blocks.find(connection, key, before, limit))

    async def of(self, message: str, after: int, limit: int) -> Sequence[Entry]:
        """Return entries of a message."""
        if not after:
            await self._write_all()
        return await self._open.scan(lambda connection: blocks.of(connection, message, after, limit))

    async def prune(self, now: float) -> bool:
        """Forget a block of what need not be remembered."""
        retention = self.retention
        return await self._open.write(lambda connection: blocks.forget(connection, retention, now))

    # --- writing --------------------------------------------------------------------------------------------------

    @property
    def _open(self) -> Database:
        assert self._database is not None, "the journal is not open"
        return self._database

    def _see_to_it(self, seconds: float = WRITE_SECONDS) -> None:
        """Write now if there is enough, or else soon; lose what is too much."""
        if len(self._gathered) > WAITING_ENTRIES:
            self._gathered.pop()
            self._lost += 1
        if self._database is None or self._writing or not self._gathered:
            return
        if len(self._gathered) >= WRITE_ENTRIES:
            self._write_some()
        elif self._timer is None:
            assert self._site is not None
            self._timer = self._site.clock.callLater(seconds, self._time_is_over)

    def _time_is_over(self) -> None:
        self._timer = None
        if self._gathered and not self._writing:
            self._write_some()

    def _write_some(self) -> Deferred[None]:
        weights = accumulate(map(_weight, self._gathered[:WRITE_ENTRIES]))
        count = max(1, bisect_right(list(weights), WRITE_WEIGHT))
        some, self._gathered = self._gathered[:count], self._gathered[count:]
        self._given += count
        self._writing = True
        written = self._open.write(lambda connection: blocks.write(connection, some))
        return written.addErrback(self._not_written, count).addCallback(self._written, len(self._gathered))

    def _written(self, _done: None, left: int) -> None:
        self._writing = False
        if self._lost:
            _log.warn("the journal has lost {lost} entries: the disk was too slow", lost=self._lost)
            self._lost = 0
        self._see_to_it(0.0 if left else WRITE_SECONDS)  # what was left then has waited already

    def _not_written(self, failure: Failure, count: int) -> None:
        _log.warn("the journal has lost {lost} entries: {why}", lost=count, why=failure.getErrorMessage())

    async def _write_all(self) -> None:
        """Write what was noted by now, so that it is found; what another operation writes is written before."""
        noted = self._given + len(self._gathered)
        while self._given < noted:
            await self._write_some()
        if self._writing:
            await self._open.write(lambda connection: None)

    # --- forgetting -----------------------------------------------------------------------------------------------

    def _prune_step(self, database: Database) -> None:
        assert self._site is not None
        step = Deferred.fromCoroutine(self.prune(self._site.clock.seconds()))
        step.addErrback(self._not_pruned).addCallback(self._pruned, database)

    def _pruned(self, more: bool, database: Database) -> None:
        if self._database is database and self._site is not None:
            seconds = PRUNE_PAUSE if more else PRUNE_SECONDS
            self._prune_timer = self._site.clock.callLater(seconds, self._prune_step, database)

    def _not_pruned(self, failure: Failure) -> bool:
        _log.warn("the journal cannot forget what is old: {why}", why=failure.getErrorMessage())
        return False


def _weight(events: Sequence[Event]) -> int:
    """How much there is to do for an entry; where its recipients stand in many events, these are enough."""
    return len(events) + len(getattr(events[-1], "recipients", ()))
