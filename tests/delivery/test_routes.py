"""Routes: which target an address has, and what is no route."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from zope.interface import directlyProvides

from mailframe.address import Address
from mailframe.delivery.routes import Route, Routes, routes
from mailframe.hooks import Delivered, Delivery, Outcome
from mailframe.interfaces import IElsewhere


def target(name: str) -> Any:
    """Return a target that can be told from others."""

    def deliver(delivery: Delivery) -> Outcome:
        return Delivered(name)

    deliver.__name__ = name
    return deliver


def found(table: Routes, address: str) -> str | None:
    target = table.find(Address.parse(address))
    return None if target is None else str(getattr(target, "__name__", None))


def test_domains_addresses_patterns_and_functions_lead_to_their_target() -> None:
    table = routes(
        [
            Route("ann@example.org", target("ann")),
            Route("Example.ORG", target("domain")),
            Route("*.example.org", target("below")),
            Route(lambda address: address.local.startswith("bounce+"), target("bounces")),
        ]
    )
    assert found(table, "ann@example.org") == "ann"
    assert found(table, "Ann@EXAMPLE.org") == "ann"
    assert found(table, "bob@example.org") == "domain"
    assert found(table, "bob@a.b.example.org") == "below"
    assert found(table, "bounce+1@example.net") == "bounces"
    assert found(table, "bob@example.net") is None
    assert found(table, "bob@notexample.org") is None


def test_functions_are_asked_each_time() -> None:
    known = {"ann"}
    table = routes([Route(lambda address: address.local in known, target("known"))])
    assert found(table, "bob@example.org") is None
    known.add("bob")
    assert found(table, "bob@example.org") == "known"
    known.clear()
    assert found(table, "ann@example.org") is None


def test_what_is_remembered_for_users_is_not_true_for_others() -> None:
    elsewhere = target("elsewhere")
    directlyProvides(elsewhere, IElsewhere)
    table = routes([Route("*", elsewhere)])
    address = Address.parse("bob@example.net")
    assert [table.find(address, user) for user in (True, False, True, False)] == [elsewhere, None] * 2


@pytest.mark.parametrize(
    ("patterns", "first"),
    [
        (["example.org", "ann@example.org"], "example.org"),
        (["ann@example.org", "example.org"], "ann@example.org"),
        (["*", "example.org"], "*"),
        (["example.org", "*"], "example.org"),
        (["*.org", "*", "example.org"], "*.org"),
        (["example.org", "EXAMPLE.ORG"], "example.org"),
        (["example.net", "*.net", "*"], "*"),
    ],
)
def test_the_first_route_that_matches_counts(patterns: list[str], first: str) -> None:
    table = routes([Route(pattern, target(pattern)) for pattern in patterns])
    assert found(table, "ann@example.org") == first


def test_a_target_alone_is_for_everything() -> None:
    assert found(routes(target("all")), "anybody@example.net") == "all"


def test_data_may_carry_its_own_routes() -> None:
    data = SimpleNamespace(routes=[Route("example.org", target("theirs"))])
    assert found(routes(data), "ann@example.org") == "theirs"


def test_routes_that_are_ready_stay_what_they_are() -> None:
    table = Routes([])
    assert routes(table) is table


@pytest.mark.parametrize("wrong", [None, [], "example.org", ["example.org"], [("example.org", print)], {"a": 1}])
def test_what_is_no_route_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"wanted a target such as ToMailbox.* or a list of Route"):
        routes(wrong)


@pytest.mark.parametrize("pattern", ["", "exa mple.org", "@example.org", "ann@", "*.", "a*.example.org", "**"])
def test_a_pattern_that_matches_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="is no pattern of a route"):
        Route(pattern, print)  # type: ignore[arg-type]  # the pattern is looked at first


def test_patterns_and_targets_of_the_wrong_kind_are_refused() -> None:
    pattern: Any = 25
    with pytest.raises(TypeError, match="a route's pattern is a domain, an address"):
        Route(pattern, target("x"))
    nothing: Any = "ToMailbox"
    with pytest.raises(TypeError, match="a route leads to a function of a Delivery"):
        Route("example.org", nothing)


@pytest.mark.parametrize(
    ("patterns", "who"),
    [
        (["mx.example.org", "example.org"], "postmaster@mx.example.org"),
        (["*"], "postmaster@mx.example.org"),
        (["ann@example.com", "example.org", "example.net"], "postmaster@example.org"),
        (["ann@example.org"], "postmaster@mx.example.org"),
    ],
)
def test_the_postmaster_is_of_this_host_or_else_of_the_first_domain(patterns: list[str], who: str) -> None:
    table = routes([Route(pattern, target("x")) for pattern in patterns])
    assert str(table.postmaster("MX.example.org")) == who
