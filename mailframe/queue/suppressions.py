"""
The list of those that no mail is sent to, in SQLite and in memory.

It is asked twice for each message, and nearly always says nothing: so a list that is not long is known by heart, anew
each second, for another process may add to it. Only who stands there is looked up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailframe.address import Address
from mailframe.interfaces import ISuppressions, Suppression
from mailframe.queue.memory import InMemory
from mailframe.queue.tables import SUPPRESSIONS

T = TypeVar("T")

REASON_CHARACTERS = 200
"""Of a reason that is kept."""
PAGE = 1000
"""Suppressions that are returned at once, at most."""
COUNTED_SECONDS = 90 * 86400.0
"""Counts of addresses that have not failed for so long are forgotten."""
KNOWN = 1000
"""Targets of a list that is known by heart."""
FRESH_SECONDS = 1.0
"""How long what another process has added may go unnoticed."""

_KNOW = "SELECT target FROM suppression LIMIT ?"
_FIND = (
    "SELECT target, reason, added, until FROM suppression WHERE target IN (?, ?) AND until > ? "
    "ORDER BY until DESC, target LIMIT 1"
)
_LIST = "SELECT target, reason, added, until FROM suppression WHERE target > ? AND until > ? ORDER BY target LIMIT ?"
_PUT = "INSERT OR REPLACE INTO suppression (target, reason, added, until) VALUES (?, ?, ?, ?)"
_COUNT = (
    "INSERT INTO hard_bounce (target, failures, last) VALUES (?1, 1, ?2) ON CONFLICT (target) DO UPDATE "
    "SET failures = iif(last < ?3, 1, failures + 1), last = ?2 RETURNING failures"
)


class Database(Protocol):
    """What the list needs of a database."""

    def write(self, op: Callable[[Any], T], /) -> Awaitable[T]:
        """Run a function of the writing connection in a transaction; durable when this returns."""

    def read(self, sql: str, args: Sequence[Any] = (), /) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a short query, as last committed."""


def _name(target: Address | str) -> str:
    """Return the one form in which a target is looked up."""
    return f"{target.local.lower()}@{target.domain}" if isinstance(target, Address) else target


@implementer(ISuppressions)
@define(eq=False)
class SQLiteSuppressions:
    """
    @ivar database: has the tables C{SUPPRESSIONS} of L{mailframe.queue.tables}.
    """

    database: Database
    clock: IReactorTime
    _known: frozenset[str] | None = field(default=None, init=False)
    _fresh_until: float = field(default=0.0, init=False)

    async def find(self, address: Address) -> Suppression | None:
        """Return what forbids to send there now."""
        targets, now = (_name(address), address.domain), self.clock.seconds()
        if self._may_have(targets, now):
            for row in self.database.read(_FIND, (*targets, now)):
                return _suppression(*row)
        return None

    def _may_have(self, targets: Sequence[str], now: float) -> bool:
        """Say whether one of these may be on the list; that it was, if it has ended."""
        if now >= self._fresh_until:
            rows = self.database.read(_KNOW, (KNOWN + 1,))
            self._known = frozenset(target for (target,) in rows) if len(rows) <= KNOWN else None
            self._fresh_until = now + FRESH_SECONDS
        return self._known is None or not self._known.isdisjoint(targets)

    async def suppress(self, target: Address | str, reason: str, until: float | None = None) -> None:
        """Forbid to send there."""
        if not reason or not reason.isprintable():
            raise ValueError("a reason is one printable line")
        now, end = self.clock.seconds(), float("inf") if until is None else until
        row = _name(target), reason[:REASON_CHARACTERS], now, end

        def put(connection: Any) -> None:
            connection.execute("DELETE FROM suppression WHERE until <= ?", (now,))
            connection.execute(_PUT, row)

        await self.database.write(put)
        self._fresh_until = 0.0

    async def allow(self, target: Address | str) -> bool:
        """Let mail go there again."""
        name, now = _name(target), self.clock.seconds()

        def remove(connection: Any) -> bool:
            connection.execute("DELETE FROM hard_bounce WHERE target = ?", (name,))
            gone = connection.execute("DELETE FROM suppression WHERE target = ? RETURNING until > ?", (name, now))
            return any(counted for (counted,) in gone.fetchall())

        return await self.database.write(remove)

    async def suppressions(self, after: str = "", limit: int = 100) -> Sequence[Suppression]:
        """Return those that count now."""
        rows = self.database.read(_LIST, (after, self.clock.seconds(), min(limit, PAGE)))
        return [_suppression(*row) for row in rows]

    async def count(self, address: Address, since: float) -> int:
        """Count one more failure."""
        name, now = _name(address), self.clock.seconds()

        def add(connection: Any) -> int:
            connection.execute("DELETE FROM hard_bounce WHERE last < ?", (now - COUNTED_SECONDS,))
            [(failures,)] = connection.execute(_COUNT, (name, now, since)).fetchall()
            return int(failures)

        return await self.database.write(add)

    async def forget(self, address: Address) -> None:
        """Forget what was counted; written only where something was."""
        name = _name(address)
        if self.database.read("SELECT 1 FROM hard_bounce WHERE target = ?", (name,)):
            await self.database.write(
                lambda connection: connection.execute("DELETE FROM hard_bounce WHERE target = ?", (name,)).fetchall()
            )


def _suppression(target: str, reason: str, added: float, until: float) -> Suppression:
    return Suppression(target, reason, added, None if until == float("inf") else until)


class MemorySuppressions(SQLiteSuppressions):
    """The list of the embedded default on a database in memory."""

    def __init__(self, clock: IReactorTime) -> None:
        """
        @param clock: tells when a suppression ends.
        """
        super().__init__(InMemory(SUPPRESSIONS), clock)
