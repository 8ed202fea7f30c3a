"""A journal of rows, as it was at first, becomes one of blocks: whole, or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import apsw
import pytest

from mailframe.interfaces import Entry
from mailframe.journal import blocks, upgrade
from mailframe.journal.events import Event
from mailframe.journal.keys import address_key, digest, keys, leads_to, message_id_key
from mailframe.journal.retention import Retention
from mailframe.journal.rows import as_lists
from mailframe.sqlite import schema
from mailframe.testing.journals import START, arrived, refused


def prepared(connection: Any, steps: Any = schema.STEPS) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "STEPS", steps)
        patch.setattr(schema, "VERSION", len(steps))
        schema.prepare(connection)


@pytest.fixture
def connection() -> Iterator[Any]:
    """Data of the last version that had rows."""
    connection = apsw.Connection(":memory:")
    prepared(connection, schema.STEPS[: schema.STEPS.index(upgrade.into_blocks)])
    yield connection
    connection.close()


def fill(connection: Any, first: int, last: int) -> list[Entry]:
    """Note entries as it was done then."""
    noted = []
    for number in range(first, last + 1):
        event: Event = arrived(
            f"m{number // 3}", f"{number % 7}@a.example", message_id=f"{number}@a", time=START + number
        )
        if not number % 10:
            event = refused(f"{number}@b.example")
        noted.append(Entry(number, [event]))
        connection.execute(
            "INSERT INTO journal_entry VALUES (?, ?, ?, ?)",
            (number, event.time, event.message, json.dumps(as_lists([event]), separators=(",", ":"))),
        )
        for key in keys([event]):
            row = (number // 1024, int.from_bytes(digest(key), "big"), number)
            connection.execute("INSERT INTO journal_key VALUES (?, ?, ?)", row)
    return noted


def tables(connection: Any) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'journal%'")}


@pytest.mark.parametrize(("first", "last"), [(1, 5), (1, 2600), (1024, 1024), (3 * 1024, 8 * 1024 + 300)])
def test_what_was_noted_is_found_as_before(connection: Any, first: int, last: int) -> None:
    noted = fill(connection, first, last)
    prepared(connection)
    assert connection.pragma("user_version") == schema.VERSION
    assert tables(connection) & {"journal_entry", "journal_key"} == set()
    asked = [address_key(f"{number}@a.example") for number in range(7)] + [address_key("bob@example.net")]
    asked += [message_id_key(f"{number}@a") for number in range(first, last + 1, 97)] + [address_key("none@a.example")]
    asked += [address_key(f"{number}@b.example") for number in range(first, last + 1, 70)]
    for key in asked:
        assert blocks.find(connection, key, None, 10_000) == [e for e in reversed(noted) if leads_to(key, e.events)]
    for message in (f"m{number // 3}" for number in range(first, last + 1, 101)):
        assert blocks.of(connection, message, 0, 10) == [e for e in noted if e.events[0].message == message]


def test_what_is_noted_then_comes_behind_it_and_all_is_forgotten_in_its_turn(connection: Any) -> None:
    fill(connection, 1024, 4000)
    prepared(connection)
    blocks.write(connection, [[arrived("new", time=START + 4000)]])
    assert [entry.number for entry in blocks.of(connection, "new", 0, 10)] == [4001]
    assert [entry.number for entry in blocks.find(connection, address_key("1@a.example"), 4001, 1)] == [3998]
    steps = 0
    while blocks.forget(connection, Retention(entries=500), START):
        steps += 1
    assert steps == 9
    assert blocks.of(connection, f"m{1100 // 3}", 0, 10) == []
    while blocks.forget(connection, None, START):
        pass
    for table in tables(connection):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)  # noqa: S608 - our own names


def test_a_journal_without_entries_has_no_blocks(connection: Any) -> None:
    prepared(connection)
    assert connection.execute("SELECT count(*) FROM journal_block").fetchone() == (0,)
    blocks.write(connection, [[arrived("m1")]])
    assert [entry.number for entry in blocks.of(connection, "m1", 0, 10)] == [1]


def test_what_fails_on_the_way_leaves_all_as_it_was(connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(connection, 1, 1500)
    before = connection.execute("SELECT count(*), sum(length(events)) FROM journal_entry").fetchone()

    def full(connection: Any, block: blocks.Block, messages: Any) -> None:
        if block.id == 3:
            raise apsw.FullError("the disk is full")
        blocks.begin(connection, block, messages)

    monkeypatch.setattr(upgrade, "begin", full)
    with pytest.raises(apsw.FullError):
        prepared(connection)
    assert connection.pragma("user_version") == schema.STEPS.index(upgrade.into_blocks)
    assert "journal_block" not in tables(connection)
    assert connection.execute("SELECT count(*), sum(length(events)) FROM journal_entry").fetchone() == before
    monkeypatch.undo()
    prepared(connection)
    assert len(blocks.find(connection, address_key("bob@example.net"), None, 2000)) == 1350
