"""What transport security remembers, for a server that need not remember it across restarts: in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from attrs import define, field
from zope.interface import implementer

from mailframe.interfaces import IPolicyStorage, IReportStorage

POLICIES = 10_000
"""MTA-STS policies kept in memory; those used longest ago go first."""


@implementer(IPolicyStorage)
@define(eq=False)
class MemoryPolicies:
    """
    @ivar entries: how many domains' texts are kept.
    """

    entries: int = POLICIES
    _texts: OrderedDict[str, str] = field(factory=OrderedDict, init=False)

    async def get(self, domain: str) -> str | None:
        """Look."""
        if domain in self._texts:
            self._texts.move_to_end(domain)
        return self._texts.get(domain)

    async def put(self, domain: str, text: str) -> None:
        """Keep."""
        self._texts[domain] = text
        self._texts.move_to_end(domain)
        if len(self._texts) > self.entries:
            self._texts.popitem(last=False)


@implementer(IReportStorage)
@define(eq=False)
class MemoryReports:
    """Counts in a dict of dicts of dicts."""

    _days: dict[str, dict[str, dict[str, int]]] = field(factory=dict, init=False)

    async def add(self, day: str, domain: str, text: str) -> None:
        """Count."""
        counts = self._days.setdefault(day, {}).setdefault(domain, {})
        counts[text] = counts.get(text, 0) + 1

    async def domains(self, day: str) -> Sequence[str]:
        """List."""
        return sorted(self._days.get(day, {}))

    async def read(self, day: str, domain: str) -> Sequence[tuple[str, int]]:
        """Read."""
        return list(self._days.get(day, {}).get(domain, {}).items())

    async def days(self) -> Sequence[str]:
        """List."""
        return sorted(self._days)

    async def remove(self, day: str, domain: str) -> None:
        """Forget; the last domain of a day takes the day with it."""
        domains = self._days.get(day, {})
        domains.pop(domain, None)
        if not domains:
            self._days.pop(day, None)
