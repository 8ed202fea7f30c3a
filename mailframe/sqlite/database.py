"""The one SQLite database of a server: one writer thread that commits in groups, and readers that never write.

All writes and all checkpoints are made on one connection by one thread. It takes everything that waits, runs each
operation in a savepoint inside one transaction, commits with one fsync, and then lets the reactor know in one call. So
a hundred messages that arrive together cost one disk flush, and none is acknowledged before it is on the disk. Every
other connection is C{query_only}, which also keeps clear of the WAL-reset fault of SQLite before 3.51.3.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import apsw
from attrs import define, field
from twisted.internet.defer import Deferred, execute
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailframe.errors import InDoubt, Temporary

T = TypeVar("T")
Rows: TypeAlias = "list[tuple[Any, ...]]"
Writer: TypeAlias = Any
"""An C{apsw.Connection} inside an operation; its own annotations make a union of every value that a query returns."""
Operation: TypeAlias = Callable[[Writer], T]

_log = Logger()

BATCH = 500
"""Operations in one transaction at the most: what a crash can make a client send again."""
WAL_PAGES = 4000
"""Pages of 4 KiB in the write-ahead log before it is copied back: 16 MB."""
WAL_BYTES = 64 * 1024 * 1024
"""What the log's file is cut back to when it has grown beyond."""
CACHE_KIBIBYTES = 16 * 1024
"""Page cache of the writer; the readers have a quarter of it each."""
BUSY_MILLISECONDS = 10_000
"""How long another process's lock is borne; there should be none."""
STATEMENTS = 200
"""Prepared statements kept by each connection."""
READERS = 2
"""Threads for scans: as many as the cores of a small machine, for Python computes in one at a time."""


@define(eq=False)
class _Job:
    operation: Operation[Any]
    then: Callable[[Any], None] | None
    done: Deferred[Any]
    result: Any = None


