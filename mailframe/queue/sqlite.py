"""The delivery queue in SQLite: a row for each message, and one for each recipient that it still has to reach.

C{due} is when a recipient may be lent next. To lend it is to move that to the end of the lease, so a runner that dies
gives back what it held without anybody having to notice, and one index answers "what is due?" and "when is something?".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from attrs import define, field
from zope.interface import implementer

from mailframe.bodies import Files
from mailframe.envelope import Envelope
from mailframe.errors import InDoubt, MailError, Temporary
from mailframe.hooks import Outcome
from mailframe.interfaces import IDeliveryQueue, Leased
from mailframe.queue.rows import envelope_text, outcome_text, read_envelope, recipient_text
from mailframe.queue.settling import LEASED_AT_ONCE, next_attempt, one_each
from mailframe.site import Site
from mailframe.spool import FileBody, Message

T = TypeVar("T")

TABLES = """
CREATE TABLE queued (
    message INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    envelope TEXT NOT NULL,
    created REAL NOT NULL,
    head BLOB NOT NULL,
    body BLOB,
    file TEXT,
    body_size INTEGER NOT NULL
) STRICT;
-- A key is never given out twice: a runner that comes late must not settle somebody else's mail.
CREATE TABLE queued_recipient (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    message INTEGER NOT NULL REFERENCES queued,
    recipient TEXT NOT NULL,
    due REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    outcome TEXT
) STRICT;
CREATE INDEX queued_recipient_due ON queued_recipient (due);
CREATE INDEX queued_recipient_message ON queued_recipient (message);
"""
"""What the schema must hold: C{outcome} is how the last attempt ended; C{body} is null where C{file} is not."""

_CONTENT = "SELECT id, envelope, created, head, body, file, body_size FROM queued WHERE message = ?"


class Database(Protocol):
    """What the queue needs of a database."""

    def write(self, op: Callable[[Any], T], /) -> Awaitable[T]:
        """Run a function of the writing connection in a transaction; durable when this returns."""

    def read(self, sql: str, args: Sequence[Any] = (), /) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a short query, as last committed."""


@implementer(IDeliveryQueue)
@define(eq=False)
class SQLiteQueue:
    """
    @ivar database: has L{TABLES}.
    @ivar directory: for the bodies of big messages; of this queue alone. What a lease lends from there is not to be
        discarded by whoever delivers it.
    @ivar site: for the time, randomness, and to wait for the disk elsewhere.
    """

    database: Database
    directory: str
    site: Site
    _files: Files = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._files = Files(self.directory)

    async def start(self) -> None:
        """Remove files that a crash has left; nothing is put before this is done."""
        known = {name for (name,) in self.database.read("SELECT file FROM queued WHERE file IS NOT NULL")}
        await self.site.in_thread(self._files.sweep, known)

    async def put(self, id: str, envelope: Envelope, message: Message, due: float) -> None:
        """Take a message for all recipients of its envelope; durable when this returns."""
        recipients = [recipient_text(single.recipients[0]) for single in one_each(envelope)]
        content = await self._content(message)
        row = (id, envelope_text(envelope), self.site.clock.seconds(), *content)
        try:
            await self.database.write(lambda connection: _put(connection, row, recipients, due))
        except MailError as error:
            if not isinstance(error, InDoubt):  # a crash may bring the row back: the file is swept away if it does not
                await self._drop([content[2]])
            raise

    async def lease(self, now: float, until: float, limit: int) -> Sequence[Leased]:
        """Lend what is due."""
        at_most = min(limit, LEASED_AT_ONCE)
        rows = await self.database.write(lambda connection: _lend(connection, now, until, at_most))
        messages = {number: self._load(number) for number in {row[1] for row in rows}}
        lent = []
        for key, number, recipient, attempts in rows:
            if (found := messages[number]) is not None:
                name, envelope, queued, message = found
                lent.append(Leased(key, name, read_envelope(envelope, recipient), message, attempts, queued))
        return lent

    async def settle(self, now: float, outcomes: Mapping[int, tuple[Outcome, float | None]]) -> None:
        """Record how attempts ended; durable when this returns."""
        again, done = [], []
        for key, (outcome, due) in outcomes.items():
            if (next_due := next_attempt(outcome, due)) is None:
                done.append(key)
            else:
                again.append((next_due, outcome_text(outcome), key))
        await self._drop(await self.database.write(lambda connection: _settle(connection, again, done)))

    async def next_due(self, now: float) -> float | None:
        """Return when there will be something to lend."""
        [(due,)] = self.database.read("SELECT min(due) FROM queued_recipient")
        return None if due is None else float(due)

    async def _content(self, message: Message) -> tuple[bytes, bytes | None, str | None, int]:
        """Return head, body, name of file and size of the body; a file is ours and durable then."""
        if not isinstance(message.body, FileBody):
            return message.head, message.body, None, len(message.body)
        name = self.site.random(16).hex()
        try:
            await self.site.in_thread(self._files.keep, message.body, name)
        except OSError as error:
            raise Temporary("The message cannot be stored now") from error
        return message.head, None, name, message.body.size

    def _load(self, number: int) -> tuple[str, str, float, Message] | None:
        """Return id, envelope, time of arrival and content of a message, each read once for all its recipients."""
        for name, envelope, created, head, body, file, size in self.database.read(_CONTENT, (number,)):
            kept = body if file is None else FileBody(self._files.path(file), size)
            return name, envelope, created, Message(head, kept)
        return None  # a runner whose lease had ended has settled it just now

    async def _drop(self, names: Sequence[str | None]) -> None:
        ours = [name for name in names if name is not None]
        if ours:
            await self.site.in_thread(self._files.drop, ours)


def _put(connection: Any, row: tuple[Any, ...], recipients: Sequence[str], due: float) -> None:
    connection.execute(
        "INSERT INTO queued (id, envelope, created, head, body, file, body_size) VALUES (?, ?, ?, ?, ?, ?, ?)", row
    )
    number = connection.last_insert_rowid()
    connection.executemany(
        "INSERT INTO queued_recipient (message, recipient, due) VALUES (?, ?, ?)",
        [(number, recipient, due) for recipient in recipients],
    )


def _lend(connection: Any, now: float, until: float, limit: int) -> list[tuple[int, int, str, int]]:
    rows: list[tuple[int, int, str, int]] = connection.execute(
        "SELECT key, message, recipient, attempts FROM queued_recipient WHERE due <= ? ORDER BY due, key LIMIT ?",
        (now, limit),
    ).fetchall()
    connection.executemany("UPDATE queued_recipient SET due = ? WHERE key = ?", [(until, row[0]) for row in rows])
    return rows


def _settle(connection: Any, again: Sequence[tuple[float, str, int]], done: Sequence[int]) -> list[str | None]:
    """Return the files of messages that have no recipient left; they go when this is committed."""
    connection.executemany(
        "UPDATE queued_recipient SET due = ?, attempts = attempts + 1, outcome = ? WHERE key = ?", again
    )
    touched = set()
    for key in done:
        touched.update(connection.execute("DELETE FROM queued_recipient WHERE key = ? RETURNING message", (key,)))
    files: list[str | None] = []
    for (number,) in touched:
        gone = connection.execute(
            "DELETE FROM queued WHERE message = ?1 AND NOT EXISTS "
            "(SELECT 1 FROM queued_recipient WHERE message = ?1) RETURNING file",
            (number,),
        )
        files += [name for (name,) in gone]
    return files
