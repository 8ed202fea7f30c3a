"""Whom automatic answers have gone to, in SQLite."""

from __future__ import annotations

from typing import Any

from attrs import define
from zope.interface import implementer

from mailframe.interfaces import IAnswered
from mailframe.sqlite.database import Database

TABLE = """
CREATE TABLE answered (
    answerer TEXT NOT NULL,
    sent_to TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (answerer, sent_to)
) STRICT, WITHOUT ROWID;
CREATE INDEX answered_at ON answered (at);
"""

KEPT_SECONDS = 100 * 24 * 60 * 60.0
"""How long an answer is remembered, whatever the interval."""
ENTRIES = 1_000_000
"""Answers that are remembered; the oldest go first."""

_LAST = "SELECT at FROM answered WHERE answerer = ? AND sent_to = ?"
_NOTE = "INSERT OR REPLACE INTO answered VALUES (?, ?, ?)"
_FORGET = "DELETE FROM answered WHERE at < ?"
_FORGET_OLDEST = """
DELETE FROM answered WHERE (answerer, sent_to) IN (SELECT answerer, sent_to FROM answered ORDER BY at LIMIT ?)
"""


@implementer(IAnswered)
@define(eq=False)
class SQLiteAnswered:
    """
    @ivar entries: how many are remembered.
    """

    database: Database
    entries: int = ENTRIES

    async def answer_first(self, answerer: str, to: str, now: float, since: float) -> bool:
        """Look, and remember."""

        def claim(connection: Any) -> bool:
            for (at,) in connection.execute(_LAST, (answerer, to)):
                if at > since:
                    return False
            connection.execute(_FORGET, (now - KEPT_SECONDS,))
            connection.execute(_NOTE, (answerer, to, now))
            [(count,)] = connection.execute("SELECT count(*) FROM answered")
            if count > self.entries:
                connection.execute(_FORGET_OLDEST, (count - self.entries,))
            return True

        return await self.database.write(claim)
