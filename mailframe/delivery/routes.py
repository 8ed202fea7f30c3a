"""Which target a recipient's mail goes to: the first route that matches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from attrs import define, field, frozen

from mailframe.address import Address, parse_domain
from mailframe.hooks import Target

Pattern: TypeAlias = "str | Callable[[Address], bool]"


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
        _matcher(pattern)
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


def _matcher(pattern: Pattern) -> Callable[[Address], bool]:
    if not isinstance(pattern, str):
        return pattern
    if pattern == "*":
        return lambda address: True
    if "@" in pattern:
        wanted = Address.parse(pattern)
        folded = wanted.local.lower()
        return lambda address: address.domain == wanted.domain and address.local.lower() == folded
    if pattern.startswith("*."):
        suffix = "." + parse_domain(pattern[2:])
        return lambda address: address.domain.endswith(suffix)
    domain = parse_domain(pattern)
    return lambda address: address.domain == domain


@define(eq=False)
class Routes:
    """Routes, ready to be asked."""

    routes: Sequence[Route]
    _matchers: list[tuple[Callable[[Address], bool], Target]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._matchers = [(_matcher(route.pattern), route.target) for route in self.routes]

    def find(self, address: Address) -> Target | None:
        """Return where an address's mail goes; C{None}: it is not for us, and we are no relay."""
        return next((target for matches, target in self._matchers if matches(address)), None)


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
