"""Messages of a mailbox are found by few queries, and hardly another one is looked at."""

from __future__ import annotations

from itertools import pairwise

import apsw
from hypothesis import given
from hypothesis import strategies as st

from mailframe.sqlite.database import Writer
from mailframe.store.sqlite.spans import NEAR, merged, rows_of, spans

UIDS = st.sets(st.integers(1, 300), max_size=30).map(sorted)


@given(UIDS)
def test_spans_hold_all_messages_and_few_others(uids: list[int]) -> None:
    parts = spans(uids)
    inside = [[uid for uid in uids if first <= uid <= last] for first, last in parts]
    assert [uid for each in inside for uid in each] == uids
    assert [(each[0], each[-1]) for each in inside] == parts
    assert all(after - before <= NEAR for each in inside for before, after in pairwise(each))
    assert all(later[0] - earlier[1] > NEAR for earlier, later in pairwise(parts))


@given(st.lists(st.tuples(st.integers(1, 300), st.integers(0, 300)), max_size=10).map(sorted))
def test_joined_spans_hold_what_each_of_them_held(parts: list[tuple[int, int]]) -> None:
    joined = merged(parts)
    held = {uid for first, last in parts for uid in range(first, last + 1)}
    assert held <= {uid for first, last in joined for uid in range(first, last + 1)}
    assert all(later[0] - earlier[1] > NEAR for earlier, later in pairwise(joined))


@given(UIDS, UIDS)
def test_the_rows_are_those_of_the_messages_that_are_there(there: list[int], uids: list[int]) -> None:
    connection: Writer = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE item (mailbox, uid, flags)")
    connection.executemany("INSERT INTO item VALUES (?, ?, 'x')", [(box, uid) for uid in there for box in (1, 2)])
    sql = "SELECT uid, flags FROM item WHERE mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid"
    assert rows_of(connection, sql, 1, uids) == [(uid, "x") for uid in there if uid in uids]
