"""The DNS of a test world: a zone as a dict, and faults by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from attrs import define, field
from zope.interface import implementer

from mailframe.interfaces import IResolver
from mailframe.net.dns import Answer, NoRecords, NoSuchName, ServerFailed
from mailframe.net.dns.confirmed import confirmed_names

ALIASES = 8


@implementer(IResolver)
@define(eq=False)
class FakeDNS:
    """
    ::

        FakeDNS({"example.org": {"MX": [MX(10, "mx.example.org")]}, "mx.example.org": {"A": ["192.0.2.1"]}})

    @ivar zone: records by name (lower case) and type, as in L{mailframe.net.dns.Answer.records};
        C{{"CNAME": ["other.example"]}} is followed.
    @ivar faults: what is raised for a name, such as C{NoAnswer}.
    @ivar signed: names whose records are authenticated.
    @ivar asked: every question, in order.
    """

    zone: Mapping[str, Mapping[str, Sequence[Any]]] = field(factory=dict)
    faults: Mapping[str, type[Exception]] = field(factory=dict)
    signed: Collection[str] = ()
    ttl: float = 300.0
    asked: list[tuple[str, str]] = field(factory=list, init=False)

    async def query(self, name: str, type: str) -> Answer:
        """Look into the zone."""
        self.asked.append((name, type))
        name, authenticated = name.lower().removesuffix("."), True
        for _ in range(ALIASES + 1):
            if fault := self.faults.get(name):
                raise fault(f"{name} is at fault")
            if name not in self.zone:
                raise NoSuchName(f"there is no {name}")
            authenticated = authenticated and name in self.signed
            records = self.zone[name]
            if type in records:
                return Answer(tuple(records[type]), authenticated, self.ttl)
            if "CNAME" not in records:
                raise NoRecords(f"{name} has no {type}")
            [name] = records["CNAME"]
        raise ServerFailed("an alias leads in circles")

    async def names(self, address: str) -> Sequence[str]:
        """Return the names whose addresses include this one, by the zone's PTR records."""
        return await confirmed_names(self.query, address)
