"""Which target a recipient's mail goes to: the first route that matches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

from attrs import define, field, frozen

from mailframe.address import Address, parse_domain
from mailframe.hooks import Target
from mailframe.interfaces import IElsewhere, IQueues, IWayBack

Pattern: TypeAlias = "str | Callable[[Address], bool]"

REMEMBERED = 4096
"""Addresses whose route is remembered: the same people get mail again and again."""


def _check_target(_instance: object, _attribute: Any, target: Any) -> None:
    if not callable(target):
        raise TypeError(
            f"a route leads to a function of a Delivery, or to a target such as ToMailbox, not to {target!r}"
        )


def _check_pattern(_instance: object, _attribute: Any, pattern: Any) -> None:
    if callable(pattern):
        return
    if not isinstance(pattern, str):
        raise TypeError(f"a route's pattern is a domain, an address, '*' or a function, not {pattern!r}")
    try:
        _key(pattern)
    except ValueError as error:
        raise ValueError(f"{pattern!r} is no pattern of a route: {error}") from None


@frozen
class Route:
    """
    @ivar pattern: C{example.org}, C{*.example.org} for all domains below it, C{ann@example.org}, C{*} for
        everything, or a function that is asked about the address.
    @ivar target: where the mail goes.
    """

    pattern: Pattern = field(validator=_check_pattern)
    target: Target = field(validator=_check_target)


def _key(pattern: str) -> tuple[str | None, str] | None:
    """
    Return where a pattern without a star stands in the table: local part or C{None}, and domain.

    @raise ValueError: it is no pattern.
    """
    if pattern == "*":
        return None
    if pattern.startswith("*."):
        parse_domain(pattern[2:])
        return None
    if "@" in pattern:
        address = Address.parse(pattern)
        return address.local.lower(), address.domain
    return None, parse_domain(pattern)


def _test(pattern: Pattern) -> Callable[[Address], bool]:
    """Return the test of a pattern that is not in the table."""
    if not isinstance(pattern, str):
        return pattern
    if pattern == "*":
        return lambda address: True
    suffix = "." + parse_domain(pattern[2:])
    return lambda address: address.domain.endswith(suffix)


def _for_users(route: Route) -> bool:
    names_nothing = not isinstance(route.pattern, str) or route.pattern == "*"
    return names_nothing and IElsewhere.providedBy(route.target)


@define(eq=False)
class Routes:
    """
    Routes, ready to be asked: domains and addresses by one look into a table, however many there are.

    @ivar routes: the first one that matches counts. Before them come the ways back of their targets
        (L{mailframe.interfaces.IWayBack}), each once.
    """

    routes: Sequence[Route]
    _table: dict[tuple[str | None, str], int] = field(factory=dict, init=False)
    _tests: list[tuple[int, Callable[[Address], bool], bool]] = field(factory=list, init=False)
    _known: Callable[[Address, bool], Target | None] = field(init=False)

    def __attrs_post_init__(self) -> None:
        targets: list[Any] = [route.target for route in self.routes]
        back = dict.fromkeys(target.way_back for target in targets if IWayBack.providedBy(target))
        self.routes = [*filter(None, back), *self.routes]
        for number, route in enumerate(self.routes):
            key = _key(route.pattern) if isinstance(route.pattern, str) else None
            if key is None:
                self._tests.append((number, _test(route.pattern), _for_users(route)))
            else:
                self._table.setdefault(key, number)
        # What functions say may change from one time to the next.
        asks = any(callable(route.pattern) for route in self.routes)
        self._known = self._find if asks else lru_cache(maxsize=REMEMBERED)(self._find)

    def find(self, address: Address, user: bool = True) -> Target | None:
        """
        Return where an address's mail goes; C{None}: it is not for us, and we are no relay.

        @param user: whether the mail is from one of ours. For others there is no way to other servers by a route that
            names no domain: else we were an open relay.
        """
        return self._known(address, user)

    def _find(self, address: Address, user: bool) -> Target | None:
        none = len(self.routes)
        first = min(
            self._table.get((None, address.domain), none),
            self._table.get((address.local.lower(), address.domain), none),
        )
        for number, matches, for_users in self._tests:
            if number > first:
                break
            if (user or not for_users) and matches(address):
                first = number
                break
        return self.routes[first].target if first < none else None

    def names(self, domain: str) -> bool:
        """
        Say whether a route names a domain, by itself or with those beside it: we are here for its mail.

        @param domain: in lower case.
        """
        above = {f"*.{domain[at + 1 :]}" for at, letter in enumerate(domain) if letter == "."}
        patterns = [route.pattern for route in self.routes if isinstance(route.pattern, str)]
        return (None, domain) in self._table or any(pattern in above for pattern in patterns)

    @property
    def lead_elsewhere(self) -> bool:
        """Whether mail of some route has to be queued."""
        return bool(self.elsewhere)

    @property
    def elsewhere(self) -> Sequence[Route]:
        """The routes whose mail has to be queued."""
        return [each for each in self.routes if IElsewhere.providedBy(each.target) or IQueues.providedBy(each.target)]

    def postmaster(self, hostname: str) -> Address:
        """Return who C{<postmaster>} is (RFC 5321 4.5.1): of this host, or of the first domain that has a route."""
        ours = Address("postmaster", hostname.lower())
        if self.find(ours) is not None:
            return ours
        return next((Address("postmaster", domain) for local, domain in self._table if local is None), ours)


def routes(value: Any) -> Routes:
    """
    Make routes of what a user gives: routes, or one target for everything.

    @raise TypeError: it is neither.
    """
    if isinstance(value, Routes):
        return value
    if callable(value):
        return Routes([Route("*", value)])
    # Data that carries its own routes, as a whole server's does.
    given = getattr(value, "routes", value)
    if isinstance(given, list | tuple) and given and all(isinstance(route, Route) for route in given):
        return Routes(given)
    raise TypeError(f"wanted a target such as ToMailbox(...), or a list of Route(pattern, target), not {value!r}")
