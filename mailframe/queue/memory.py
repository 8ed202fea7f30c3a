"""A delivery queue in memory: for tests, and for those who can lose their mail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import apsw
from twisted.internet.interfaces import IReactorTime

from mailframe.envelope import Envelope
from mailframe.queue.flows import Content
from mailframe.queue.sqlite import SQLiteQueue
from mailframe.queue.tables import STEPS
from mailframe.site import Site
from mailframe.spool import Message

T = TypeVar("T")


class InMemory:
    """A database that is nowhere but here."""

    def __init__(self, tables: str) -> None:
        self._connection = apsw.Connection(":memory:")
        self._connection.execute(tables)

    async def write(self, op: Callable[[Any], T], /, *, quick: bool = False) -> T:
        """Run a function of the connection in a transaction."""
        with self._connection:
            result = op(self._connection)
        return result  # noqa: RET504 - mypy takes the connection for one that swallows errors

    def read(self, sql: str, args: Sequence[Any] = (), /) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self._connection.execute(sql, args).fetchall()

    async def scan(self, op: Callable[[Any], T], /) -> T:
        """Run a longer query."""
        return op(self._connection)


class MemoryQueue(SQLiteQueue):
    """The queue of the embedded default on a database in memory, the bodies of big messages too."""

    def __init__(self, clock: IReactorTime) -> None:
        """
        @param clock: tells when a message came.
        """
        super().__init__(InMemory("".join(STEPS)), "", Site("memory", clock))

    async def _content(self, id: str, envelope: Envelope, message: Message) -> Content:
        return await super()._content(id, envelope, Message.from_bytes(bytes(message)))
