"""What transport security remembers, in SQLite: MTA-STS policies across restarts, and counts for TLS reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define
from zope.interface import implementer

from mailframe.interfaces import IPolicyStorage, IReportStorage
from mailframe.sqlite.database import Database

TABLES = """
-- The number tells which was put last; the oldest go first when there are too many.
CREATE TABLE tls_policy (number INTEGER PRIMARY KEY, domain TEXT NOT NULL UNIQUE, text TEXT NOT NULL) STRICT;
CREATE TABLE tls_count (
    day TEXT NOT NULL,
    domain TEXT NOT NULL,
    text TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (day, domain, text)
) STRICT, WITHOUT ROWID;
"""

POLICIES = 100_000
"""Policies kept; those that were fetched longest ago go first."""

_KEEP = "INSERT OR REPLACE INTO tls_policy (domain, text) VALUES (?, ?)"
_COUNT = "INSERT INTO tls_count VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1"


@implementer(IPolicyStorage)
@define(eq=False)
class SQLitePolicies:
    """
    @ivar entries: how many domains' texts are kept.
    """

    database: Database
    entries: int = POLICIES

    async def get(self, domain: str) -> str | None:
        """Look."""
        rows = self.database.read("SELECT text FROM tls_policy WHERE domain = ?", (domain,))
        return rows[0][0] if rows else None

    async def put(self, domain: str, text: str) -> None:
        """Keep."""

        def keep(connection: Any) -> None:
            connection.execute(_KEEP, (domain, text))  # the row that it replaces is gone, and its number is the last
            oldest = connection.last_insert_rowid() - self.entries
            connection.execute("DELETE FROM tls_policy WHERE number <= ?", (oldest,))

        await self.database.write(keep)


@implementer(IReportStorage)
@define(eq=False)
class SQLiteCounts:
    """Counts in a table."""

    database: Database

    async def add(self, day: str, domain: str, text: str) -> None:
        """Count."""
        await self.database.write(lambda connection: connection.execute(_COUNT, (day, domain, text)) and None)

    async def domains(self, day: str) -> Sequence[str]:
        """List."""
        return self._column("SELECT DISTINCT domain FROM tls_count WHERE day = ? ORDER BY domain", day)

    async def read(self, day: str, domain: str) -> Sequence[tuple[str, int]]:
        """Read."""
        sql = "SELECT text, count FROM tls_count WHERE day = ? AND domain = ?"
        return [(str(text), int(count)) for text, count in self.database.read(sql, (day, domain))]

    async def days(self) -> Sequence[str]:
        """List."""
        return self._column("SELECT DISTINCT day FROM tls_count ORDER BY day")

    async def remove(self, day: str, domain: str) -> None:
        """Forget."""
        sql = "DELETE FROM tls_count WHERE day = ? AND domain = ?"
        await self.database.write(lambda connection: connection.execute(sql, (day, domain)) and None)

    def _column(self, sql: str, *arguments: str) -> Sequence[str]:
        return [str(value) for (value,) in self.database.read(sql, arguments)]
