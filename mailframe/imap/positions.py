"""Where messages stand in a list of UIDs, and what is left without some of them: ranges of positions, from 0."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TypeVar

T = TypeVar("T")


def found(uids: Sequence[int], among: Sequence[int], count: int) -> list[range]:
    """
    Return where some UIDs stand among others; those that do not are passed over.

    @param uids: ascending, as are the others.
    @param count: only so many of the others count.
    """
    at = bisect_left(among, uids[0], 0, count) if uids else 0
    together = range(at, at + len(uids))
    if together.stop <= count and among[at : together.stop] == list(uids):
        return [together] if together else []
    parts = []
    for uid in uids:
        at = bisect_left(among, uid, at, count)
        if at < count and among[at] == uid:
            parts.append(range(at, at + 1))
    return parts


def without(items: list[T], parts: Iterable[range]) -> list[T]:
    """Return a list of all items that stand elsewhere."""
    left: list[T] = []
    start = 0
    for part in parts:
        left += items[start : part.start]
        start = part.stop
    left += items[start:]
    return left


def flat(parts: Iterable[range]) -> list[int]:
    """Return what ranges hold, one by one."""
    return list(chain.from_iterable(parts))
