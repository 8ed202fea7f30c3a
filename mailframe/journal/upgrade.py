"""The step from a journal with a row for each entry to one of blocks: what was noted before it is found as before.

It is taken in one transaction, as every step is, so that a crash leaves the old journal; memory has a bucket at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mailframe.journal.blocks import Block, begin
from mailframe.journal.keys import DIGEST_OCTETS
from mailframe.journal.rows import joined
from mailframe.journal.tables import BLOCKS

_BUCKET = 1024
"""Entries whose keys stood together."""
_BLOCK = 256
"""Entries of a bucket that become a block."""

_RANGE = "SELECT coalesce(min(number), 1), coalesce(max(number), 0) FROM journal_entry"
_ENTRIES = "SELECT number, time, message, events FROM journal_entry WHERE number BETWEEN ? AND ? ORDER BY number"
_KEYS = "SELECT DISTINCT entry / ?, key FROM journal_key WHERE bucket = ?"
_DROP = "DROP TABLE journal_entry; DROP TABLE journal_key"


def into_blocks(connection: Any) -> None:
    """Make blocks of all entries, a bucket at a time; it takes some 8 s for a million."""
    connection.execute(BLOCKS)
    [(first, last)] = connection.execute(_RANGE)
    for bucket in range(first // _BUCKET, last // _BUCKET + 1):
        keys: dict[int, list[bytes]] = {}
        for block, key in connection.execute(_KEYS, (_BLOCK, bucket)):
            keys.setdefault(block, []).append(key.to_bytes(DIGEST_OCTETS, "big"))
        for start in range(bucket * _BUCKET, (bucket + 1) * _BUCKET, _BLOCK):
            _make_block(connection, connection.execute(_ENTRIES, (start, start + _BLOCK - 1)).fetchall(), keys)
    connection.execute(_DROP)


def _make_block(
    connection: Any, entries: Sequence[tuple[int, float, str, str]], keys: Mapping[int, Sequence[bytes]]
) -> None:
    if not entries:
        return
    numbers, times, messages, texts = zip(*entries, strict=True)
    number = numbers[0] // _BLOCK
    text = joined([f"[{text}]" for text in texts])
    block = Block(number, numbers[0], len(entries), times[0], times[-1], b"".join(keys.get(number, ())), text)
    begin(connection, block, set(messages))
