"""What the C{mailframe} command may ask of the list of those that no mail is sent to."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from mailframe.administration import Administered, BadRequest, perform
from mailframe.inline import now
from mailframe.queue.suppressions import MemorySuppressions


@pytest.fixture
def listed() -> MemorySuppressions:
    clock = Clock()
    clock.advance(1000)
    return MemorySuppressions(clock)


def ask(listed: Any, do: str, **arguments: Any) -> Any:
    return now(perform(Administered(suppressions=listed), {"do": f"suppress {do}", **arguments}))


def test_addresses_and_domains_come_and_go(listed: MemorySuppressions) -> None:
    ask(listed, "add", address="Ann@One.example", reason="Gone", until=2000.0)
    ask(listed, "add", address="TWO.example")
    by_hand = "The administrator of this server has stopped it"
    assert ask(listed, "list") == [
        {"address": "ann@one.example", "reason": "Gone", "added": 1000.0, "until": 2000.0},
        {"address": "two.example", "reason": by_hand, "added": 1000.0, "until": None},
    ]
    assert [each["address"] for each in ask(listed, "list", after="ann@one.example")] == ["two.example"]
    ask(listed, "remove", address="two.example")
    with pytest.raises(BadRequest, match=r"two\.example is not suppressed"):
        ask(listed, "remove", address="two.example")


@pytest.mark.parametrize(
    ("do", "arguments", "what"),
    [
        ("add", {}, "an address is missing"),
        ("add", {"address": "a b"}, "'a b': the domain is not a host name"),
        ("add", {"address": "a b@x"}, "'a b@x': "),
        ("add", {"address": "x.example", "reason": "a\nb"}, "a reason is one printable line"),
        ("add", {"address": "x.example", "reason": 1}, "a reason is one printable line"),
        ("add", {"address": "x.example", "until": "tomorrow"}, "the end is no time"),
        ("list", {"after": 1}, "not a text"),
        ("remove", {"address": 1}, "an address is missing"),
    ],
)
def test_bad_requests_are_told_what_is_wrong(
    listed: MemorySuppressions, do: str, arguments: dict[str, Any], what: str
) -> None:
    with pytest.raises(BadRequest, match=what):
        ask(listed, do, **arguments)
    assert ask(listed, "list") == []


def test_a_server_without_a_list_is_told() -> None:
    with pytest.raises(BadRequest, match="has no list"):
        ask(None, "list")
