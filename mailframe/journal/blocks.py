"""Blocks of entries: how they are written, searched and forgotten; all of it runs in the database's threads.

Many rows of a table are written by one statement that takes them from JSON: a thread has to ask for Python's lock after
each step of a statement, and a busy reactor may let it wait for 5 ms.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, islice
from typing import Any

from attrs import frozen

from mailframe.interfaces import Entry
from mailframe.journal.events import Event
from mailframe.journal.keys import DIGEST_OCTETS, digest, keys, leads_to
from mailframe.journal.retention import Retention
from mailframe.journal.rows import Lists, entries_text, from_lists, joined, message_of, read_entries

FULL_CHARACTERS = 32 * 1024
"""Of text; a block that has so many takes no more entries: each that it takes writes all of it again."""
BLOCK_SECONDS = 3600.0
"""Between its first event and an entry that a block takes; they are forgotten together."""
BLOCKS_A_RUN = 8
"""Blocks whose keys are sorted together, when they are complete: a millisecond of work."""
PARTS = 32
"""Into which they are sorted."""

_LEVEL = 1
"""Of zlib: 2 us an entry, where 6 takes 6 us to save a seventh."""
_SIFTED_OCTETS = 4
"""Of a digest that the sieve has: one search in fifty of 15 million finds a run for nothing."""
_SIFTED = re.compile(b"(.{%d}).{%d}" % (_SIFTED_OCTETS, DIGEST_OCTETS - _SIFTED_OCTETS), re.DOTALL)

_LAST = (
    "SELECT id, first, entries, began, keys, CASE typeof(events) WHEN 'text' THEN events END FROM journal_block "
    "WHERE id = (SELECT max(id) FROM journal_block)"
)
_KEEP = (
    "INSERT OR REPLACE INTO journal_block (id, first, entries, began, time, keys, events) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_KEEP_MESSAGES = "INSERT OR IGNORE INTO journal_message (message, block) SELECT value, ? FROM json_each(?)"
_KEYS = "SELECT keys FROM journal_block WHERE id BETWEEN ? AND ?"
_SIFT = (
    "INSERT INTO journal_sieve (part, run, keys) "
    "SELECT value ->> 0, ?, substr(?, 1 + (value ->> 1), value ->> 2) FROM json_each(?)"
)

_NEWEST = "SELECT max(id) FROM journal_block"
_CONTAINING = "SELECT id FROM journal_block WHERE first <= ? ORDER BY first DESC LIMIT 1"
_RUNS = "SELECT run FROM journal_sieve WHERE part = ? AND run < ? AND instr(keys, ?) ORDER BY run DESC"
_UNDER = "SELECT first, events FROM journal_block WHERE id BETWEEN ? AND ? AND instr(keys, ?) ORDER BY id DESC"
# CROSS JOIN keeps SQLite from another order than that of the message's blocks.
_OF = (
    "SELECT first, events FROM journal_message m CROSS JOIN journal_block b ON b.id = m.block "
    "WHERE m.message = ? AND m.block >= ? ORDER BY m.block"
)

_OLDEST = "SELECT id, first + entries, time, events FROM journal_block WHERE id = (SELECT min(id) FROM journal_block)"
_END = "SELECT first + entries FROM journal_block WHERE id = (SELECT max(id) FROM journal_block)"
_FORGET = "DELETE FROM journal_block WHERE id = ?"
_FORGET_MESSAGES = "DELETE FROM journal_message WHERE message IN (SELECT value FROM json_each(?)) AND block = ?"
_FORGET_RUN = "DELETE FROM journal_sieve WHERE part IN (SELECT value FROM json_each(?)) AND run = ?"


@frozen
class Block:
    """
    @ivar id: its place among blocks.
    @ivar first: the number of its first entry.
    @ivar entries: how many it has.
    @ivar began: the time of its first event.
    @ivar time: that of its last one.
    @ivar keys: digests of all that leads to its entries.
    @ivar text: the entries.
    """

    id: int
    first: int
    entries: int
    began: float
    time: float
    keys: bytes
    text: str


# --- writing ----------------------------------------------------------------------------------------------------------


def write(connection: Any, noted: Sequence[Sequence[Event]]) -> None:
    """Keep entries: in the last block if it takes more, or else in a new one."""
    began, time = noted[0][0].time, noted[-1][-1].time
    found = b"".join([digest(key) for key in keys(chain.from_iterable(noted))])
    text = entries_text(noted)
    messages = {events[0].message for events in noted}
    last = connection.execute(_LAST).fetchone() or (-1, 1, 0, 0.0, b"", None)
    block, first, entries, since, its_keys, its_text = last
    if its_text is None or began - since > BLOCK_SECONDS:
        begin(connection, Block(block + 1, first + entries, len(noted), began, time, found, text), messages)
    else:
        text = joined([its_text, text])
        _keep(connection, Block(block, first, entries + len(noted), since, time, its_keys + found, text), messages)


def begin(connection: Any, block: Block, messages: Iterable[str]) -> None:
    """
    Write a new block, and sort the keys of those before it if they are complete now.

    @param messages: ids of the messages of its entries; empty for none.
    """
    _keep(connection, block, messages)
    run, place = divmod(block.id, BLOCKS_A_RUN)
    if not place:
        _sift(connection, run - 1)


def _keep(connection: Any, block: Block, messages: Iterable[str]) -> None:
    full = len(block.text) >= FULL_CHARACTERS
    events = zlib.compress(block.text.encode("ascii"), _LEVEL) if full else block.text
    row = (block.id, block.first, block.entries, block.began, block.time, block.keys, events)
    connection.execute(_KEEP, row)
    connection.execute(_KEEP_MESSAGES, (block.id, json.dumps(sorted(filter(None, messages)))))


def _sift(connection: Any, run: int) -> None:
    """Sort the keys of a run's blocks into parts."""
    parts: list[list[bytes]] = [[] for _ in range(PARTS)]
    for (packed,) in connection.execute(_KEYS, _blocks(run)):
        for key in _SIFTED.findall(packed):
            parts[key[0] % PARTS].append(key)
    packed = [b"".join(found) for found in parts]
    starts = accumulate(map(len, packed[:-1]), initial=0)
    rows = [(part, start, len(keys)) for part, (start, keys) in enumerate(zip(starts, packed, strict=True)) if keys]
    connection.execute(_SIFT, (run, b"".join(packed), json.dumps(rows)))


