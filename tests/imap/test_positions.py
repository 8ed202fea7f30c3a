"""Positions in a list of UIDs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailframe.imap.positions import flat, found, without

UIDS = st.sets(st.integers(1, 30)).map(sorted)


@given(UIDS, UIDS, st.integers(0, 30))
def test_uids_are_found_where_they_stand_and_the_others_stay(uids: list[int], among: list[int], most: int) -> None:
    count = min(most, len(among))
    parts = found(uids, among, count)
    assert flat(parts) == [at for at, uid in enumerate(among[:count]) if uid in uids]
    assert without(among[:count], parts) == [uid for uid in among[:count] if uid not in uids]


def test_what_stands_together_is_one_range() -> None:
    assert found([3, 4, 7], [1, 3, 4, 7, 9], 5) == [range(1, 4)]
    assert found([], [1], 1) == found([2], [1, 3], 2) == found([3], [1, 3], 1) == []
