"""How much goes to one destination at once."""

from __future__ import annotations

from mailframe.queue.concurrency import Limits, Window


def fill(window: Window, now: float = 0.0) -> int:
    """Start as many as may start."""
    started = 0
    while window.has_room(now):
        window.start(now)
        started += 1
    return started


def test_an_unknown_destination_gets_a_few_deliveries_at_once() -> None:
    assert fill(Window(Limits())) == 5
    assert fill(Window(Limits(first=9, most=3))) == 3


def test_success_lets_the_window_grow_by_one_for_each_window_of_them() -> None:
    window = Window(Limits(first=2, most=4))
    sizes = []
    for _ in range(12):
        window.start(0.0)
        window.success(0.0)
        sizes.append(window.size)
    assert sizes[:7] == [2, 2, 3, 3, 3, 4, 4]
    assert sizes[-1] == 4


def test_failures_shrink_it_until_the_destination_is_dead_for_a_while() -> None:
    window = Window(Limits(first=3, rest=60.0))
    assert fill(window) == 3
    sizes = []
    for _ in range(3):
        window.failure(10.0)
        sizes.append(window.size)
    assert sizes == [2, 1, 1]
    assert not window.has_room(69.0)
    assert window.free_at == 70.0
    assert fill(window, 70.0) == 1


def test_it_is_left_alone_longer_each_time_it_is_still_dead() -> None:
    window = Window(Limits(first=1, rest=60.0, longest_rest=200.0))
    now, rests = 0.0, []
    for _ in range(4):
        window.start(now)
        window.failure(now)
        rests.append(window.dead_until - now)
        now = window.dead_until
    assert rests == [60.0, 120.0, 200.0, 200.0]
    window.start(now)
    window.success(now)
    for _ in range(2):
        window.start(now)
        window.failure(now)
    assert window.dead_until - now == 60.0


def test_what_says_nothing_about_the_destination_changes_nothing() -> None:
    window = Window(Limits(first=2))
    window.start(0.0)
    window.neither(5.0)
    assert (window.size, window.active, window.seen) == (2, 0, 5.0)


def test_a_rate_spreads_deliveries_over_time() -> None:
    window = Window(Limits(first=10, rate=2.0))
    assert fill(window, 100.0) == 1
    assert window.free_at == 100.5
    assert fill(window, 100.5) == 1
    assert fill(window, 103.0) == 1
