"""The delivery queue in SQLite: a row for each message, and one for each recipient that it still has to reach."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from attrs import define, field
from zope.interface import implementer

from mailframe.bodies import Files
from mailframe.envelope import Envelope
from mailframe.errors import InDoubt, MailError, Temporary
from mailframe.interfaces import (
    IAdministeredQueue,
    IDeliveryQueue,
    ILendsAtOnce,
    Leased,
    QueueChange,
    Report,
    Settlement,
)
from mailframe.queue import flows
from mailframe.queue.changing import ChangedQueue
from mailframe.queue.flows import Content, Row
from mailframe.queue.rows import read_envelope
from mailframe.queue.settling import LEASED_AT_ONCE, checked, next_attempt
from mailframe.site import Site
from mailframe.spool import FileBody, Message

T = TypeVar("T")

QUICK = 50
"""Recipients up to which a change takes about a millisecond, so that it may be made in the reactor."""

_CONTENT = "SELECT id, envelope, created, head, body, file, body_size FROM queued WHERE message = ?"


class Database(Protocol):
    """What the queue needs of a database."""

    def write(self, op: Callable[[Any], T], /, *, quick: bool = False) -> Awaitable[T]:
        """
        Run a function of the writing connection in a transaction; durable when this returns.

        @param quick: it does little, and may be run in the reactor.
        """

    def read(self, sql: str, args: Sequence[Any] = (), /) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a short query, as last committed."""

    def scan(self, op: Callable[[Any], T], /) -> Awaitable[T]:
        """Run a function of a connection that cannot write, which may take long."""


