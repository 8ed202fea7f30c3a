"""The DNS of a test world: a zone as a dict, and faults by name."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping, MutableMapping, Sequence
from typing import Any

from attrs import define, field
from zope.interface import implementer

from mailframe.interfaces import IResolver
from mailframe.net.dns import MX, Answer, NoRecords, NoSuchName, ServerFailed
from mailframe.net.dns.confirmed import confirmed_names

ALIASES = 8


def _changeable(given: Mapping[str, Any]) -> MutableMapping[str, Any]:
    return given if isinstance(given, MutableMapping) else dict(given)


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

    zone: MutableMapping[str, Any] = field(factory=dict, converter=_changeable)
    faults: MutableMapping[str, type[Exception]] = field(factory=dict, converter=_changeable)
    signed: Collection[str] = ()
    ttl: float = 300.0
    asked: list[tuple[str, str]] = field(factory=list, init=False)

    def __getitem__(self, name: str) -> Mapping[str, Sequence[Any]]:
        """
        Return the records of a name, by type.

        @raise KeyError: there is no such name.
        """
        found: Mapping[str, Sequence[Any]] = self.zone[name.lower()]
        return found

    def __setitem__(self, name: str, records: Mapping[str, Sequence[Any]]) -> None:
        """
        Give a name its records, by type, in place of those that it had; C{(10, "mx.example.org")} will do for an L{MX}.

        @raise TypeError: they are no lists by type.
        """
        for kind, values in records.items():
            if isinstance(values, str | bytes) or not kind.isupper():
                raise TypeError(f'{name}: records are lists by type, such as {{"A": ["192.0.2.1"]}}, not {records!r}')
        self.zone[name.lower()] = {
            kind: [MX(*each) if isinstance(each, tuple) else each for each in values]
            for kind, values in records.items()
        }

    def __delitem__(self, name: str) -> None:
        """Let there be no such name."""
        del self.zone[name.lower()]

    def __contains__(self, name: str) -> bool:
        return name.lower() in self.zone

    def sign(self, *names: str) -> None:
        """Let the records of these names be authenticated by DNSSEC from now on."""
        self.signed = {*self.signed, *(name.lower() for name in names)}

    def introduce(self, name: str, addresses: Sequence[str]) -> None:
        """Give a host its A, AAAA and PTR records, unless it has an address already."""
        name = name.lower()
        known = self.zone.setdefault(name, {})
        if {"A", "AAAA", "CNAME"} & set(known):
            return
        found: dict[str, list[str]] = {}
        for address in map(ipaddress.ip_address, addresses):
            found.setdefault("A" if address.version == 4 else "AAAA", []).append(str(address))
            self.zone.setdefault(address.reverse_pointer, {"PTR": [name]})
        self.zone[name] = {**known, **found}

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
