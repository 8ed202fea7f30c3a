"""Limits of destinations, and of servers that many destinations share."""

from __future__ import annotations

import pytest

from mailframe.hooks import Delivered, Failed, Outcome, Retry
from mailframe.queue.concurrency import FORGET_SECONDS, Limits
from mailframe.queue.windows import Windows, check_patterns

SHARED = Limits(first=2, most=2)


def windows(**by_host: Limits) -> Windows:
    """Return windows with limits of *.big.example, unless told otherwise."""
    return Windows(Limits(first=9, most=9), {"slow.example": Limits(first=1, most=1)}, {"*.big.example": SHARED})


def fill(under_test: Windows, destination: str, now: float = 0.0) -> int:
    """Start as many as may start."""
    started = 0
    while under_test.has_room(destination, now):
        under_test.start(destination, now)
        started += 1
    return started


def test_some_destinations_have_limits_of_their_own() -> None:
    under_test = Windows(Limits(first=9, most=9), {"slow.example": Limits(first=1, most=1)}, {})
    assert under_test.is_placed("a.example")
    assert (fill(under_test, "a.example"), fill(under_test, "slow.example")) == (9, 1)


def test_destinations_whose_mail_goes_to_the_same_servers_share_their_limits() -> None:
    under_test = windows()
    assert not under_test.is_placed("a.example")
    for destination in ("a.example", "b.example"):
        under_test.place(destination, [f"{destination[0]}.mail.big.example"], 0.0)
    under_test.place("c.example", ["mx.c.example"], 0.0)
    assert fill(under_test, "a.example") == 2
    assert fill(under_test, "b.example") == 0
    assert fill(under_test, "c.example") == 9
    assert set(under_test.full(0.0)) == {"a.example", "b.example", "c.example"}


@pytest.mark.parametrize(
    ("hosts", "place"),
    [
        (["mx.big.example"], "*.big.example"),
        (["X.Y.Big.example"], "*.y.big.example"),
        (["big.example"], ""),
        (["notbig.example"], ""),
        (["mx.own.example"], "mx.own.example"),
        (["a.example", "mx.own.example", "mx.big.example"], "mx.own.example"),
        (["192.0.2.1"], ""),
        ([], ""),
    ],
)
def test_the_first_server_with_limits_counts_by_its_most_exact_name(hosts: list[str], place: str) -> None:
    by_host = dict.fromkeys(("*.big.example", "*.y.big.example", "mx.own.example"), SHARED)
    under_test = Windows(Limits(), {}, by_host)
    under_test.place("a.example", hosts, 0.0)
    assert under_test.place_of("a.example") == place


def test_servers_that_do_not_answer_are_left_alone_for_all_their_destinations() -> None:
    under_test = windows()
    for destination in ("a.example", "b.example"):
        under_test.place(destination, ["mx.big.example"], 0.0)
    outcome: Outcome = Retry("4.4.1", "Nobody answers")
    for _ in range(2):
        under_test.start("a.example", 0.0)
        under_test.end("a.example", [outcome], 0.0)
    assert not under_test.has_room("b.example", 1.0)
    assert list(under_test.free_times(1.0)) == [60.0]
    under_test.revive("b.example")
    under_test.revive("never.example")
    assert under_test.has_room("b.example", 1.0)


@pytest.mark.parametrize(
    ("outcomes", "size"),
    [
        ([Delivered(), Retry("4.4.1")], 6),
        ([Retry("4.4.1"), Retry("4.4.2")], 4),
        ([Retry("4.4.1"), Failed("5.1.1")], 5),
        ([Retry("4.2.2")], 5),
        ([], 5),
    ],
)
def test_only_what_says_something_of_the_destination_is_learnt(outcomes: list[Outcome], size: int) -> None:
    under_test = Windows(Limits(first=5), {}, {})
    for attempt in range(6):
        under_test.start("a.example", 0.0)
        under_test.end("a.example", outcomes if size != 4 or attempt == 0 else [], 0.0)
    assert under_test.of("a.example")[0].size == size


def test_what_nothing_went_to_for_long_is_forgotten() -> None:
    under_test = windows()
    under_test.place("a.example", ["mx.big.example"], 0.0)
    under_test.start("a.example", 0.0)
    under_test.forget(FORGET_SECONDS + 1)
    assert under_test.is_placed("a.example")
    under_test.end("a.example", [Delivered()], 10.0)
    under_test.forget(FORGET_SECONDS + 10)
    assert under_test.is_placed("a.example")
    under_test.forget(FORGET_SECONDS + 11)
    assert not under_test.is_placed("a.example")
    under_test.place("a.example", ["mx.big.example"], 0.0)
    under_test.clear()
    assert not under_test.is_placed("a.example")


def test_what_has_ended_makes_room() -> None:
    under_test = windows()
    for destination in ("a.example", "b.example"):
        under_test.place(destination, ["mx.big.example"], 0.0)
    fill(under_test, "a.example")
    assert set(under_test.full(0.0)) == {"a.example", "b.example"}
    assert under_test.is_full("b.example")
    under_test.end("a.example", [Delivered()], 0.0)
    assert set(under_test.full(0.0)) == set()
    assert not under_test.is_full("b.example")


def test_while_other_mail_goes_what_nothing_went_to_or_waits_for_is_forgotten() -> None:
    under_test = windows()
    under_test.place("c.example", ["mx.big.example"], 0.0)
    for destination, now in (("a.example", 0.0), ("b.example", FORGET_SECONDS + 1)):
        under_test.place(destination, ["mx.big.example"], now)
        under_test.start(destination, now)
        under_test.tidy(now, ["c.example"])
        under_test.end(destination, [Retry("4.4.1")] * 2, now)
    assert not under_test.is_placed("a.example")
    assert under_test.is_placed("b.example")
    assert under_test.is_placed("c.example")


def test_names_that_are_none_are_refused() -> None:
    check_patterns(None, None, {"mx.example.org": Limits(), "*.example.org": Limits()})
    for name in ("MX.example.org", "*", "a.*.b", "a b", ""):
        with pytest.raises(ValueError, match="host name"):
            check_patterns(None, None, {name: Limits()})
