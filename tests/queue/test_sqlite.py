"""The queue in SQLite keeps the contract, survives a crash at any point, and stays fast when it is long."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import apsw
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailframe.address import Address
from mailframe.errors import Temporary
from mailframe.hooks import Delivered
from mailframe.interfaces import IDeliveryQueue, Selection, Settlement
from mailframe.queue import flows, inspecting
from mailframe.queue.sqlite import QUICK, SQLiteQueue
from mailframe.queue.tables import STEPS
from mailframe.site import Site
from mailframe.spool import FileBody, Message
from mailframe.testing.queue_administration import AdministeredQueueContract
from mailframe.testing.queue_lending import LendingAtOnceContract
from mailframe.testing.queues import LATER, SMALL, DeliveryQueueContract, envelope_to, names

T = TypeVar("T")


class OneConnection:
    """A database for these tests: every write is a transaction of its own, at once."""

    def __init__(self, path: str) -> None:
        self.connection = apsw.Connection(path)
        self.connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")
        if not self.read("SELECT 1 FROM sqlite_schema"):
            self.connection.execute("".join(STEPS))
        self.broken = False

    async def write(self, op: Callable[[Any], T], /, *, quick: bool = False) -> T:
        if self.broken:
            raise Temporary("the disk is full")
        self.connection.execute("BEGIN IMMEDIATE")
        result = op(self.connection)
        self.connection.execute("COMMIT")
        return result

    def read(self, sql: str, args: Any = (), /) -> Sequence[tuple[Any, ...]]:
        return list(self.connection.execute(sql, args))

    async def scan(self, op: Callable[[Any], T], /) -> T:
        return op(self.connection)


class World:
    """A queue with its data in a directory."""

    def __init__(self, directory: str, clock: Clock) -> None:
        self.directory = directory
        self.files = os.path.join(directory, "queue")
        self.database = OneConnection(os.path.join(directory, "mail.db"))
        self.queue = SQLiteQueue(self.database, self.files, Site("h", clock))

    def crashed(self, directory: str, clock: Clock) -> World:
        """Return the world that finds what is on the disk now, as after a loss of power."""
        shutil.copytree(self.directory, directory, copy_function=shutil.copy2)
        return World(directory, clock)


class SQLiteQueueContract(AdministeredQueueContract, LendingAtOnceContract, DeliveryQueueContract, TestCase):
    async def make_queue(self, clock: Clock) -> IDeliveryQueue:
        directory = tempfile.TemporaryDirectory(prefix="mailframe-queue-")
        self.addCleanup(directory.cleanup)
        self.world = World(directory.name, clock)
        self.addCleanup(self.world.database.connection.close)
        await self.world.queue.start()
        return self.world.queue

    def rows(self) -> int:
        [(count,)] = self.world.database.read(
            "SELECT (SELECT count(*) FROM queued) + (SELECT count(*) FROM queued_recipient)"
        )
        return int(count)

    async def test_nothing_is_left_when_all_is_settled(self) -> None:
        await self.put("a", "b", message=self.big_message())
        await self.put("c", id="m2")
        assert len(os.listdir(self.world.files)) == 1
        await self.settle(await self.lend(), Delivered())
        assert self.rows() == 0
        assert os.listdir(self.world.files) == []

    async def test_recipients_share_one_copy(self) -> None:
        await self.put(*(f"r{number}" for number in range(50)), message=self.big_message())
        assert len(os.listdir(self.world.files)) == 1
        assert self.world.database.read("SELECT count(*) FROM queued") == [(1,)]

    async def test_a_big_message_is_linked_not_copied(self) -> None:
        message = self.big_message()
        assert isinstance(message.body, FileBody)
        await self.put("a", message=message)
        assert os.stat(message.body.path).st_nlink == 2

    async def test_a_big_message_from_another_file_system_is_copied(self) -> None:
        def no_links(_source: str, _path: str) -> None:
            raise OSError(18, "Invalid cross-device link")

        self.patch(os, "link", no_links)
        message = self.big_message()
        await self.put("a", message=message)
        [name] = os.listdir(self.world.files)
        path = os.path.join(self.world.files, name)
        assert os.stat(path).st_mode & 0o777 == 0o600
        message.discard()
        [leased] = await self.lend()
        assert leased.message.size == os.path.getsize(path) + len(leased.message.head)

    async def test_a_full_disk_is_temporary_and_leaves_nothing(self) -> None:
        def full(_descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        self.patch(os, "fsync", full)
        await self.assertFailure(Deferred.fromCoroutine(self.put("a", message=self.big_message())), Temporary)
        assert os.listdir(self.world.files) == []
        assert self.rows() == 0

    async def test_a_database_that_fails_leaves_no_file(self) -> None:
        self.world.database.broken = True
        await self.assertFailure(Deferred.fromCoroutine(self.put("a", message=self.big_message())), Temporary)
        await self.assertFailure(Deferred.fromCoroutine(self.put("a")), Temporary)
        assert os.listdir(self.world.files) == []

    async def test_the_last_outcome_can_be_inspected(self) -> None:
        await self.put("a")
        await self.settle(await self.lend(), LATER, 2000.0)
        assert self.world.database.read("SELECT outcome FROM queued_recipient") == [
            ('{"status": "4.4.1", "text": "nobody answers"}',)
        ]

    async def test_outcomes_of_the_first_version_are_read(self) -> None:
        await self.put("a")
        self.world.database.connection.execute("UPDATE queued_recipient SET outcome = '4.4.1 nobody answers'")
        [seen] = await self.world.queue.inspect(Selection())
        assert seen.outcome == LATER

    async def test_a_message_that_goes_while_it_is_lent_is_passed_over(self) -> None:
        await self.put("a")
        await self.put("b", id="m2")
        database = self.world.database
        write = database.write

        async def slowly(op: Callable[[Any], Any], /, **_options: Any) -> Any:
            result = await write(op)
            database.connection.execute(
                "DELETE FROM queued_recipient WHERE message = 1; DELETE FROM queued WHERE id = 'm1'"
            )
            return result

        self.patch(database, "write", slowly)
        assert names(await self.queue.lease(1100, 1200, 10)) == ["b"]

    async def test_a_change_for_many_recipients_does_not_hold_up_the_reactor(self) -> None:
        database, quick = self.world.database, []
        write = database.write

        async def watched(op: Callable[[Any], Any], /, **options: Any) -> Any:
            quick.append(options["quick"])
            return await write(op)

        self.patch(database, "write", watched)
        for number in (QUICK, QUICK + 1):
            await self.put(*(f"a{each}" for each in range(number)), id=f"m{number}")
        assert quick == [True, False]
        leased = [each for _turn in range(2) for each in await self.queue.lease(1100, 1200, QUICK + 1)]
        got = {each.key: Settlement(Delivered()) for each in leased}
        quick.clear()
        await self.queue.settle(1100, dict(list(got.items())[:QUICK]))
        await self.queue.settle(1100, dict(list(got.items())[QUICK:]))
        assert quick == [True, False]

    async def test_a_long_queue_is_never_searched_whole(self) -> None:
        plans = {
            flows._DUE_DESTINATION: (1.0, "[]"),
            flows._DUE_FLOWS: ("a", 1.0, 9),
            flows._DUE: (1, 1.0, 9),
            flows.NEXT_DUE: ("[]",),
            flows._DONE: (1, 9, 1),
            flows._AGAIN: (1.0, 1, "", 0, 1, 9, 1, 1.0),
            flows._HELD_ON: (1.0,),
            "SELECT min(due) FROM queued_recipient WHERE flow = ?": (1,),
            **self.looks(),
            "SELECT 1 FROM queued_recipient WHERE message = ?": (1,),
            "SELECT 1 FROM queued_recipient WHERE leased LIMIT 1": (),
            "SELECT file FROM queued WHERE file IS NOT NULL": (),
        }
        for sql, args in plans.items():
            steps = [row[3] for row in self.world.database.read(f"EXPLAIN QUERY PLAN {sql}", args)]
            tables = [step for step in steps if "json_each" not in step and " " in step and "LIST SUBQUERY" not in step]
            assert all("USING" in step for step in tables if step.startswith(("SCAN", "SEARCH"))), steps
            assert not any("TEMP B-TREE" in step for step in steps if sql != flows._DUE_FLOWS), steps

    def looks(self) -> dict[str, Any]:
        """Return the statements that show pages of selections."""
        ann = Address("ann", "x.example")
        selections = (
            Selection(),
            Selection(id="m"),
            Selection(sender=ann, destination="x"),
            Selection(recipient=ann),
        )
        found = {}
        for select in (inspecting._PAGE, inspecting._KEYS):
            for selection in selections:
                wanted = inspecting.Wanted.of(selection, 1.0)
                where = wanted.where(self.world.database.connection)
                found[f"{select} WHERE {where}"] = {**wanted.values, "after": 1}
        return found


class CrashTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        directory = tempfile.TemporaryDirectory(prefix="mailframe-crash-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.world = self.opened(World(os.path.join(self.made("before")), self.clock))
        self.do(self.world.queue.start())

    def made(self, name: str) -> str:
        path = os.path.join(self.directory, name)
        os.mkdir(path)
        return path

    def opened(self, world: World) -> World:
        self.addCleanup(world.database.connection.close)
        return world

    def do(self, call: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(call))

    def crash(self) -> SQLiteQueue:
        """Lose power, and start again on what was on the disk."""
        after = self.opened(self.world.crashed(os.path.join(self.directory, "after"), self.clock))
        self.do(after.queue.start())
        self.after = after
        return after.queue

    def put(self, *recipients: str, message: Message = SMALL) -> None:
        self.do(self.world.queue.put("m1", envelope_to(*recipients), message, 1000.0))

    def spooled(self) -> Message:
        path = os.path.join(self.directory, "spooled")
        with open(path, "wb") as file:
            file.write(b"x" * 300_000)
        return Message(b"A: b\r\n\r\n", FileBody(path, 300_000))

    def test_what_was_put_is_there(self) -> None:
        self.put("a", "b")
        self.put("c", message=self.spooled())
        leased = self.do(self.crash().lease(1000, 1100, 10))
        assert names(leased) == ["a", "b", "c"]
        assert [each.message.size for each in leased] == [SMALL.size, SMALL.size, 300_008]
        assert bytes(leased[2].message) == b"A: b\r\n\r\n" + b"x" * 300_000

    def test_what_was_lent_is_due_again_when_it_starts(self) -> None:
        self.put("a", "b")
        self.do(self.world.queue.lease(1000, 1100, 1))
        queue = self.crash()
        assert sorted(names(self.do(queue.lease(1000, 1200, 10)))) == ["a", "b"]

    def test_what_was_settled_is_settled(self) -> None:
        self.put("a", "b", message=self.spooled())
        leased = self.do(self.world.queue.lease(1000, 1100, 10))
        self.do(
            self.world.queue.settle(
                1000, {leased[0].key: Settlement(Delivered()), leased[1].key: Settlement(LATER, 1050.0)}
            )
        )
        queue = self.crash()
        [again] = self.do(queue.lease(1050, 1200, 10))
        assert (names([again]), again.attempts) == (["b"], 1)

    def test_files_without_a_row_are_swept_away_and_the_others_are_not(self) -> None:
        self.put("a", message=self.spooled())
        with open(os.path.join(self.world.files, "left"), "wb"):
            pass
        queue = self.crash()
        assert len(os.listdir(self.after.files)) == 1
        [leased] = self.do(queue.lease(1000, 1100, 10))
        assert len(bytes(leased.message)) == 300_008

    def test_a_crash_before_the_commit_leaves_nothing(self) -> None:
        async def killed(_op: Any, /, **_options: Any) -> Any:
            await Deferred()

        self.patch(self.world.database, "write", killed)
        Deferred.fromCoroutine(self.world.queue.put("m1", envelope_to("a"), self.spooled(), 1000.0))
        assert len(os.listdir(self.world.files)) == 1
        queue = self.crash()
        assert self.do(queue.lease(1000, 1100, 10)) == []
        assert os.listdir(self.after.files) == []
