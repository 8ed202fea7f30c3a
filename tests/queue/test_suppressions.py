"""The list of those that no mail is sent to keeps its contract, in memory, in SQLite, and over a restart."""

from __future__ import annotations

import os

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailframe.interfaces import ISuppressions
from mailframe.queue.suppressions import FRESH_SECONDS, KNOWN, MemorySuppressions, SQLiteSuppressions
from mailframe.site import Site
from mailframe.sqlite import SQLite
from mailframe.testing.suppressions import ANN, BOB, SuppressionsContract
from tests.temporary import path_for


class MemorySuppressionsTests(SuppressionsContract, TestCase):
    async def make_suppressions(self, clock: Clock) -> ISuppressions:
        return MemorySuppressions(clock)


class SQLiteSuppressionsTests(SuppressionsContract, TestCase):
    async def make_suppressions(self, clock: Clock) -> ISuppressions:
        self.directory = path_for(self)
        os.mkdir(self.directory)
        self.data = SQLite(self.directory)
        await self.data.start(Site("h", clock))
        self.addCleanup(lambda: self.data.stop())
        return self.data.suppressions

    async def test_it_outlives_the_server(self) -> None:
        await self.list.suppress(ANN, "No")
        await self.list.count(ANN, 0.0)
        await self.data.stop()
        self.data = SQLite(self.directory)
        await self.data.start(Site("h", self.clock))
        assert await self.data.suppressions.find(ANN) is not None
        assert await self.data.suppressions.count(ANN, 0.0) == 2

    async def test_what_another_process_forbids_is_noticed_a_second_later(self) -> None:
        elsewhere = SQLiteSuppressions(self.data.suppressions.database, self.clock)
        assert await self.list.find(ANN) is None
        await elsewhere.suppress(ANN, "No such user")
        self.clock.advance(FRESH_SECONDS)
        assert await self.list.find(ANN) is not None
        assert await self.list.find(BOB) is None

    async def test_a_long_list_is_asked_for_everybody(self) -> None:
        for number in range(KNOWN):
            await self.list.suppress(f"d{number}.example", "No such domain")
        await self.list.suppress(ANN, "No such user")
        assert await self.list.find(ANN) is not None
        assert await self.list.find(BOB) is None
