"""The list of those that no mail is sent to keeps its contract, in memory, in SQLite, and over a restart."""

from __future__ import annotations

import os

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailframe.interfaces import ISuppressions
from mailframe.queue.suppressions import MemorySuppressions
from mailframe.site import Site
from mailframe.sqlite import SQLite
from mailframe.testing.suppressions import ANN, SuppressionsContract
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
