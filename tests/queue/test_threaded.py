"""The queue keeps its contract on the database as it really runs: a writer's thread, readers' threads, the reactor."""

from __future__ import annotations

import os
import threading
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorFromThreads, IReactorTime
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailframe.errors import Temporary
from mailframe.hooks import Delivered
from mailframe.interfaces import IDeliveryQueue
from mailframe.queue.sqlite import SQLiteQueue
from mailframe.site import Site
from mailframe.sqlite import schema
from mailframe.sqlite.database import Database
from mailframe.testing.queue_administration import AdministeredQueueContract
from mailframe.testing.queue_lending import LendingAtOnceContract
from mailframe.testing.queues import DeliveryQueueContract, names
from tests.temporary import path_for


class ThreadedQueueTests(AdministeredQueueContract, LendingAtOnceContract, DeliveryQueueContract, TestCase):
    """Only the clock is virtual: leases and retries are in the contract's own time."""

    timeout = 60

    async def make_queue(self, clock: Clock) -> IDeliveryQueue:
        self.directory = path_for(self)
        os.mkdir(self.directory)
        return await self.opened(clock)

    async def opened(self, clock: Clock) -> SQLiteQueue:
        """Return the queue that is in the directory."""
        self.database = database = Database(
            os.path.join(self.directory, "mail.sqlite3"),
            IReactorFromThreads(reactor).callFromThread,
            IReactorTime(reactor).callLater,
        )
        database.open(schema.prepare)
        self.addCleanup(database.close)
        site = Site("mx.example.org", clock, deferToThread)
        queue = SQLiteQueue(database, os.path.join(self.directory, "queue"), site)
        await queue.start()
        return queue

    async def test_writing_happens_in_one_other_thread_and_answers_in_the_reactors(self) -> None:
        wrote: set[int] = set()
        told: list[int] = []

        def look(_connection: object) -> None:
            wrote.add(threading.get_ident())

        for _ in range(3):
            await self.database.write(look, lambda _nothing: told.append(threading.get_ident()))
        assert len(wrote) == 1
        assert set(told) == {threading.get_ident()}
        assert wrote.isdisjoint(told)

    async def test_messages_put_together_are_all_there_and_each_once(self) -> None:
        asked = [Deferred.fromCoroutine(self.put("a", "b", id=f"m{number}")) for number in range(40)]
        await gatherResults(asked)
        lent = await self.lend(limit=80)
        assert sorted((each.id, *names([each])) for each in lent) == sorted(
            (f"m{number}", name) for number in range(40) for name in "ab"
        )

    async def test_what_was_put_is_there_after_another_start(self) -> None:
        await self.put("small", id="m1")
        await self.put("big", id="m2", message=self.big_message())
        [first, second] = sorted(await self.lend(), key=lambda each: each.id)
        await self.settle([first], Delivered())
        expected = bytes(second.message)
        self.database.close()
        self.queue = await self.opened(self.clock)
        [again] = await self.lend(1100)
        assert (again.envelope, bytes(again.message)) == (second.envelope, expected)

    async def test_a_message_that_cannot_be_written_is_refused_alone_and_leaves_nothing(self) -> None:
        await self.database.write(_refuse_bad)
        good, bad, other = (
            Deferred.fromCoroutine(self.put("a", id=name, message=self.big_message())) for name in ("m1", "bad", "m2")
        )
        await self.assertFailure(bad, Temporary)
        await gatherResults([good, other])
        assert sorted(each.id for each in await self.lend()) == ["m1", "m2"]
        assert len(os.listdir(os.path.join(self.directory, "queue"))) == 2


def _refuse_bad(connection: Any) -> None:
    connection.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON queued WHEN NEW.id = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
