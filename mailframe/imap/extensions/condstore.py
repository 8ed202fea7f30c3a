"""CONDSTORE (RFC 7162): its data items, its search key and its switch; modifiers stand with their commands."""

from __future__ import annotations

from mailframe.imap.extension import Extension
from mailframe.imap.fetch_items import FetchItem, ModseqItem
from mailframe.imap.grammar import Cursor
from mailframe.imap.search_keys import Key, Modseq, Search
from mailframe.imap.session import Session


def _fetch_item(cursor: Cursor) -> FetchItem:
    return ModseqItem()


def _search_key(search: Search) -> Key:
    """C{"MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer}: flags alone have entries, and share one."""
    cursor = search.cursor
    cursor.sp()
    if cursor.peek(b'"'):
        cursor.string()
        cursor.sp()
        cursor.word()
        cursor.sp()
    return Modseq(cursor.mod_sequence_valzer())


def _enable(session: Session) -> None:
    session.turn_condstore_on()


EXTENSION = Extension(
    b"CONDSTORE",
    7162,
    lambda session: (b"CONDSTORE",),
    fetch_items={b"MODSEQ": _fetch_item},
    search_keys={b"MODSEQ": _search_key},
    status_items={b"HIGHESTMODSEQ": lambda state: state.highestmodseq},
    enable={b"CONDSTORE": _enable},
)
