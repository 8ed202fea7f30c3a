"""Copying the write-ahead log back into the database: beside the commits as far as it goes, so that few wait for it.

A thread with a connection of its own copies what is in the log, while more is written to it. What came meanwhile is
little, and the writer copies it between two commits; then all is copied, and the log begins again. Without the second
step a log that is always written to would grow for ever; without the first, all would wait for the whole of it.

That two connections of one database checkpoint and write was not safe before SQLite 3.51.3.
"""

from __future__ import annotations

import queue
import threading

import apsw
from attrs import define, field
from twisted.logger import Logger

_log = Logger()

WAL_PAGES = 4000
"""Pages of 4 KiB in the log before it is copied back: 16 MB."""


@define(eq=False)
class Checkpoints:
    """All but the thread's work is called by whoever has the writing connection."""

    _writer: apsw.Connection
    _written: int = field(default=0, init=False)
    _copying: bool = field(default=False, init=False)
    _copied: bool = field(default=False, init=False)
    _asked: queue.SimpleQueue[bool] = field(factory=queue.SimpleQueue, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def run_in_thread(self, connection: apsw.Connection) -> None:
        """Start the thread; without it the writer copies all. The connection is the thread's from now on."""
        self._thread = threading.Thread(
            target=self._copy_all, args=[connection], name="mailframe checkpoints", daemon=True
        )
        self._thread.start()

    def end(self) -> None:
        """End the thread. Blocks until it is done."""
        if self._thread is not None:
            self._asked.put(False)
            self._thread.join()

    def due(self) -> bool:
        """Whether L{finish} is to be called, after a commit."""
        pages, _highest = self._writer.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE, True)
        self._written += pages
        if self._written < WAL_PAGES or self._thread is None:
            return self._written >= WAL_PAGES
        if not self._copying:
            self._copying = True
            self._asked.put(True)
        return self._copied

    def finish(self) -> None:
        """Copy what is left."""
        _copy(self._writer)
        self._written, self._copying, self._copied = 0, False, False

    def _copy_all(self, connection: apsw.Connection) -> None:
        while self._asked.get():
            _copy(connection)
            self._copied = True
        connection.close()


def _copy(connection: apsw.Connection) -> None:
    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    except apsw.BusyError:
        pass  # another process is at it
    except apsw.Error as error:  # nothing is lost: the log grows, and it is tried again
        _log.error("the database's log cannot be copied back: {error}", error=str(error))