@define(eq=False)
class Database:
    """
    @ivar path: of the file; its directory exists.
    @ivar call_in_reactor: C{reactor.callFromThread}; C{None} does everything at once in the caller's thread, for tests
        on a virtual clock and for commands that run without a reactor.
    @ivar at_end_of_turn: runs a call when the reactor's present turn is over: what one turn asks for is then written
        together. C{None} gives each operation to the writer at once.
    """

    path: str
    call_in_reactor: Callable[..., Any] | None = None
    at_end_of_turn: Callable[[Callable[[], None]], Any] | None = None
    vfs: str | None = None
    _writer: apsw.Connection | None = field(default=None, init=False)
    _reader: apsw.Connection | None = field(default=None, init=False)
    _gathered: list[_Job] = field(factory=list, init=False)
    _jobs: queue.SimpleQueue[list[_Job]] = field(factory=queue.SimpleQueue, init=False)
    _scans: queue.SimpleQueue[_Job | None] = field(factory=queue.SimpleQueue, init=False)
    _threads: list[threading.Thread] = field(factory=list, init=False)

    def open(self, prepare: Callable[[apsw.Connection], None] = lambda connection: None) -> None:
        """
        Open the file, or make it, and start the threads.

        @param prepare: brings the schema up to date; runs first, on the writing connection.
        """
        self._writer = self._connect(apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE, CACHE_KIBIBYTES)
        self._writer.pragma("journal_mode", "wal")
        self._writer.pragma("synchronous", "full")
        self._writer.pragma("foreign_keys", False)
        self._writer.pragma("wal_autocheckpoint", WAL_PAGES)
        self._writer.pragma("journal_size_limit", WAL_BYTES)
        prepare(self._writer)
        self._reader = self._connect_reader()
        if self.call_in_reactor is not None:
            self._threads = [threading.Thread(target=self._write_all, name="mailframe writer", daemon=True)]
            self._threads += [
                threading.Thread(
                    target=self._scan_all, args=[self._connect_reader()], name=f"mailframe reader {number}", daemon=True
                )
                for number in range(READERS)
            ]
            for thread in self._threads:
                thread.start()

    def close(self) -> None:
        """Finish what was asked for, end the threads and close the file. Blocks for as long as that takes."""
        if self._writer is None:
            return
        self._hand_over()
        self._jobs.put([])
        for _ in self._threads[1:]:
            self._scans.put(None)
        for thread in self._threads:
            thread.join()
        self._threads = []
        assert self._reader is not None
        self._reader.close()
        self._writer.close()
        self._writer = self._reader = None

    def _connect(self, flags: int, cache: int) -> apsw.Connection:
        connection = apsw.Connection(self.path, flags=flags, vfs=self.vfs, statementcachesize=STATEMENTS)
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        connection.pragma("cache_size", -cache)
        connection.pragma("temp_store", "memory")
        return connection

    def _connect_reader(self) -> apsw.Connection:
        connection = self._connect(apsw.SQLITE_OPEN_READWRITE, CACHE_KIBIBYTES // 4)
        connection.pragma("query_only", True)
        return connection

    # --- for the parts that keep data here ------------------------------------------------------------------------

    def read(self, sql: str, arguments: Sequence[Any] = ()) -> Rows:
        """
        Return the rows of a short query, as last committed; at once, since that is quicker than asking a thread.

        @raise Temporary: the disk cannot be read.
        """
        assert self._reader is not None, "the database is not open"
        try:
            return self._reader.execute(sql, arguments).fetchall()
        except apsw.Error as error:
            raise _temporary(error) from error

    def scan(self, operation: Operation[T]) -> Deferred[T]:
        """Run a query without a bound in a thread, on a connection that cannot write."""
        if self.call_in_reactor is None:
            assert self._reader is not None, "the database is not open"
            return execute(_guarded, operation, self._reader)
        job = _Job(operation, None, Deferred())
        self._scans.put(job)
        return job.done

    def write(self, operation: Operation[T], then: Callable[[T], None] | None = None) -> Deferred[T]:
        """
        Run an operation in a transaction, all or nothing; it is durable when the Deferred fires.

        @param operation: gets the writing connection, in the writer's thread: it must touch nothing else that is
            shared, and must not begin or end transactions. It runs again if another one in its transaction fails.
        @param then: gets the result, in the reactor, once it is durable: tell others what changed.
        @raise Temporary: the disk is full or broken, or another process has the database; nothing was changed.
        @raise InDoubt: as before, and a crash may still bring the change about.
        """
        job = _Job(operation, then, Deferred())
        if self.call_in_reactor is None:
            self._commit([job])
            self._tell([job])
            return job.done
        self._gathered.append(job)
        if self.at_end_of_turn is None:
            self._hand_over()
        elif len(self._gathered) == 1:
            self.at_end_of_turn(self._hand_over)
        return job.done

    def _hand_over(self) -> None:
        if self._gathered:
            self._jobs.put(self._gathered)
            self._gathered = []

    # --- threads --------------------------------------------------------------------------------------------------

    def _write_all(self) -> None:
        while jobs := self._jobs.get():
            going = True
            while going and len(jobs) < BATCH and not self._jobs.empty():
                more = self._jobs.get()
                jobs += more
                going = bool(more)
            self._commit(jobs)
            assert self.call_in_reactor is not None
            self.call_in_reactor(self._tell, jobs)
            if not going:
                break

    def _scan_all(self, connection: apsw.Connection) -> None:
        while (job := self._scans.get()) is not None:
            try:
                job.result = _guarded(job.operation, connection)
            except Exception:
                job.result = Failure()
            assert self.call_in_reactor is not None
            self.call_in_reactor(self._tell, [job])
        connection.close()

    def _commit(self, jobs: list[_Job]) -> None:
        """
        Run operations in one transaction; afterwards each has its result or its failure.

        At first all together: savepoints are a third of the work, and needed only when an operation fails. Then all
        is undone and done again, each operation in a savepoint of its own.
        """
        connection = self._writer
        assert connection is not None, "the database is not open"
        fault = Temporary
        try:
            if not self._all_succeed(connection, jobs):
                connection.execute("BEGIN IMMEDIATE")
                for job in jobs:
                    self._run(connection, job)
            fault = InDoubt
            connection.execute("COMMIT")
        except Exception as error:
            self._roll_back(connection)
            # Where the disk was full, the log does not hold the end of the transaction, without which it is nothing.
            failure = Failure(_temporary(error, Temporary if isinstance(error, apsw.FullError) else fault))
            for job in jobs:
                job.result = failure

    def _all_succeed(self, connection: apsw.Connection, jobs: list[_Job]) -> bool:
        connection.execute("BEGIN IMMEDIATE")
        try:
            for job in jobs:
                job.result = job.operation(connection)
        except Exception:  # told when it happens again, in its savepoint
            self._roll_back(connection)
            return False
        return True

    def _run(self, connection: apsw.Connection, job: _Job) -> None:
        connection.execute("SAVEPOINT job")
        try:
            job.result = job.operation(connection)
        except Exception as error:
            job.result = Failure(_temporary(error) if isinstance(error, apsw.Error) else error)
            # A full disk may have rolled back everything: then the RELEASE fails, and with it the whole group.
            connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")

    def _roll_back(self, connection: apsw.Connection) -> None:
        if connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except apsw.Error:
                _log.failure("cannot roll back")

    def _tell(self, jobs: list[_Job]) -> None:
        """Fire the Deferreds, in the reactor."""
        for job in jobs:
            if isinstance(job.result, Failure):
                job.done.errback(job.result)
                continue
            if job.then is not None:
                try:
                    job.then(job.result)
                except Exception:  # it is done nevertheless, and the others wait for their answers
                    _log.failure("cannot tell of a change")
            job.done.callback(job.result)


def _guarded(operation: Operation[T], connection: apsw.Connection) -> T:
    try:
        return operation(connection)
    except apsw.Error as error:
        raise _temporary(error) from error


def _temporary(error: Exception, kind: type[Temporary] = Temporary) -> Exception:
    """Say of a fault of the database that it may pass; operations' own errors stay what they are."""
    if not isinstance(error, apsw.Error):
        return error
    _log.error("the database failed: {error}", error=str(error))
    fault = kind("The data cannot be read or written now")
    fault.__cause__ = error
    return fault
