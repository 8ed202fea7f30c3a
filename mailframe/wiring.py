"""What a server's services lean on: parts that must run, or mail would wait for ever."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mailframe.address import Address
from mailframe.delivery.routes import Routes
from mailframe.errors import MailError
from mailframe.interfaces import IPart

DEPTH = 8
"""Steps from a service to a part, at most."""

_ANYWHERE = Address("postmaster", "elsewhere.invalid")
_NAMES = ("queue", "source", "users", "store", "directory", "data", "remember", "srs", "target")
"""Attributes of services, runners and targets by which they lean on others."""


def unwired(run: Sequence[IPart], services: Sequence[Any]) -> str | None:
    """
    Return what is wrong with a server's parts, or C{None}.

    @param run: its parts, in the order in which they start.
    @param services: what listens.
    """
    for service in services:
        for part in _parts(service, set()):
            if not any(part is each for each in run):
                return f"{_named(service)} uses {_named(part)}, which does not run: put it into run=[...]"
    for number, part in enumerate(run):
        for needed in _parts(part, {id(part)}):
            if not any(needed is each for each in run):
                return f"{_named(part)} uses {_named(needed)}, which does not run: put it into run=[...] before it"
            if not any(needed is each for each in run[:number]):
                return f"{_named(needed)} starts too late: in run=[...] it stands before {_named(part)}, which uses it"
        if not _has_way_for_reports(part):
            return f"{_named(part)} could tell no sender elsewhere what became of mail: add Route('*', ToMX())"
    return None


def _has_way_for_reports(part: Any) -> bool:
    """Return whether mail for anywhere finds a route: what cannot be delivered is told to whoever sent it."""
    routes = getattr(part, "routes", None)
    return not isinstance(routes, Routes) or routes.find(_ANYWHERE) is not None


def _parts(thing: Any, seen: set[int], depth: int = DEPTH) -> Iterator[IPart]:
    """Yield the parts that something leans on, and those that these lean on."""
    for each in _leans_on(thing) if depth else ():
        if id(each) in seen:
            continue
        seen.add(id(each))
        if IPart.providedBy(each):
            yield each
        yield from _parts(each, seen, depth - 1)


def _leans_on(thing: Any) -> Iterator[Any]:
    for name in _NAMES:
        try:
            value = getattr(thing, name, None)
        except MailError:
            continue  # what is inside a part is there only when it has started
        if value is not None and not isinstance(value, str):
            yield value
    yield from (route.target for route in getattr(getattr(thing, "routes", None), "routes", ()))


def _named(thing: Any) -> str:
    return type(thing).__name__