@implementer(IDeliveryQueue, ILendsAtOnce, IAdministeredQueue)
@define(eq=False)
class SQLiteQueue(ChangedQueue):
    """
    @ivar database: has the tables of L{mailframe.queue.tables}.
    @ivar directory: for the bodies of big messages; of this queue alone. What a lease lends from there is not to be
        discarded by whoever delivers it.
    @ivar site: for the time, randomness, and to wait for the disk elsewhere.
    """

    database: Database
    directory: str
    site: Site
    watchers: list[Callable[[QueueChange], None]] = field(factory=list, init=False)
    beyond: Callable[[QueueChange], None] | None = field(default=None, init=False)
    _files: Files = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._files = Files(self.directory)

    async def start(self) -> None:
        """
        Remove files that a crash has left, and take back what was lent; nothing is put before this is done.

        Whoever starts a queue is the only process that has it open, so nobody else can be holding a lease.
        """
        known = {name for (name,) in self.database.read("SELECT file FROM queued WHERE file IS NOT NULL")}
        await self.site.in_thread(self._files.sweep, known)
        if self.database.read("SELECT 1 FROM queued_recipient WHERE leased LIMIT 1"):
            now = self.site.clock.seconds()
            await self.database.write(lambda connection: flows.end_leases(connection, now))

    async def put(self, id: str, envelope: Envelope, message: Message, due: float) -> None:
        """Take a message for all recipients of its envelope; durable when this returns."""
        content = await self._content(id, checked(envelope), message)
        quick = len(envelope.recipients) <= QUICK
        await self._write(lambda connection: flows.put(connection, content, due), [content], quick)
        if self.site.is_worker and self.beyond is not None:
            destinations = frozenset(each.address.domain for each in envelope.recipients)
            self.beyond(QueueChange(destinations, new=True))  # whoever empties the queue looks at it

    async def put_and_lend(
        self, id: str, envelope: Envelope, message: Message, due: float, until: float, destinations: Collection[str]
    ) -> Sequence[Leased]:
        """Take a message, and lend it in the same step."""
        content = await self._content(id, checked(envelope), message)
        now, wanted = content.created, frozenset(destinations)
        keys = await self._write(
            lambda connection: flows.put_and_lend(connection, content, due, wanted, now, until),
            [content],
            len(envelope.recipients) <= QUICK,
        )
        kept = message if isinstance(message.body, bytes) else self._kept(content)
        return [
            Leased(key, id, envelope.to((recipient,)), kept, 0, now)
            for key, recipient in zip(keys, envelope.recipients, strict=True)
            if recipient.address.domain in wanted
        ]

    async def lease(self, now: float, until: float, limit: int, busy: Collection[str] = ()) -> Sequence[Leased]:
        """Lend what is due."""
        at_most, elsewhere = min(limit, LEASED_AT_ONCE), flows.busy_text(busy)
        if at_most <= 0:
            return []
        rows = await self.database.write(
            lambda connection: flows.lend(connection, now, until, at_most, elsewhere), quick=len(busy) <= QUICK
        )
        messages = {number: self._load(number) for number in {row.message for row in rows}}
        return [_leased(row, found) for row in rows if (found := messages[row.message]) is not None]

    async def settle(self, now: float, settlements: Mapping[int, Settlement], reports: Sequence[Report] = ()) -> None:
        """Record how attempts ended; durable when this returns."""
        for each in settlements.values():
            next_attempt(each.outcome, each.due)
        kept = [await self._content(each.id, checked(each.envelope), each.message) for each in reports]
        pairs = list(zip(kept, reports, strict=True))
        quick = len(settlements) + len(pairs) <= QUICK
        await self.drop(
            await self._write(lambda connection: flows.settle(connection, now, settlements, pairs), kept, quick)
        )

    async def give_back(self, keys: Collection[int]) -> None:
        """End leases without an attempt."""
        now = self.site.clock.seconds()
        await self.database.write(lambda connection: flows.give_back(connection, keys, now))

    async def next_due(self, now: float, busy: Collection[str] = ()) -> float | None:
        """Return when there will be something to lend."""
        for (due,) in self.database.read(flows.NEXT_DUE, (flows.busy_text(busy),)):
            return None if due == flows.NEVER else float(due)
        return None

    async def _write(self, op: Callable[[Any], T], contents: Sequence[Content], quick: bool) -> T:
        """Run an operation that takes over the files of contents, which go again if it fails."""
        try:
            return await self.database.write(op, quick=quick)
        except MailError as error:
            if not isinstance(error, InDoubt):  # a crash may bring the row back: the file is swept away if it does not
                await self.drop([each.file for each in contents])
            raise

    async def _content(self, id: str, envelope: Envelope, message: Message) -> Content:
        """Return a message as it will be kept; a file is ours and durable then."""
        created = self.site.clock.seconds()
        if not isinstance(message.body, FileBody):
            return Content(id, envelope, created, message.head, message.body, None, len(message.body))
        name = self.site.random(16).hex()
        try:
            await self.site.in_thread(self._files.keep, message.body, name)
        except OSError as error:
            raise Temporary("The message cannot be stored now") from error
        return Content(id, envelope, created, message.head, None, name, message.body.size)

    def _load(self, number: int) -> tuple[str, str, float, Message] | None:
        """Return id, envelope, time of arrival and content of a message, each read once for all its recipients."""
        for name, envelope, created, head, body, file, size in self.database.read(_CONTENT, (number,)):
            return name, envelope, created, Message(head, body) if file is None else self._in_file(head, file, size)
        return None  # a runner whose lease had ended has settled it just now

    def _kept(self, content: Content) -> Message:
        if content.body is not None:
            return Message(content.head, content.body)
        assert content.file is not None, "a body is in the table or in a file"
        return self._in_file(content.head, content.file, content.body_size)

    def _in_file(self, head: bytes, file: str, size: int) -> Message:
        return Message(head, FileBody(self._files.path(file), size))

    async def drop(self, names: Sequence[str | None]) -> None:
        """Remove the files of messages that are gone."""
        ours = [name for name in names if name is not None]
        if ours:
            await self.site.in_thread(self._files.drop, ours)


def _leased(row: Row, found: tuple[str, str, float, Message]) -> Leased:
    name, envelope, queued, message = found
    single = read_envelope(envelope, row.recipient)
    return Leased(row.key, name, single, message, row.attempts, queued, row.warned, row.returned, row.route)
