"""A full or broken disk: who asked is told, nothing is half there, and all goes on when there is room again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from unittest import mock

import apsw
import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailframe.address import Address
from mailframe.envelope import Envelope, Recipient
from mailframe.errors import NoSuchAccount, Temporary
from mailframe.interfaces import Filing
from mailframe.site import Site
from mailframe.sqlite import SQLite
from mailframe.sqlite.database import Database
from tests.store.recording import Disk
from tests.store.test_crash import ANN, big, now, opened, small, snapshot
from tests.temporary import path_for


@pytest.fixture
def disk() -> Iterator[Disk]:
    found = Disk()
    with found.recording():
        yield found


@pytest.fixture
def data(disk: Disk, tmp_path: Any) -> Iterator[SQLite]:
    found = opened(str(tmp_path / "data"))
    now(found.add_account(ANN, "secret"))
    yield found
    now(found.stop())


FAULTS = ("full", "broken")
TO_ANN = [Filing(str(ANN))]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestFaults:
    @pytest.mark.parametrize("fault", FAULTS)
    def test_what_cannot_be_written_is_not_there(self, disk: Disk, data: SQLite, fault: str) -> None:
        assert now(data.deliver(small("before"), TO_ANN)) == {}
        before = now(snapshot(data))
        setattr(disk, fault, True)
        for message in (small("one"), big(data, "two")):
            with pytest.raises(Temporary):
                now(data.deliver(message, TO_ANN))
            message.discard()
        envelope, message = Envelope(ANN, (Recipient(Address.parse("x@example.net")),)), big(data, "three")
        with pytest.raises(Temporary):
            now(data.queue.put("q", envelope, message, 0.0))
        assert now(snapshot(data)) == before
        for folder in ("messages", "queue"):
            assert os.listdir(os.path.join(data.directory, folder)) == []
        setattr(disk, fault, False)
        assert now(data.deliver(small("after"), TO_ANN)) == {}
        inbox = now(now(data.open(str(ANN))).mailbox("INBOX"))
        assert [now(inbox.read(uid))[9:14] for uid in now(inbox.entries()).entries.uids] == [b"befor", b"after"]

    def test_a_failed_row_leaves_no_file(self, disk: Disk, data: SQLite) -> None:
        message = big(data, "x")
        before = now(snapshot(data))
        with mock.patch.object(Database, "write_together", side_effect=Temporary("no")), pytest.raises(Temporary):
            now(data.deliver(message, TO_ANN))
        assert now(snapshot(data)) == before
        assert os.listdir(os.path.join(data.directory, "messages")) == []


def _make_table(connection: apsw.Connection) -> None:
    connection.execute("CREATE TABLE t (x)")


class GroupTests(TestCase):
    """Operations that are committed together fail alone."""

    async def _database(self) -> Database:
        folder = path_for(self)
        os.mkdir(folder)
        database = Database(
            os.path.join(folder, "x.sqlite3"),
            IReactorFromThreads(reactor).callFromThread,
            IReactorTime(reactor).callLater,
        )
        database.open(_make_table)
        self.addCleanup(database.close)
        return database

    async def test_one_that_fails_does_not_take_the_others_with_it(self) -> None:
        database = await self._database()
        runs: list[int] = []

        def add(number: int) -> Any:
            def operation(connection: Any) -> int:
                runs.append(number)
                connection.execute("INSERT INTO t VALUES (?)", (number,))
                if number == 2:
                    raise NoSuchAccount("no 2")
                if number == 3:
                    connection.execute("INSERT INTO missing VALUES (1)")
                return number

            return operation

        asked = [database.write(add(number)) for number in range(5)]
        assert [await asked[number] for number in (0, 1, 4)] == [0, 1, 4]
        self.failureResultOf(asked[2], NoSuchAccount)
        self.failureResultOf(asked[3], Temporary)
        assert database.read("SELECT x FROM t ORDER BY x") == [(0,), (1,), (4,)]
        assert runs == [0, 1, 2, 0, 1, 2, 3, 4]

    async def test_a_commit_that_fails_fails_for_all(self) -> None:
        database = await self._database()

        def spoil(connection: Any) -> None:
            connection.execute("INSERT INTO t VALUES (1)")
            connection.execute("COMMIT")

        asked: list[Deferred[Any]] = [database.write(spoil), database.write(lambda connection: 1)]
        for each in asked:
            await self.assertFailure(each, Temporary)
        assert await database.write(lambda connection: 7) == 7

    async def test_scans_run_beside_and_fail_alone(self) -> None:
        database = await self._database()
        await database.write(lambda connection: connection.execute("INSERT INTO t VALUES (5)") and None)
        assert await database.scan(lambda connection: connection.execute("SELECT x FROM t").fetchall()) == [(5,)]
        await self.assertFailure(database.scan(lambda connection: connection.execute("SELECT 1 FROM no")), Temporary)
        await self.assertFailure(database.scan(lambda connection: connection.execute("DELETE FROM t")), Temporary)
        with self.assertRaises(Temporary):
            database.read("SELECT 1 FROM no")

    async def test_what_was_asked_for_is_done_before_it_closes(self) -> None:
        database = await self._database()
        path = database.path
        asked = [database.write(lambda connection: connection.execute("INSERT INTO t VALUES (1)") and None)]
        await deferToThread(lambda: None)
        asked.append(database.write(lambda connection: connection.execute("INSERT INTO t VALUES (2)") and None))
        database.close()
        for each in asked:
            await each
        assert apsw.Connection(path).execute("SELECT x FROM t").fetchall() == [(1,), (2,)]


class StartTests(TestCase):
    async def test_a_store_that_cannot_be_opened_lets_go_of_its_lock(self) -> None:
        folder = path_for(self)
        os.mkdir(folder)
        with open(os.path.join(folder, "mail.sqlite3"), "wb") as file:
            file.write(b"this is no database, whatever its name says" * 100)
        data = SQLite(folder)
        site = Site("mx.example.org", reactor)
        for _ in range(2):
            with self.assertRaises(apsw.NotADBError):
                await data.start(site)
