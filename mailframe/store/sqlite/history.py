"""Where in a mailbox flags were changed lately: what tells those who look at it what to read again.

An index of the mod-sequences would tell as well, and take three times as long as the change itself. Instead each change
leaves a few spans of UIDs. New messages leave none: they are all above the last message that is as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mailframe.interfaces import MailboxState
from mailframe.sqlite.database import Rows, Writer
from mailframe.store.sqlite.spans import merged

REMEMBERED = 1000
"""Mod-sequences for which flag changes are remembered."""
SPANS = 50
"""Spans of one change at the most: what lies between its messages is read in vain where they are more."""
_NOTE = "INSERT INTO flag_change (mailbox, modseq, first, last) VALUES (?, ?, ?, ?)"
_FORGET = "DELETE FROM flag_change WHERE mailbox = ? AND modseq <= ?"
_SPANS = """
SELECT first, last FROM flag_change WHERE mailbox = ?1 AND modseq > ?2
UNION ALL SELECT ifnull(max(uid), 0) + 1, ?3 FROM item WHERE mailbox = ?1 AND modseq <= ?2
"""
_CHANGED = "SELECT uid, flags, modseq FROM item WHERE mailbox = ? AND uid BETWEEN ? AND ? AND modseq > ? ORDER BY uid"


def note(connection: Writer, mailbox: int, modseq: int, uids: Sequence[int]) -> None:
    """
    Note that flags were changed.

    @param modseq: of this change, higher than all before.
    @param uids: of the messages, ascending; at least one.
    """
    step = -(-len(uids) // SPANS)
    parts = [uids[start : start + step] for start in range(0, len(uids), step)]
    spans = merged((part[0], part[-1]) for part in parts)
    connection.executemany(_NOTE, [(mailbox, modseq, first, last) for first, last in spans])
    connection.execute(_FORGET, (mailbox, modseq - REMEMBERED))


def is_remembered(state: MailboxState, since: int) -> bool:
    """Whether L{since} knows all that came after a mod-sequence."""
    return state.highestmodseq - since <= REMEMBERED


def since(read: Callable[[str, Sequence[int]], Rows], mailbox: int, state: MailboxState, modseq: int) -> Rows:
    """
    Return the messages that are new, or whose flags changed, after a mod-sequence: UID, flags, mod-sequence.

    @param read: runs a query.
    @param state: was read before: the answer has what led to it, and perhaps more.
    """
    spans = merged(sorted(read(_SPANS, (mailbox, modseq, state.uidnext - 1))))
    return [row for first, last in spans for row in read(_CHANGED, (mailbox, first, last, modseq))]
