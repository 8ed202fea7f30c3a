"""Some messages of a mailbox as spans of UIDs: so they are found with few queries that visit few others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from mailframe.sqlite.database import Rows, Writer

Span: TypeAlias = tuple[int, int]
"""First and last UID."""

NEAR = 30
"""UIDs between two messages that take less time to read than to pass over."""


def rows_of(connection: Writer, sql: str, mailbox: int, uids: Sequence[int]) -> Rows:
    """
    Return rows about messages.

    @param sql: a query for the messages of a mailbox between two UIDs, in their order; its first column is the UID.
    @param uids: ascending; those that do not exist are left out.
    """
    rows: list[tuple[Any, ...]] = connection.executemany(sql, [(mailbox, *span) for span in spans(uids)]).fetchall()
    if not uids or uids[-1] - uids[0] + 1 == len(uids):
        return rows
    wanted = frozenset(uids)
    return [row for row in rows if row[0] in wanted]


def spans(uids: Sequence[int]) -> list[Span]:
    """Return spans that hold all of some UIDs, which are ascending; others may be between them."""
    if not uids:
        return []
    if uids[-1] - uids[0] + 1 == len(uids):
        return [(uids[0], uids[-1])]
    breaks = [at for at in range(1, len(uids)) if uids[at] - uids[at - 1] > NEAR]
    firsts, lasts = [0, *breaks], [*(at - 1 for at in breaks), -1]
    return [(uids[first], uids[last]) for first, last in zip(firsts, lasts, strict=True)]


def merged(parts: Iterable[Span]) -> list[Span]:
    """Join spans, given in order, that overlap or are near to each other; leave out what is empty."""
    joined: list[Span] = []
    for first, last in parts:
        if joined and first <= joined[-1][1] + NEAR:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        elif first <= last:
            joined.append((first, last))
    return joined
