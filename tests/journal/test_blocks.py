"""Blocks of entries: what shares one, how they are found among many, and that nothing is left of what is forgotten."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import apsw
import pytest

from mailframe.interfaces import Entry
from mailframe.journal import blocks
from mailframe.journal.blocks import BLOCK_SECONDS, BLOCKS_A_RUN, FULL_CHARACTERS
from mailframe.journal.events import Attempted, Event
from mailframe.journal.keys import address_key, digest, leads_to, message_id_key
from mailframe.journal.retention import DAY, Retention
from mailframe.sqlite import schema
from mailframe.testing.journals import START, arrived, refused

ANN = address_key("ann@example.org")
TABLES = ("journal_block", "journal_message", "journal_sieve")


@pytest.fixture
def connection() -> Iterator[Any]:
    connection = apsw.Connection(":memory:")
    schema.prepare(connection)
    yield connection
    connection.close()


def long(message: str, **how: Any) -> list[Event]:
    """An entry that fills a block."""
    return [arrived(message, "ann@example.org", "x" * FULL_CHARACTERS + "@example.org", **how)]


def attempted(message: str, time: float) -> Attempted:
    return Attempted(time, message, "bob@example.net", 1, "postponed", "4.2.1", "busy")


def rows(connection: Any, columns: str) -> list[Any]:
    return list(connection.execute(f"SELECT {columns} FROM journal_block ORDER BY id"))  # noqa: S608 - a test's


def numbers(entries: Sequence[Entry]) -> list[int]:
    return [entry.number for entry in entries]


def test_entries_share_a_block_until_it_is_full(connection: Any) -> None:
    blocks.write(connection, [[arrived("m1")], [arrived("m2")]])
    blocks.write(connection, [[arrived("m3")]])
    blocks.write(connection, [long("m4")])
    blocks.write(connection, [[arrived("m5")]])
    assert rows(connection, "id, first, entries, typeof(events)") == [(0, 1, 4, "blob"), (1, 5, 1, "text")]
    assert numbers(blocks.find(connection, ANN, None, 10)) == [5, 4, 3, 2, 1]
    assert [numbers(blocks.of(connection, f"m{number}", 0, 10)) for number in range(1, 6)] == [[1], [2], [3], [4], [5]]


def test_a_full_block_is_packed(connection: Any) -> None:
    blocks.write(connection, [[arrived(f"m{number}", message_id=f"{number}@example.org")] for number in range(256)])
    [(octets,)] = rows(connection, "length(events)")
    assert octets < FULL_CHARACTERS / 4
    assert numbers(blocks.find(connection, message_id_key("77@example.org"), None, 10)) == [78]


def test_a_block_has_each_key_once(connection: Any) -> None:
    blocks.write(connection, [[arrived(f"m{number}")] for number in range(100)])
    one, other = digest(ANN), digest(address_key("bob@example.net"))
    [(keys,)] = rows(connection, "keys")
    assert keys in (one + other, other + one)


def test_a_block_takes_an_hour_at_the_most_so_that_what_is_old_is_forgotten_in_time(connection: Any) -> None:
    for time in (START, START + BLOCK_SECONDS, START + BLOCK_SECONDS + 1):
        blocks.write(connection, [[arrived("m1", time=time)]])
    assert rows(connection, "entries, began, time") == [
        (2, START, START + BLOCK_SECONDS),
        (1, START + BLOCK_SECONDS + 1, START + BLOCK_SECONDS + 1),
    ]
    one_day = Retention(days=1)
    assert not blocks.forget(connection, one_day, START + BLOCK_SECONDS + DAY)
    assert blocks.forget(connection, one_day, START + BLOCK_SECONDS + DAY + 0.5)
    assert not blocks.forget(connection, one_day, START + BLOCK_SECONDS + DAY + 0.5)


def test_a_clock_that_was_set_back_does_no_harm(connection: Any) -> None:
    blocks.write(connection, [[arrived("m1", time=START)]])
    blocks.write(connection, [[arrived("m2", time=START - DAY)]])
    assert rows(connection, "first, entries") == [(1, 2)]


def test_what_becomes_of_a_message_later_is_found_in_later_blocks(connection: Any) -> None:
    blocks.write(connection, [long("m1"), [attempted("m1", START)]])
    blocks.write(connection, [long("m2")])
    blocks.write(connection, [[attempted("m1", START + 60)], [attempted("m2", START + 60)], [attempted("m1", START)]])
    assert numbers(blocks.of(connection, "m1", 0, 10)) == [1, 2, 4, 6]
    for after, found in ((1, [2, 4]), (2, [4, 6]), (3, [4, 6]), (4, [6]), (6, []), (100, [])):
        assert numbers(blocks.of(connection, "m1", after, 2)) == found


def test_keys_of_complete_runs_are_sorted_once_however_often_the_next_block_is_written(connection: Any) -> None:
    for number in range(BLOCKS_A_RUN):
        blocks.write(connection, [long(f"m{number}")])
    assert list(connection.execute("SELECT * FROM journal_sieve")) == []
    for number in range(3):
        blocks.write(connection, [[arrived(f"n{number}")]])
    assert set(connection.execute("SELECT run FROM journal_sieve")) == {(0,)}
    assert len(blocks.find(connection, ANN, None, 100)) == BLOCKS_A_RUN + 3


def many(connection: Any, count: int) -> list[Entry]:
    """Write entries of all sorts into blocks of all sizes."""
    chance = random.Random(1)
    written: list[Entry] = []
    while len(written) < count:
        some: list[list[Event]] = []
        for number in range(len(written), len(written) + chance.choice([1, 2, 30])):
            event: Event = arrived(
                f"m{number}", f"{chance.randrange(90)}@a.example", f"{number}@b.example", message_id=f"{number}@c"
            )
            some.append([event if chance.random() < 0.9 else refused(f"{chance.randrange(90)}@a.example")])
        if chance.random() < 0.3:
            some.append(long(f"m{len(written)}"))
        blocks.write(connection, some)
        written += [Entry(len(written) + place, events) for place, events in enumerate(some, 1)]
    return written


def test_all_is_found_by_every_key_in_pieces_of_any_size(connection: Any) -> None:
    written = many(connection, 1500)
    [(newest,)] = connection.execute("SELECT max(id) FROM journal_block")
    assert newest > 3 * BLOCKS_A_RUN
    chance = random.Random(2)
    keys = [f"@{chance.randrange(1500)}@b.example" for _ in range(40)] + [
        f"@{number}@a.example" for number in range(40)
    ]
    keys += [message_id_key(f"{chance.randrange(1500)}@c") for _ in range(40)] + [ANN, "@nobody@a.example"]
    for key in keys:
        expected = [entry.number for entry in reversed(written) if leads_to(key, entry.events)]
        size = chance.choice([1, 3, 50])
        found: list[int] = []
        while page := numbers(blocks.find(connection, key, found[-1] if found else None, size)):
            assert len(page) <= size
            found += page
        assert found == expected
        for before in (1, 2, chance.randrange(1500), len(written) + 1, 2**62):
            assert numbers(blocks.find(connection, key, before, 3)) == [n for n in expected if n < before][:3]


def test_nothing_is_left_of_what_is_forgotten_and_the_rest_is_found(connection: Any) -> None:
    written = many(connection, 800)
    few = Retention(entries=300)
    while blocks.forget(connection, few, START):
        pass
    left = numbers(blocks.find(connection, ANN, None, 1000))
    assert left == [
        e.number for e in reversed(written) if e.number >= rows(connection, "first")[0][0] and leads_to(ANN, e.events)
    ]
    assert 300 <= sum(entries for (entries,) in rows(connection, "entries")) < 300 + 100
    assert connection.execute("SELECT message FROM journal_message WHERE message = 'm1'").fetchone() is None
    while blocks.forget(connection, None, START):
        pass
    for table in TABLES:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608 - our own names
    many(connection, 800)
    assert len(blocks.find(connection, ANN, None, 1000)) > 20


def test_what_must_be_kept_is_kept(connection: Any) -> None:
    assert not blocks.forget(connection, None, START)
    blocks.write(connection, [long("m1")])
    blocks.write(connection, [[arrived("m2")], [arrived("m3")]])
    assert not blocks.forget(connection, Retention(entries=3), START)
    assert blocks.forget(connection, Retention(entries=2), START)
    assert not blocks.forget(connection, Retention(entries=1), START)
    assert numbers(blocks.find(connection, ANN, None, 10)) == [3, 2]


@contextmanager
def watched(connection: Any) -> Iterator[list[str]]:
    """Yield the statements that are executed."""
    seen: list[str] = []

    def see(_cursor: Any, statement: str, _bindings: Any) -> bool:
        seen.append(statement)
        return True

    connection.exec_trace = see
    yield seen
    connection.exec_trace = None


def test_each_statement_reads_ranges_only(connection: Any) -> None:
    many(connection, 1000)
    with watched(connection) as seen:
        blocks.write(connection, [[arrived("m1")]])
        blocks.find(connection, ANN, 500, 1)
        blocks.find(connection, ANN, None, 1000)
        blocks.of(connection, "m1", 5, 10)
        while blocks.forget(connection, Retention(entries=10), START):
            pass
    for query in set(seen):
        arguments = (1,) * query.count("?")
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", arguments)]
        scans = [each for each in plan if "SCAN" in each and "json_each" not in each]
        assert not scans, (query, plan)
        assert not any("TEMP B-TREE" in each for each in plan), (query, plan)


def test_many_rows_are_one_statement(connection: Any) -> None:
    noted = [[arrived(f"m{number}", message_id=f"{number}@example.org")] for number in range(256)]
    for _ in range(BLOCKS_A_RUN):
        blocks.write(connection, noted)
    with watched(connection) as seen:
        blocks.write(connection, noted)
        assert blocks.forget(connection, None, START)
    assert len(seen) < 12
