"""Operations that share a transaction, and with it one flush of the disk; each of them succeeds or fails alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar

import apsw
from attrs import define
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailframe.errors import InDoubt, Temporary

T = TypeVar("T")
Writer: TypeAlias = Any
"""An C{apsw.Connection} inside an operation; its own annotations make a union of every value that a query returns."""
Operation: TypeAlias = Callable[[Writer], T]
Rows: TypeAlias = "list[tuple[Any, ...]]"
Together: TypeAlias = Callable[[Writer, Sequence[Any]], Sequence[T]]
"""Does with many things at once what has to be done with each; returns a result for each."""

_log = Logger()
_together = attrgetter("together")
_then = attrgetter("then")


@define(eq=False)
class Job:
    """
    Something to be done, and who waits for it.

    @ivar together: does it, and what else of its kind is in the group.
    @ivar item: what it does it with.
    @ivar then: gets the result, once it is durable, and those of others in the group that name the same function.
    @ivar quick: it touches a few pages, so that it may be done in the reactor.
    @ivar result: what became of it; a L{Failure} if it failed.
    """

    together: Together[Any]
    item: Any
    then: Callable[[Sequence[Any]], None] | None
    quick: bool
    done: Deferred[Any]
    result: Any = None


def one_by_one(connection: Writer, operations: Sequence[Operation[Any]]) -> list[Any]:
    """Do each of several operations: the L{Together} of those that have nothing in common."""
    return [operation(connection) for operation in operations]


def perform(connection: apsw.Connection, jobs: Sequence[Job]) -> None:
    """
    Do all of them in a transaction that L{commit} has to end; afterwards each has its result or its failure.

    At first all together: savepoints are a third of the work, and needed only when an operation fails. Then all is
    undone and done again, each operation in a savepoint of its own.

    @raise Exception: the transaction as a whole came to nothing; it may be tried again.
    """
    try:
        if not _all_succeed(connection, jobs):
            connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                _succeed_or_fail(connection, job)
    except Exception:
        _roll_back(connection)
        raise


def commit(connection: apsw.Connection, jobs: Sequence[Job]) -> None:
    """Make what was performed durable, or let all of it fail."""
    try:
        connection.execute("COMMIT")
    except Exception as error:
        _roll_back(connection)
        # Where the disk was full, the log does not hold the end of the transaction, without which it is nothing.
        fail(jobs, error, Temporary if isinstance(error, apsw.FullError) else InDoubt)


def perform_and_commit(connection: apsw.Connection, jobs: Sequence[Job]) -> None:
    """Do all of it, in a thread that may wait, or where there is none."""
    try:
        perform(connection, jobs)
    except Exception as error:
        fail(jobs, error)
    else:
        commit(connection, jobs)


def fail(jobs: Sequence[Job], error: Exception, kind: type[Temporary] = Temporary) -> None:
    """Let all fail for the same reason."""
    failure = Failure(temporary(error, kind))
    for job in jobs:
        job.result = failure


def tell(jobs: Sequence[Job]) -> None:
    """Say what has changed, and fire the Deferreds, in the reactor."""
    for then, alike in groupby(jobs, _then):
        if then is not None:
            _say(then, [job.result for job in alike if not isinstance(job.result, Failure)])
    for job in jobs:
        if isinstance(job.result, Failure):
            job.done.errback(job.result)
        else:
            job.done.callback(job.result)


def _say(then: Callable[[Sequence[Any]], None], results: Sequence[Any]) -> None:
    try:
        if results:
            then(results)
    except Exception:  # it is done nevertheless, and all wait for their answers
        _log.failure("cannot tell of a change")


def _all_succeed(connection: apsw.Connection, jobs: Sequence[Job]) -> bool:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for together, of_a_kind in groupby(jobs, _together):
            _perform_kind(connection, together, list(of_a_kind))
    except Exception:  # told when it happens again, in its savepoint
        _roll_back(connection)
        return False
    return True


def _perform_kind(connection: apsw.Connection, together: Together[Any], jobs: Sequence[Job]) -> None:
    for job, result in zip(jobs, together(connection, [job.item for job in jobs]), strict=True):
        job.result = result


def _succeed_or_fail(connection: apsw.Connection, job: Job) -> None:
    connection.execute("SAVEPOINT job")
    try:
        _perform_kind(connection, job.together, [job])
    except Exception as error:
        job.result = Failure(temporary(error) if isinstance(error, apsw.Error) else error)
        # A full disk may have rolled back everything: then the RELEASE fails, and with it the whole group.
        connection.execute("ROLLBACK TO job")
    connection.execute("RELEASE job")


def _roll_back(connection: apsw.Connection) -> None:
    if connection.in_transaction:
        try:
            connection.execute("ROLLBACK")
        except apsw.Error:
            _log.failure("cannot roll back")


def guarded(operation: Operation[T], connection: apsw.Connection) -> T:
    """
    Run an operation that only reads.

    @raise Temporary: the disk cannot be read.
    """
    try:
        return operation(connection)
    except apsw.Error as error:
        raise temporary(error) from error


def temporary(error: Exception, kind: type[Temporary] = Temporary) -> Exception:
    """Say of a fault of the database that it may pass; operations' own errors stay what they are."""
    if not isinstance(error, apsw.Error):
        return error
    _log.error("the database failed: {error}", error=str(error))
    fault = kind("The data cannot be read or written now")
    fault.__cause__ = error
    return fault
