"""The journal in memory keeps the contract, and forgets by itself while it runs."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from mailframe.config import Server
from mailframe.interfaces import IJournal, IKeepsJournal, IPart
from mailframe.journal.memory import PRUNE_SECONDS, MemoryJournal
from mailframe.journal.retention import DAY, Retention
from mailframe.site import Site
from mailframe.testing.journals import START, JournalContract, arrived, ids


class MemoryJournalTests(JournalContract, TestCase):
    async def make_journal(self, clock: Clock, retention: Retention) -> IJournal:
        return MemoryJournal(retention)


class RunningTests(SynchronousTestCase):
    def test_it_is_a_part_of_a_server_and_forgets_what_is_old(self) -> None:
        clock = Clock()
        clock.advance(START)
        journal = MemoryJournal(Retention(days=1))
        verifyObject(IPart, journal)
        verifyObject(IKeepsJournal, journal)
        assert Server("h", run=[journal]).journal is journal
        self.now(journal.start(Site("h", clock)))
        journal.note([arrived("m1")])
        clock.advance(DAY - PRUNE_SECONDS)
        journal.note([arrived("m2", time=clock.seconds())])
        clock.advance(2 * PRUNE_SECONDS)
        assert ids(self.now(journal.of("m1", 0, 10))) == []
        assert ids(self.now(journal.of("m2", 0, 10))) == ["m2"]
        self.now(journal.stop())
        self.now(journal.stop())
        assert clock.getDelayedCalls() == []

    def now(self, call: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(call))