def _blocks(run: int) -> tuple[int, int]:
    return run * BLOCKS_A_RUN, (run + 1) * BLOCKS_A_RUN - 1


# --- searching --------------------------------------------------------------------------------------------------------


def find(connection: Any, key: str, before: int | None, limit: int) -> list[Entry]:
    """Return entries that a key leads to, the latest first, as L{mailframe.interfaces.IJournal} has it."""
    entries = (
        Entry(number, from_lists(lists))
        for block in _blocks_under(connection, digest(key), before)
        for number, lists in reversed(block)
        if before is None or number < before
    )
    return list(islice((entry for entry in entries if leads_to(key, entry.events)), limit))


def _blocks_under(connection: Any, key: bytes, before: int | None) -> Iterator[list[tuple[int, Lists]]]:
    """Yield blocks that seem to have a key, the latest first."""
    [(newest,)] = connection.execute(_NEWEST)
    last = newest if before is None else _containing(connection, before)
    if last is None:
        return
    for run in _runs(connection, key, last // BLOCKS_A_RUN, newest // BLOCKS_A_RUN):
        low, high = _blocks(run)
        for first, events in connection.execute(_UNDER, (low, min(high, last), key)):
            yield _numbered(first, events)


def _runs(connection: Any, key: bytes, last: int, newest: int) -> Iterator[int]:
    """Yield runs of blocks in which a key may be, the latest first; of the newest, nothing is known yet."""
    end = last + 1
    if last == newest:
        yield newest
        end = newest
    for (run,) in connection.execute(_RUNS, (key[0] % PARTS, end, key[:_SIFTED_OCTETS])):
        yield run


def of(connection: Any, message: str, after: int, limit: int) -> list[Entry]:
    """Return entries of a message, as L{mailframe.interfaces.IJournal} has it."""
    rows = connection.execute(_OF, (message, _containing(connection, after) or 0))
    entries = (
        Entry(number, from_lists(lists))
        for first, events in rows
        for number, lists in _numbered(first, events)
        if number > after and message_of(lists) == message
    )
    return list(islice(entries, limit))


def _containing(connection: Any, number: int) -> int | None:
    """Return the block that has the entry of a number, or where that would have come before the next."""
    row = connection.execute(_CONTAINING, (number,)).fetchone()
    return None if row is None else row[0]


def _numbered(first: int, events: bytes | str) -> list[tuple[int, Lists]]:
    return list(enumerate(read_entries(_text(events)), first))


def _text(events: bytes | str) -> str:
    return events if isinstance(events, str) else zlib.decompress(events).decode("ascii")


# --- forgetting -------------------------------------------------------------------------------------------------------


def forget(connection: Any, retention: Retention | None, now: float) -> bool:
    """Remove the oldest block if none of its entries is to be kept; return whether it was removed."""
    oldest = connection.execute(_OLDEST).fetchone()
    if oldest is None:
        return False
    block, end, time, events = oldest
    [(last_end,)] = connection.execute(_END)
    if retention is not None and last_end - end < retention.entries and time >= retention.oldest(now):
        return False
    messages = {message_of(lists) for lists in read_entries(_text(events))}
    connection.execute(_FORGET_MESSAGES, (json.dumps(sorted(messages)), block))
    connection.execute(_FORGET, (block,))
    run, place = divmod(block, BLOCKS_A_RUN)
    if place == BLOCKS_A_RUN - 1:
        connection.execute(_FORGET_RUN, (json.dumps(list(range(PARTS))), run))
    return True
