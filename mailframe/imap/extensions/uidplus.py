"""UIDPLUS (RFC 4315): UID EXPUNGE; APPENDUID and COPYUID come with their commands."""

from __future__ import annotations

from mailframe.imap.extension import SELECTED, Command, Extension, Vocabulary
from mailframe.imap.grammar import Cursor
from mailframe.imap.responses import Status, ok
from mailframe.imap.sequence_set import SequenceSet
from mailframe.imap.session import Session


def parse(cursor: Cursor, vocabulary: Vocabulary) -> SequenceSet:
    """C{SP sequence-set}"""
    cursor.sp()
    uids = cursor.sequence_set()
    cursor.end()
    return uids


async def uid_expunge(session: Session, numbers: SequenceSet) -> Status:
    """Remove those of these messages that are marked deleted."""
    view = session.writable()
    uids = view.rows(view.positions(numbers, by_uid=True)).uids
    await view.model.mailbox.expunge(uids)
    await view.model.follow()
    return ok("Done")


EXTENSION = Extension(
    b"UIDPLUS",
    4315,
    lambda session: (b"UIDPLUS",),
    commands=(Command(b"UID EXPUNGE", SELECTED, parse, uid_expunge),),
)
