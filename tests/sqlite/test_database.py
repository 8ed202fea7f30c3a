"""What is written together, and where: quick operations in the reactor, the others in a thread, all flushed once."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any
from unittest import mock

import apsw
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailframe.errors import NoSuchAccount, Temporary
from mailframe.sqlite import checkpoints, database
from mailframe.sqlite.database import ENOUGH, GATHER_SECONDS, Database
from tests.store.recording import Disk
from tests.store.test_crash import Turns
from tests.temporary import path_for


def _make_table(connection: apsw.Connection) -> None:
    connection.execute("CREATE TABLE t (x)")


def _insert(connection: Any, number: int | str) -> int:
    connection.execute("INSERT INTO t VALUES (?)", (number,))
    return threading.get_ident()


class _Tests(TestCase):
    timeout = 60

    def opened(self, call_later: Any = reactor.callLater) -> Database:
        folder = path_for(self)
        os.mkdir(folder)
        found = Database(os.path.join(folder, "x.sqlite3"), IReactorFromThreads(reactor).callFromThread, call_later)
        found.open(_make_table)
        self.addCleanup(found.close)
        return found

    def numbers(self, found: Database) -> list[int]:
        return [number for (number,) in found.read("SELECT x FROM t ORDER BY x")]


class GroupTests(_Tests):
    async def test_quick_operations_run_in_the_reactor_and_others_in_a_thread(self) -> None:
        data, here = self.opened(), threading.get_ident()
        assert await data.write(lambda connection: _insert(connection, 1), quick=True) == here
        slow = await data.write(lambda connection: _insert(connection, 2))
        assert slow != here
        both = [data.write(lambda connection: _insert(connection, 3), quick=quick) for quick in (True, False)]
        assert [await each for each in both] == [slow, slow]

    async def test_what_is_asked_for_during_a_commit_goes_with_the_next(self) -> None:
        data = self.opened(call_later=None)
        first = data.write(lambda connection: _insert(connection, 1), quick=True)
        second = [data.write(lambda connection: connection.in_transaction, quick=True) for _ in range(2)]
        assert self.numbers(data) in ([], [1])
        assert await first == threading.get_ident()
        assert [await each for each in second] == [True, True]

    async def test_things_of_a_kind_are_done_together_and_in_their_order(self) -> None:
        data, groups = self.opened(), []

        def together(connection: Any, numbers: Sequence[int]) -> list[int]:
            groups.append(list(numbers))
            return [_insert(connection, number) and 10 * number for number in numbers]

        asked = [data.write_together(together, number, quick=True) for number in (1, 2)]
        asked.append(data.write(lambda connection: _insert(connection, 3) and 7, quick=True))
        asked.append(data.write_together(together, 4, quick=True))
        assert [await each for each in asked] == [10, 20, 7, 40]
        assert groups == [[1, 2], [4]]
        assert self.numbers(data) == [1, 2, 3, 4]

    async def test_one_of_a_kind_that_fails_does_so_alone(self) -> None:
        data = self.opened()
        told: list[int] = []

        def together(connection: Any, numbers: Sequence[int]) -> list[int]:
            for number in numbers:
                _insert(connection, number)
            if 2 in numbers:
                raise NoSuchAccount("no 2")
            return list(numbers)

        asked: list[Deferred[int]] = [data.write_together(together, n, told.extend, quick=True) for n in (1, 2, 3)]
        assert await asked[0] == 1
        await self.assertFailure(asked[1], NoSuchAccount)
        assert await asked[2] == 3
        assert self.numbers(data) == told == [1, 3]

    async def test_what_was_done_together_is_told_at_once_before_anyone_goes_on(self) -> None:
        data = self.opened()
        told: list[Sequence[int]] = []
        asked: list[Deferred[int]] = [data.write_together(_same, n, told.append, quick=True) for n in (1, 2, 3)]
        before = [await each and len(told) for each in asked]
        assert (before, told) == ([1, 1, 1], [[1, 2, 3]])

    async def test_who_cannot_be_told_keeps_nobody_from_an_answer(self) -> None:
        data = self.opened()
        told: list[int] = []

        def broken(_numbers: Sequence[int]) -> None:
            raise ZeroDivisionError("nobody listens")

        asked: list[Deferred[int]] = [data.write_together(_same, n, broken, quick=True) for n in (1, 2)]
        asked.append(data.write_together(_same, 3, told.extend, quick=True))
        assert [await each for each in asked] == [1, 2, 3]
        assert told == [3]
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1

    async def test_no_group_is_larger_than_its_bound(self) -> None:
        data, sizes = self.opened(), []

        def together(_connection: Any, items: Sequence[int]) -> Sequence[int]:
            sizes.append(len(items))
            return items

        with mock.patch.object(database, "BATCH", 3):
            asked = [data.write_together(together, number, quick=True) for number in range(7)]
            assert [await each for each in asked] == list(range(7))
        assert sizes == [3, 3, 1]

    async def test_the_reactor_does_not_wait_for_a_process_that_has_the_database(self) -> None:
        data = self.opened()
        other = apsw.Connection(data.path)
        other.execute("BEGIN IMMEDIATE")
        asked = data.write(lambda connection: _insert(connection, 1), quick=True)
        await deferToThread(lambda: None)
        self.assertNoResult(asked)
        other.execute("COMMIT")
        assert await asked != threading.get_ident()
        assert self.numbers(data) == [1]

    async def test_a_process_that_keeps_the_database_makes_it_fail_for_now(self) -> None:
        data = self.opened()
        other = apsw.Connection(data.path)
        with other, mock.patch.object(database, "BUSY_MILLISECONDS", 1):
            other.execute("INSERT INTO t VALUES (7)")
            for quick in (True, False):
                await self.assertFailure(data.write(lambda connection: _insert(connection, 1), quick=quick), Temporary)
        assert await data.write(lambda connection: _insert(connection, 2), quick=True) == threading.get_ident()
        assert self.numbers(data) == [2, 7]

    async def test_what_waits_is_written_when_it_is_closed(self) -> None:
        data = self.opened(call_later=None)
        with mock.patch.object(database, "BATCH", 2):
            asked = [data.write(lambda connection: _insert(connection, 1), quick=True) for _ in range(6)]
            data.close()
        for each in asked:
            await each
        assert apsw.Connection(data.path).execute("SELECT count(*) FROM t").fetchall() == [(6,)]


class GatheringTests(TestCase):
    """How long a group waits for others, on a clock that is turned by hand."""

    def setUp(self) -> None:
        self.turns = Turns()
        folder = path_for(self)
        os.mkdir(folder)
        self.data = Database(os.path.join(folder, "x.sqlite3"), self.turns.callFromThread, self.turns.callLater)
        self.data.open(_make_table)
        self.addCleanup(self.data.close)
        self.sizes: list[int] = []

    def together(self, _connection: Any, items: Sequence[int]) -> Sequence[int]:
        self.sizes.append(len(items))
        return items

    def ask(self, count: int) -> None:
        """Ask for so many, and let the turn end."""
        for number in range(count):
            self.data.write_together(self.together, number, quick=True)
        self.turns.advance(0)

    def end(self) -> None:
        """Wait until a group is on the disk."""
        call, arguments = self.turns.called.get(timeout=30)
        call(*arguments)

    def test_one_that_writes_alone_waits_for_nobody(self) -> None:
        for _ in range(3):
            self.ask(1)
            self.end()
        assert self.sizes == [1, 1, 1]

    def test_where_many_wrote_a_group_is_most_of_them(self) -> None:
        self.ask(6)
        self.end()
        for _ in range(3):
            self.ask(1)
        assert self.sizes == [6]
        self.ask(1)
        assert self.sizes == [6, 4]
        self.end()

    def test_of_two_who_write_at_the_same_time_neither_waits_for_the_other(self) -> None:
        self.ask(2)
        self.end()
        self.ask(1)
        assert self.sizes == [2, 1]
        self.end()

    def test_others_are_waited_for_no_longer_than_a_moment(self) -> None:
        self.ask(6)
        self.end()
        self.ask(2)
        self.turns.advance(GATHER_SECONDS / 2)
        assert self.sizes == [6]
        self.turns.advance(GATHER_SECONDS / 2)
        assert self.sizes == [6, 2]
        self.end()
        assert self.turns.getDelayedCalls() == []

    def test_many_who_wrote_once_are_forgotten(self) -> None:
        self.ask(6)
        self.end()
        for _ in range(12):
            self.ask(1)
            self.turns.advance(GATHER_SECONDS)
            self.end()
        self.ask(1)
        assert self.sizes == [6] + 13 * [1]
        self.end()

    def test_a_large_group_is_enough(self) -> None:
        self.ask(100)
        self.end()
        self.ask(ENOUGH)
        assert self.sizes == [100, ENOUGH]
        self.end()


class CheckpointTests(_Tests):
    async def test_the_log_is_copied_back_while_it_is_written_to(self) -> None:
        data = self.opened()
        with mock.patch.object(checkpoints, "WAL_PAGES", 50):
            before = os.path.getsize(data.path)
            while os.path.getsize(data.path) < before + 200 * 4096:
                await data.write(_fill, quick=True)
            log = os.path.getsize(data.path + "-wal")
            for _ in range(300):
                await data.write(_fill, quick=True)
            assert os.path.getsize(data.path + "-wal") < log + 1000 * 4096, "the log begins again"

    async def test_a_log_that_cannot_be_copied_back_is_copied_later(self) -> None:
        disk = Disk()
        with disk.recording(), mock.patch.object(checkpoints, "WAL_PAGES", 1):
            data = self.opened()
            data.close()
            inline = Database(data.path)
            inline.open()
            self.addCleanup(inline.close)
            disk.unwritable = data.path
            await inline.write(_fill)
            assert os.path.getsize(data.path) < 5 * 4096
            disk.unwritable = ""
            await inline.write(_fill)
            assert os.path.getsize(data.path) > 20 * 4096


def _same(_connection: Any, items: Sequence[int]) -> Sequence[int]:
    return items


def _fill(connection: Any) -> None:
    """Write some ten pages."""
    connection.execute("INSERT INTO t VALUES (zeroblob(40000))")
