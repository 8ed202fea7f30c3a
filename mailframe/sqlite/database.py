"""The one SQLite database of a server: one connection that writes in groups, and readers that never write.

Whatever is asked for in one turn of the reactor, or while the group before is on its way to the disk, is one group: one
transaction, and one flush of the disk (L{mailframe.sqlite.group}). So a hundred messages that arrive together cost one,
and none is acknowledged before it is on the disk. Where many have been writing at the same time, a group waits a moment
for most of them: it costs the reactor as much as ten operations, whatever their number. With half of them, the other
half would keep the reactor busy while this one waits for the disk, but that was measured to be no quicker, and to take
a tenth more of the processor; and all of them would wait for the slowest one.

Quick operations are done in the reactor, in memory, and the thread has only to wait for the disk. It would have to ask
for Python's lock after each of their statements, which costs a busy reactor more than the statements do. The others are
done in the thread, with their whole group. The connection belongs to the thread as long as it has a group, and else to
the reactor.

Where other processes write too, a group begins when it is this process's turn (L{mailframe.sqlite.turns}), which the
thread waits for; what is asked for meanwhile goes with it.

Every other connection but the one of L{mailframe.sqlite.checkpoints} is C{query_only}.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import apsw
from attrs import define, field
from twisted.internet.defer import Deferred, execute
from twisted.python.failure import Failure

from mailframe.sqlite import group
from mailframe.sqlite.checkpoints import Checkpoints
from mailframe.sqlite.group import Job, Operation, Rows, Together, Writer
from mailframe.sqlite.turns import Turns

__all__ = ["Database", "Operation", "Rows", "Together", "Writer"]

T = TypeVar("T")

BATCH = 100
"""Operations in one transaction at the most: what a crash can make a client send again, or the reactor do at a time."""
GATHER_SECONDS = 0.002
"""How long a group waits for more, where others were writing lately."""
ENOUGH = 16
"""A group of so many waits for no more: what it costs beside them is little then."""
WAL_BYTES = 64 * 1024 * 1024
"""What the log's file is cut back to when it has grown beyond."""
CACHE_KIBIBYTES = 16 * 1024
"""Page cache of the writer; the readers have a quarter of it each."""
BUSY_MILLISECONDS = 10_000
"""How long another process's lock is borne; there should be none, for whoever writes does so in turns."""
STATEMENTS = 200
"""Prepared statements kept by each connection."""
READERS = 2
"""Threads for scans: as many as the cores of a small machine, for Python computes in one at a time."""


