"""The journal in SQLite: events gather in memory and are written many at a time, in the commits that mail makes.

Whoever notes events waits for nothing. What has gathered is given to the database when there is enough of it, or after
a moment, a bounded number of entries in one operation, and one such operation at a time: it commits together with mail
that is being stored anyway, and mail never waits for more of it than that. When the disk is stuck, events gather up to
a bound, and are lost beyond.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, Protocol, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.interfaces import Entry, IJournal
from mailframe.journal.events import Event
from mailframe.journal.keys import hashed, keys, leads_to
from mailframe.journal.retention import Retention
from mailframe.journal.rows import events_text, read_events
from mailframe.journal.tables import ENTRIES_A_BUCKET
from mailframe.site import Site

T = TypeVar("T")

WRITE_SECONDS = 0.1
"""How long events wait at the most before they are written: what a crash can lose, or a trace by another process."""
WRITE_ENTRIES = 256
"""Entries that are written together: 2 or 3 ms of the writer's time."""
WAITING_ENTRIES = 20_000
"""Entries that may wait in memory, some 20 MB; when the disk takes none, later ones are lost."""
PRUNE_SECONDS = 60.0
"""How often the journal looks for what it may forget."""
PRUNE_PAUSE = 0.05
"""How long it rests after a step, when there is more."""

_log = Logger()

_INSERT = "INSERT INTO journal_entry (number, time, message, events) VALUES (?, ?, ?, ?)"
_INSERT_KEY = "INSERT INTO journal_key (bucket, key, entry) VALUES (?, ?, ?)"
_LAST = "SELECT coalesce(max(number), 0) FROM journal_entry"
_FIRST = "SELECT coalesce(min(number), 0) FROM journal_entry"
# CROSS JOIN keeps SQLite from another order than that of the buckets, the latest first.
_UNDER = (
    "WITH RECURSIVE each(bucket) AS (SELECT ? UNION ALL SELECT bucket - 1 FROM each WHERE bucket > ?) "
    "SELECT k.bucket, k.entry FROM each CROSS JOIN journal_key k ON k.bucket = each.bucket AND k.key = ?"
)
_EVENTS = "SELECT events FROM journal_entry WHERE number = ?"
_OF = (
    "SELECT number, events FROM journal_entry WHERE message = ? AND message != '' AND number > ? "
    "ORDER BY number LIMIT ?"
)
_LAST_TIME = "SELECT time FROM journal_entry WHERE number < ? ORDER BY number DESC LIMIT 1"


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
        if len(gathered) == 1 or len(gathered) >= WRITE_ENTRIES:
            self._see_to_it()

    async def find(self, key: str, before: int | None, limit: int) -> Sequence[Entry]:
        """Return entries that a key leads to, the latest first."""
        if before is None:
            await self._write_all()
        return await self._open.scan(lambda connection: _find(connection, key, before, limit))

    async def of(self, message: str, after: int, limit: int) -> Sequence[Entry]:
        """Return entries of a message."""
        if not after:
            await self._write_all()
        return await self._open.scan(lambda connection: _entries(connection.execute(_OF, (message, after, limit))))

    async def prune(self, now: float) -> bool:
        """Forget a bucket of what need not be remembered."""
        retention = self.retention
        return await self._open.write(lambda connection: _forget(connection, retention, now))

    # --- writing --------------------------------------------------------------------------------------------------

    @property
    def _open(self) -> Database:
        assert self._database is not None, "the journal is not open"
        return self._database

    def _see_to_it(self) -> None:
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
            self._timer = self._site.clock.callLater(WRITE_SECONDS, self._time_is_over)

    def _time_is_over(self) -> None:
        self._timer = None
        if self._gathered and not self._writing:
            self._write_some()

    def _write_some(self) -> Deferred[None]:
        some, self._gathered = self._gathered[:WRITE_ENTRIES], self._gathered[WRITE_ENTRIES:]
        self._writing = True
        written = self._open.write(lambda connection: _insert(connection, some))
        return written.addErrback(self._not_written, len(some)).addCallback(self._written)

    def _written(self, _done: None) -> None:
        self._writing = False
        if self._lost:
            _log.warn("the journal has lost {lost} entries: the disk was too slow", lost=self._lost)
            self._lost = 0
        self._see_to_it()

    def _not_written(self, failure: Failure, count: int) -> None:
        _log.warn("the journal has lost {lost} entries: {why}", lost=count, why=failure.getErrorMessage())

    async def _write_all(self) -> None:
        """Write what was noted by now, so that it is found; what another operation writes is written before."""
        for _ in range(0, len(self._gathered), WRITE_ENTRIES):
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


# --- operations: they run in the database's threads -------------------------------------------------------------------


def _insert(connection: Any, noted: Sequence[Sequence[Event]]) -> None:
    [(last,)] = connection.execute(_LAST)
    rows, under = [], []
    for number, events in enumerate(noted, last + 1):
        rows.append((number, events[-1].time, events[0].message, events_text(events)))
        under += [(number // ENTRIES_A_BUCKET, key, number) for key in {hashed(key) for key in keys(events)}]
    connection.executemany(_INSERT, rows)
    connection.executemany(_INSERT_KEY, under)


def _entries(rows: Any) -> list[Entry]:
    return [Entry(number, read_events(text)) for number, text in rows]


def _find(connection: Any, key: str, before: int | None, limit: int) -> list[Entry]:
    [(first,)] = connection.execute(_FIRST)
    [(last,)] = connection.execute(_LAST)
    end = last + 1 if before is None else min(before, last + 1)
    buckets = ((end - 1) // ENTRIES_A_BUCKET, first // ENTRIES_A_BUCKET)
    rows = connection.execute(_UNDER, (*buckets, hashed(key)))
    numbers = (number for _bucket, of_one in groupby(rows, itemgetter(0)) for _, number in reversed(list(of_one)))
    found = (_entry(connection, number) for number in numbers if number < end)
    return list(islice((entry for entry in found if leads_to(key, entry.events)), limit))


def _entry(connection: Any, number: int) -> Entry:
    [(text,)] = connection.execute(_EVENTS, (number,))
    return Entry(number, read_events(text))


def _forget(connection: Any, retention: Retention | None, now: float) -> bool:
    """Remove the oldest bucket if none of its entries is to be kept; return whether it was removed."""
    [(first,)] = connection.execute(_FIRST)
    if not first:
        return False
    bucket = first // ENTRIES_A_BUCKET
    end = (bucket + 1) * ENTRIES_A_BUCKET
    if retention is not None:
        [(last,)] = connection.execute(_LAST)
        [(latest,)] = connection.execute(_LAST_TIME, (end,))
        if last - end + 1 < retention.entries and latest >= retention.oldest(now):
            return False
    connection.execute("DELETE FROM journal_key WHERE bucket = ?", (bucket,))
    connection.execute("DELETE FROM journal_entry WHERE number < ?", (end,))
    return True
