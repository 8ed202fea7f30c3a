"""What is made of some fields of a header alone, and remembered: most mail has the same ones again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat
from typing import TypeVar

from mailframe.message.headers import Index
from mailframe.message.limits import Limits

T = TypeVar("T")

REMEMBERED_OCTETS = 512
"""Octets of fields, an octet for the end of each among them, of which the result is remembered."""

_NO_FIELDS: Iterator[tuple[bytes, ...]] = repeat(())


def remembered(names: Sequence[bytes], read: Callable[[Index, Limits], T], most: int) -> Callable[[Index, Limits], T]:
    """
    Return a function that does what C{read} does, and remembers what it has returned.

    @param names: of the fields that it looks at, in lower case; it gets no others.
    @param most: results that are remembered; when there would be more, all are forgotten.
    """
    known: dict[tuple[object, ...], T] = {}

    def look_up(index: Index, limits: Limits) -> T:
        values = tuple(map(tuple, map(index.get, names, _NO_FIELDS)))
        found = known.get((limits, values))
        if found is None:
            found = read({name: list(raw) for name, raw in zip(names, values, strict=True) if raw}, limits)
            if sum(len(raw) + 1 for raw in chain.from_iterable(values)) <= REMEMBERED_OCTETS:
                if len(known) >= most:
                    known.clear()
                known[limits, values] = found
        return found

    return look_up
