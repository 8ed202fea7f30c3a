"""What the resolver remembers: as long as it holds, and no more than there is room for."""

from __future__ import annotations

from mailframe.net.dns import Answer, NoRecords, NoSuchName
from mailframe.net.dns.cache import NEGATIVE_TTL_CEILING, TTL_CEILING, TTL_FLOOR, Cache

ANSWER = Answer(("192.0.2.1",), True, 300.0)


def test_an_answer_holds_for_its_time_and_says_how_long_still() -> None:
    cache = Cache()
    cache.put(("a", 1), ANSWER, 300, now=1000)
    assert cache.get(("a", 1), 1000) == ANSWER
    assert cache.get(("a", 1), 1100) == Answer(("192.0.2.1",), True, 200.0)
    assert cache.get(("a", 1), 1300) is None
    assert len(cache) == 0


def test_name_and_type_make_the_question() -> None:
    cache = Cache()
    cache.put(("a", 1), ANSWER, 300, now=0)
    assert cache.get(("a", 28), 0) is None
    assert cache.get(("b", 1), 0) is None


def test_absence_is_remembered_too() -> None:
    cache = Cache()
    cache.put(("a", 1), NoSuchName, 60, now=0)
    cache.put(("b", 1), NoRecords, 60, now=0)
    assert cache.get(("a", 1), 59) is NoSuchName
    assert cache.get(("b", 1), 59) is NoRecords
    assert cache.get(("a", 1), 60) is None


def test_times_have_bounds() -> None:
    cache = Cache()
    cache.put(("short", 1), ANSWER, 0, now=0)
    cache.put(("long", 1), ANSWER, 2**31, now=0)
    cache.put(("never", 1), NoSuchName, 2**31, now=0)
    assert cache.get(("short", 1), TTL_FLOOR - 1) is not None
    assert cache.get(("short", 1), TTL_FLOOR) is None
    assert cache.get(("long", 1), TTL_CEILING - 1) is not None
    assert cache.get(("long", 1), TTL_CEILING) is None
    assert cache.get(("never", 1), NEGATIVE_TTL_CEILING) is None


def test_what_was_used_longest_ago_makes_room() -> None:
    cache = Cache(entries=3)
    for name in "abc":
        cache.put((name, 1), ANSWER, 300, now=0)
    assert cache.get(("a", 1), 1) is not None
    cache.put(("d", 1), ANSWER, 300, now=2)
    assert len(cache) == 3
    assert [name for name in "abcd" if cache.get((name, 1), 3)] == ["a", "c", "d"]


def test_a_newer_answer_replaces_an_older_one() -> None:
    cache = Cache()
    cache.put(("a", 1), NoSuchName, 60, now=0)
    cache.put(("a", 1), ANSWER, 300, now=1)
    assert cache.get(("a", 1), 1) == ANSWER
    assert len(cache) == 1
