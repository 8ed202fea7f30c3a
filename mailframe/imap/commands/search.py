"""SEARCH and UID SEARCH (RFC 3501 sections 6.4.4 and 6.4.8), with MODSEQ (RFC 7162 section 3.1.5)."""

from __future__ import annotations

from attrs import frozen

from mailframe.imap.extension import SELECTED, Command, Run, Vocabulary
from mailframe.imap.grammar import Cursor
from mailframe.imap.responses import Status, no, ok
from mailframe.imap.search_keys import CHARSETS, And, BadCharset, Key, Modseq, Not, Or, program
from mailframe.imap.searching import Scope, search
from mailframe.imap.session import Session


@frozen
class Search:
    """The arguments of SEARCH."""

    key: Key


def parse_search(cursor: Cursor, vocabulary: Vocabulary) -> Search:
    """C{SP search-program}"""
    cursor.sp()
    try:
        return Search(program(cursor, vocabulary.search_keys))
    except BadCharset:
        raise no("The charset is not known", b"BADCHARSET (%b)" % b" ".join(CHARSETS)) from None


def _run(by_uid: bool) -> Run:
    async def run(session: Session, arguments: Search) -> Status:
        view = session.selected()
        by_modseq = _has_modseq(arguments.key)
        if by_modseq:
            session.turn_condstore_on()
        rows = view.rows(view.everything())
        found = await search(arguments.key, Scope(rows, view.model.mailbox, session.wire.pause))
        answer = b"".join(b" %d" % (rows.uids[at] if by_uid else at + 1) for at in found)
        if by_modseq and found:
            answer += b" (MODSEQ %d)" % max(rows.modseqs[at] for at in found)
        session.untagged(b"SEARCH" + answer)
        return ok("Done")

    return run


def _has_modseq(key: Key) -> bool:
    if isinstance(key, And):
        return any(map(_has_modseq, key.keys))
    if isinstance(key, Not):
        return _has_modseq(key.key)
    if isinstance(key, Or):
        return _has_modseq(key.one) or _has_modseq(key.other)
    return isinstance(key, Modseq)


COMMANDS = (
    Command(b"SEARCH", SELECTED, parse_search, _run(by_uid=False), keeps_numbers=True),
    Command(b"UID SEARCH", SELECTED, parse_search, _run(by_uid=True)),
)
