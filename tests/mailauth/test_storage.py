"""What transport security remembers: in memory, and in SQLite, where it outlives the process."""

from __future__ import annotations

import tempfile
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from mailframe.errors import Temporary
from mailframe.interfaces import IKeepsTLS, IPolicyStorage, IReportStorage
from mailframe.mailauth.storage import MemoryPolicies, MemoryReports
from mailframe.site import Site
from mailframe.sqlite import SQLite
from mailframe.sqlite.tls import SQLitePolicies
from mailframe.testing.tls_storage import PolicyStorageContract, ReportStorageContract


class MemoryTests(PolicyStorageContract, ReportStorageContract, TestCase):
    def make_policies(self) -> IPolicyStorage:
        return MemoryPolicies()

    def make_reports(self) -> IReportStorage:
        return MemoryReports()


class SQLiteTests(PolicyStorageContract, ReportStorageContract, TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="mailframe-")
        self.addCleanup(folder.cleanup)
        self.data = SQLite(folder.name)
        self.now(self.data.start(Site("mx.example.org", Clock())))
        self.addCleanup(lambda: self.now(self.data.stop()))

    def now(self, call: Any) -> None:
        self.successResultOf(Deferred.fromCoroutine(call))

    def make_policies(self) -> IPolicyStorage:
        return self.data.policies

    def make_reports(self) -> IReportStorage:
        return self.data.tls_counts

    async def test_it_is_there_after_a_restart(self) -> None:
        assert IKeepsTLS.providedBy(self.data)
        await self.data.policies.put("example.org", "text")
        await self.data.tls_counts.add("2026-11-24", "example.org", "x")
        await self.data.stop()
        with self.assertRaises(Temporary):
            self.data.policies  # noqa: B018 - it is a property
        await self.data.start(Site("mx.example.org", Clock()))
        assert await self.data.policies.get("example.org") == "text"
        assert await self.data.tls_counts.read("2026-11-24", "example.org") == [("x", 1)]

    async def test_those_put_longest_ago_go_when_there_are_too_many(self) -> None:
        policies = SQLitePolicies(self.data._database, entries=2)
        for domain in ("a.example", "b.example", "a.example", "c.example"):
            await policies.put(domain, domain)
        assert [await policies.get(f"{name}.example") for name in "abc"] == ["a.example", None, "c.example"]
