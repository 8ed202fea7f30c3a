"""Sequence sets (RFC 3501 section 9): C{2,4:7,9,12:*}, by message sequence number or by UID."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from attrs import frozen

STAR = 0
"""Stands for C{*}, the largest number in use."""


class BadNumber(Exception):
    """A sequence set names a message that does not exist."""


@frozen
class SequenceSet:
    """
    @ivar ranges: pairs of numbers as they were given, C{STAR} for C{*}.
    """

    ranges: tuple[tuple[int, int], ...]

    def _resolved(self, largest: int) -> list[tuple[int, int]]:
        """Return the ranges in order and without overlaps, C{*} replaced."""
        pairs = sorted(sorted((low or largest, high or largest)) for low, high in self.ranges)
        merged: list[tuple[int, int]] = []
        for low, high in pairs:
            if merged and low <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        return merged

    def positions(self, count: int) -> list[range]:
        """
        Return the positions, from 0, that these sequence numbers mean.

        @param count: of messages.
        @return: ascending ranges.
        @raise BadNumber: a number is beyond the last message, which is the client's fault.
        """
        resolved = self._resolved(count)
        if resolved[-1][1] > count or resolved[0][0] < 1:
            raise BadNumber
        return [range(low - 1, high) for low, high in resolved]

    def positions_of_uids(self, uids: Sequence[int]) -> list[range]:
        """
        Return the positions of these UIDs; those that do not exist are passed over (RFC 3501 6.4.8).

        @param uids: all UIDs, ascending.
        """
        resolved = self._resolved(uids[-1] if uids else 1)
        found = (range(bisect_left(uids, low), bisect_right(uids, high)) for low, high in resolved)
        return [positions for positions in found if positions]

    def uids(self, most: int) -> list[range]:
        """Return the numbers themselves as ascending ranges, with C{*} as C{most}."""
        return [range(low, high + 1) for low, high in self._resolved(most)]


def format_set(numbers: Sequence[int]) -> bytes:
    """Return ascending numbers as a sequence set, C{1:3,7}; the order of COPYUID's two sets is the same then."""
    if not numbers:
        return b""
    breaks = [at for at in range(1, len(numbers)) if numbers[at] != numbers[at - 1] + 1]
    starts, ends = [0, *breaks], [*(at - 1 for at in breaks), len(numbers) - 1]
    return b",".join(
        b"%d" % numbers[low] if low == high else b"%d:%d" % (numbers[low], numbers[high])
        for low, high in zip(starts, ends, strict=True)
    )
