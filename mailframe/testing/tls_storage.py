"""What every storage of transport security must do: policies by domain, counts by day and domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from mailframe.interfaces import IPolicyStorage, IReportStorage

if TYPE_CHECKING:
    _Case = TestCase
else:
    _Case = object


class PolicyStorageContract(_Case):
    """Mix it into a C{TestCase} whose L{make_policies} returns an empty storage."""

    def make_policies(self) -> IPolicyStorage:
        """Return an empty storage; register what ends it with C{addCleanup}."""
        raise NotImplementedError("the contract needs something to test")

    async def test_a_text_is_kept_by_domain_and_replaced(self) -> None:
        """The last one counts."""
        storage = self.make_policies()
        assert verifyObject(IPolicyStorage, storage)
        assert await storage.get("example.org") is None
        await storage.put("example.org", "one")
        await storage.put("example.net", "other")
        await storage.put("example.org", "two")
        assert (await storage.get("example.org"), await storage.get("example.net")) == ("two", "other")

    async def test_a_long_text_is_kept_whole(self) -> None:
        """100 KiB, of any characters."""
        storage, text = self.make_policies(), "ü\n" * 50_000
        await storage.put("example.org", text)
        assert await storage.get("example.org") == text


class ReportStorageContract(_Case):
    """Mix it into a C{TestCase} whose L{make_reports} returns an empty storage."""

    def make_reports(self) -> IReportStorage:
        """Return an empty storage; register what ends it with C{addCleanup}."""
        raise NotImplementedError("the contract needs something to test")

    async def test_equal_texts_of_a_day_and_domain_are_counted(self) -> None:
        """And no others with them."""
        storage = self.make_reports()
        assert verifyObject(IReportStorage, storage)
        for day, domain, text in [
            ("2026-11-25", "b.example", "x"),
            ("2026-11-24", "b.example", "x"),
            ("2026-11-24", "a.example", "x"),
            ("2026-11-24", "a.example", "y"),
            ("2026-11-24", "a.example", "x"),
        ]:
            await storage.add(day, domain, text)
        assert list(await storage.days()) == ["2026-11-24", "2026-11-25"]
        assert sorted(await storage.domains("2026-11-24")) == ["a.example", "b.example"]
        assert sorted(await storage.read("2026-11-24", "a.example")) == [("x", 2), ("y", 1)]
        assert list(await storage.read("2026-11-24", "c.example")) == []

    async def test_what_is_removed_is_forgotten_and_nothing_else(self) -> None:
        """The last domain takes its day with it."""
        storage = self.make_reports()
        for domain in ("a.example", "b.example"):
            await storage.add("2026-11-24", domain, "x")
        await storage.remove("2026-11-24", "a.example")
        await storage.remove("2026-11-24", "never.example")
        assert list(await storage.domains("2026-11-24")) == ["b.example"]
        assert list(await storage.days()) == ["2026-11-24"]
        await storage.remove("2026-11-24", "b.example")
        assert list(await storage.days()) == []
