"""What is lent, in groups that can go together: recipients of one message to one target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen
from twisted.logger import Logger

from mailframe.address import Address
from mailframe.delivery.relay import ToSmarthost
from mailframe.delivery.routes import Routes
from mailframe.hooks import Delivery, Failed, Outcome, Retry, Target
from mailframe.interfaces import Leased
from mailframe.queue.attempt import RETURNED

_log = Logger()


@frozen(eq=False)
class Group:
    """
    Recipients of one message and one destination that go one way.

    @ivar latest: when the attempt is to begin at the latest.
    """

    leased: Sequence[Leased]
    target: Target
    latest: float

    @property
    def address(self) -> Address:
        """That of one of them."""
        return self.leased[0].envelope.recipients[0].address

    @property
    def destination(self) -> str:
        """The domain of all."""
        return self.address.domain


def grouped(leased: Sequence[Leased], routes: Routes, latest: float) -> Iterable[Group]:
    """Return what can go together: an address may be there twice, once with a route that was chosen by hand."""
    groups: dict[tuple[str, str, str, int], tuple[Target, list[Leased]]] = {}
    for each in leased:
        target, route = _target(each, routes), "" if each.returned else each.route
        domain = each.envelope.recipients[0].address.domain
        key = each.id, domain, route, 0 if route else id(target)
        groups.setdefault(key, (target, []))[1].append(each)
    return [Group(found, target, latest) for target, found in groups.values()]


def _target(leased: Leased, routes: Routes) -> Target:
    if leased.returned:
        return _give_up
    try:
        if leased.route:
            return ToSmarthost(leased.route)
        return routes.find(leased.envelope.recipients[0].address) or _find_no_route
    except Exception:
        _log.failure("{message} cannot be routed", message=leased.id)
        return _try_later


def _find_no_route(_delivery: Delivery) -> Outcome:
    return Failed("5.4.4", "No route leads to this address")


def _give_up(_delivery: Delivery) -> Outcome:
    return RETURNED


def _try_later(_delivery: Delivery) -> Outcome:
    return Retry()
