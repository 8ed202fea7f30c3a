"""What a mailbox remembers of messages that are gone: enough for whoever was here lately, not for ever (RFC 7162 5.3).

The rows of the oldest are removed together, and one row of UID L{FORGOTTEN} takes their place: it stands at the last
mod-sequence for which the rows do not tell all. Whoever asks what went after an earlier one finds it in the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailframe.sqlite.database import Writer

TOMBSTONES = 10_000
"""Expunged messages that a mailbox remembers; there may be C{LOOK_EVERY} squared more, until it looks again."""
LOOK_EVERY = 32
"""Mod-sequences after which they are counted, for that takes as long as the rest of a small expunge."""
FORGOTTEN = 0
"""No message has this UID."""

_NEWEST = "SELECT ifnull(max(modseq), 0) FROM expunged WHERE mailbox = ?"
_BEYOND = "SELECT modseq FROM expunged WHERE mailbox = ? ORDER BY modseq DESC LIMIT 1 OFFSET ?"
_INSERT = "INSERT INTO expunged (mailbox, modseq, uid) VALUES (?, ?, ?)"


def remember(connection: Writer, mailbox: int, modseq: int, gone: Sequence[int]) -> None:
    """
    Note that messages went.

    @param modseq: of this change, higher than all before.
    """
    [(before,)] = connection.execute(_NEWEST, (mailbox,)).fetchall()
    connection.executemany(_INSERT, [(mailbox, modseq, uid) for uid in gone])
    if len(gone) >= LOOK_EVERY or before // LOOK_EVERY != modseq // LOOK_EVERY:
        _forget(connection, mailbox)


def _forget(connection: Writer, mailbox: int) -> None:
    """Remove the oldest of too many, and what went in the same step as the youngest of these."""
    for (modseq,) in connection.execute(_BEYOND, (mailbox, TOMBSTONES)).fetchall():
        connection.execute("DELETE FROM expunged WHERE mailbox = ? AND modseq <= ?", (mailbox, modseq))
        connection.execute(_INSERT, (mailbox, modseq, FORGOTTEN))
