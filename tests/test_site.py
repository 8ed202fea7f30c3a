"""The site: ids that sort by time, and a world that is refused while the server is built when it is wrong."""

from __future__ import annotations

import re

import pytest
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.site import Site, inline


def test_ids_sort_by_time_and_are_safe_in_file_names_and_headers() -> None:
    clock = Clock()
    clock.advance(1_700_000_000.123)
    site = Site("mx.example.org", clock)
    ids = []
    for _ in range(50):
        ids.append(site.new_id())
        clock.advance(0.002)
    assert ids == sorted(ids)
    assert len(set(ids)) == 50
    assert all(re.fullmatch(r"[0-9a-f]{21}", each) for each in ids)


def test_ids_keep_their_length_and_order_for_five_hundred_years() -> None:
    now, later = Clock(), Clock()
    now.advance(1_800_000_000)
    later.advance(17_000_000_000)
    first, last = Site("h", now).new_id(), Site("h", later).new_id()
    assert len(first) == len(last)
    assert first < last


def test_ids_of_one_moment_differ_and_come_from_the_sites_randomness() -> None:
    site = Site("mx.example.org", Clock())
    assert site.new_id() != site.new_id()
    asked = []

    def random(count: int) -> bytes:
        asked.append(count)
        return b"\xab" * count

    assert Site("h", Clock(), random=random).new_id() == "0" * 11 + "ab" * 5
    assert asked == [5]


def test_something_else_than_a_clock_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"clock must provide IReactorTime.*'noon'"):
        Site("mx.example.org", "noon")  # type: ignore[arg-type]  # this is what the test is about


class Inline(SynchronousTestCase):
    def test_a_call_runs_at_once(self) -> None:
        assert self.successResultOf(inline(pow, 2, 5)) == 32

    def test_an_error_comes_out_of_the_deferred(self) -> None:
        self.failureResultOf(inline(int, "x"), ValueError)