@define(eq=False)
class Database:
    """
    @ivar path: of the file; its directory exists.
    @ivar call_in_reactor: C{reactor.callFromThread}; C{None} does everything at once in the caller's thread, for tests
        on a virtual clock and for commands that run without a reactor.
    @ivar call_later: C{reactor.callLater}; C{None} begins with each operation at once, unless one is under way.
    @ivar turns: when to write, where other processes have the file open too.
    """

    path: str
    call_in_reactor: Callable[..., Any] | None = None
    call_later: Callable[[float, Callable[[], None]], Any] | None = None
    vfs: str | None = None
    turns: Turns | None = None
    _writer: apsw.Connection | None = field(default=None, init=False)
    _reader: apsw.Connection | None = field(default=None, init=False)
    _checkpoints: Checkpoints | None = field(default=None, init=False)
    _waiting: list[Job] = field(factory=list, init=False)
    _at_end_of_turn: bool = field(default=False, init=False)
    _timer: Any = field(default=None, init=False)
    _under_way: bool = field(default=False, init=False)
    _at_the_same_time: int = field(default=0, init=False)
    _tasks: queue.SimpleQueue[Callable[[], None] | None] = field(factory=queue.SimpleQueue, init=False)
    _scans: queue.SimpleQueue[Job | None] = field(factory=queue.SimpleQueue, init=False)
    _threads: list[threading.Thread] = field(factory=list, init=False)

    def open(self, prepare: Callable[[apsw.Connection], None] = lambda connection: None) -> None:
        """
        Open the file, or make it, and start the threads.

        @param prepare: brings the schema up to date; runs first, on the writing connection.
        """
        self._writer = self._connect_writer()
        prepare(self._writer)
        self._reader = self._connect_reader()
        self._checkpoints = Checkpoints(self._writer)
        if self.call_in_reactor is not None:
            self._checkpoints.run_in_thread(self._connect_writer())
            self._start(self._work, "mailframe writer")
            for number in range(READERS):
                self._start(partial(self._scan_all, self._connect_reader()), f"mailframe reader {number}")

    def _start(self, work: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)

    def close(self) -> None:
        """Finish what was asked for, end the threads and close the file. Blocks for as long as that takes."""
        if self._writer is None:
            return
        assert self._reader is not None
        assert self._checkpoints is not None
        self._tasks.put(None)
        for _ in self._threads[1:]:
            self._scans.put(None)
        for thread in self._threads:
            thread.join()
        self._threads = []
        if self.turns is not None and self._waiting:
            self.turns.take()
        while jobs := self._taken():
            assert self.call_in_reactor is not None
            self._perform_and_commit(jobs)
            self.call_in_reactor(group.tell, jobs)
        if self.turns is not None:
            self.turns.close()
        self._checkpoints.end()
        self._reader.close()
        self._writer.close()
        self._writer = self._reader = self._checkpoints = None

    def _connect(self, flags: int, cache: int) -> apsw.Connection:
        connection = apsw.Connection(self.path, flags=flags, vfs=self.vfs, statementcachesize=STATEMENTS)
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        # Else SQLite parses many a statement again each time, to plan it anew for the values it is given.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        connection.pragma("cache_size", -cache)
        connection.pragma("temp_store", "memory")
        return connection

    def _connect_writer(self) -> apsw.Connection:
        connection = self._connect(apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE, CACHE_KIBIBYTES)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.pragma("foreign_keys", False)
        connection.pragma("wal_autocheckpoint", 0)
        connection.pragma("journal_size_limit", WAL_BYTES)
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
            raise group.temporary(error) from error

    def scan(self, operation: Operation[T]) -> Deferred[T]:
        """Run a query without a bound in a thread, on a connection that cannot write."""
        if self.call_in_reactor is None:
            assert self._reader is not None, "the database is not open"
            return execute(group.guarded, operation, self._reader)
        job = Job(group.one_by_one, operation, None, False, Deferred())
        self._scans.put(job)
        return job.done

    def write(
        self, operation: Operation[T], then: Callable[[T], None] | None = None, *, quick: bool = False
    ) -> Deferred[T]:
        """
        Run an operation in a transaction, all or nothing; it is durable when the Deferred fires.

        @param operation: gets the writing connection, in the reactor or in a thread: it must touch nothing else that is
            shared, and must not begin or end transactions. It runs again if another one in its transaction fails.
        @param then: gets the result, in the reactor, once it is durable: tell others what changed.
        @param quick: it takes a millisecond at most, however much data there is: it may be run in the reactor.
        @raise Temporary: the disk is full or broken, or another process has the database; nothing was changed.
        @raise InDoubt: as before, and a crash may still bring the change about.
        """
        each = None if then is None else lambda results: then(*results)
        return self.write_together(group.one_by_one, operation, each, quick=quick)

    def write_together(
        self,
        together: Together[T],
        item: Any,
        then: Callable[[Sequence[T]], None] | None = None,
        *,
        quick: bool = False,
    ) -> Deferred[T]:
        """
        As L{write}, for something that takes less time when it is done with several items at once.

        @param together: does it, with this item and with those that others have asked it to be done with meanwhile; it
            returns a result for each of them, and raises if it fails for any: then it is called with each alone.
        @param then: gets the results of those next to each other in a group that name the same function, once they are
            durable, and before any of them fires.
        """
        assert self._checkpoints is not None, "the database is not open"
        job = Job(together, item, then, quick, Deferred())
        if self.call_in_reactor is None:
            self._write_here(job)
            return job.done
        self._waiting.append(job)
        if self.call_later is None:
            self._begin()
        elif not self._under_way and not self._at_end_of_turn:
            self._at_end_of_turn = True
            self.call_later(0, self._turn_ended)
        return job.done

    def _write_here(self, job: Job) -> None:
        assert self._checkpoints is not None
        if self.turns is not None:
            self.turns.take()
        self._perform_and_commit([job])
        if self._checkpoints.due():
            self._checkpoints.finish()
        if self.turns is not None:
            self.turns.pass_on()
        group.tell([job])

    # --- groups ---------------------------------------------------------------------------------------------------

    def _turn_ended(self) -> None:
        self._at_end_of_turn = False
        self._begin_if_enough()

    def _begin_if_enough(self) -> None:
        """Begin with most of those who were writing at the same time lately: when there are as many, or soon."""
        most = max(1, self._at_the_same_time * 4 // 5)
        if self.call_later is None or len(self._waiting) >= min(ENOUGH, most):
            self._begin()
        elif self._waiting and self._timer is None:
            self._timer = self.call_later(GATHER_SECONDS, self._begin)

    def _begin(self) -> None:
        """Take what waits, unless a group is under way: its end comes here again."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if self._under_way or not self._waiting:
            return
        self._under_way = True
        if self.turns is None or self.turns.taken():
            self._begin_now()
        else:
            self._tasks.put(self._wait_for_turn)

    def _begin_now(self) -> None:
        """Make a group of what waits, in the reactor, while nobody else writes."""
        if self._writer is not None:  # else L{close} has seen to it
            jobs = self._taken()
            self._tasks.put(partial(self._finish, jobs, self._performed(jobs)))

    def _taken(self) -> list[Job]:
        jobs, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
        return jobs

    def _performed(self, jobs: list[Job]) -> bool:
        """Do quick operations here; what goes wrong with all of them may go better in the thread, which can wait."""
        assert self._writer is not None
        try:
            if quick := all(job.quick for job in jobs):
                group.perform(self._writer, jobs)
        except Exception:
            return False
        return quick

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()

    def _wait_for_turn(self) -> None:
        assert self.turns is not None
        assert self.call_in_reactor is not None
        self.turns.take()
        self.call_in_reactor(self._begin_now)

    def _finish(self, jobs: list[Job], performed: bool) -> None:
        """Do in the thread what is left to do with a group."""
        assert self._writer is not None
        assert self._checkpoints is not None
        assert self.call_in_reactor is not None
        if performed:
            group.commit(self._writer, jobs)
        else:
            self._perform_and_commit(jobs)
        if self._checkpoints.due():  # nobody who is done waits for it
            self.call_in_reactor(group.tell, jobs)
            self._checkpoints.finish()
            jobs = []
        if self.turns is not None:
            self.turns.pass_on()
        self.call_in_reactor(self._end, jobs)

    def _perform_and_commit(self, jobs: list[Job]) -> None:
        assert self._writer is not None
        self._writer.set_busy_timeout(BUSY_MILLISECONDS)
        group.perform_and_commit(self._writer, jobs)
        self._writer.set_busy_timeout(0)

    def _end(self, jobs: list[Job]) -> None:
        """A group is on the disk: the next one goes on its way, and then those of this one are told."""
        self._at_the_same_time = max(len(jobs) + len(self._waiting), self._at_the_same_time * 7 // 8)
        self._under_way = False
        self._begin_if_enough()
        group.tell(jobs)

    def _scan_all(self, connection: apsw.Connection) -> None:
        assert self.call_in_reactor is not None
        while (job := self._scans.get()) is not None:
            try:
                job.result = group.guarded(job.item, connection)
            except Exception:
                job.result = Failure()
            self.call_in_reactor(group.tell, [job])
        connection.close()
