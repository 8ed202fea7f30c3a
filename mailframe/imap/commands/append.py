"""APPEND (RFC 3501 section 6.3.11), with APPENDUID (RFC 4315 section 3)."""

from __future__ import annotations

from attrs import frozen

from mailframe.errors import NoSuchMailbox
from mailframe.imap.extension import AUTHENTICATED, Command, Vocabulary
from mailframe.imap.grammar import Cursor
from mailframe.imap.responses import Status, no, ok
from mailframe.imap.session import Session
from mailframe.interfaces import FlagSet
from mailframe.spool import Message


@frozen
class Append:
    """@ivar date: seconds since the epoch; C{None} is now."""

    name: str
    flags: FlagSet
    date: int | None
    message: Message


def parse_append(cursor: Cursor, vocabulary: Vocabulary) -> Append:
    """C{SP mailbox [SP flag-list] [SP date-time] SP literal}"""
    cursor.sp()
    name = cursor.mailbox()
    cursor.sp()
    flags: FlagSet = frozenset()
    if cursor.peek(b"("):
        flags = cursor.flag_list()
        cursor.sp()
    date = None
    if cursor.peek(b'"'):
        date = cursor.date_time()
        cursor.sp()
    message = cursor.message()
    cursor.end()
    return Append(name, flags, date, message)


async def append(session: Session, arguments: Append) -> Status:
    """Add a message to a mailbox."""
    message = arguments.message
    try:
        if not message.size:
            raise no("An empty message cannot be stored", b"CANNOT")
        try:
            mailbox = await session.mailboxes().mailbox(arguments.name)
        except NoSuchMailbox:
            raise no("There is no such mailbox", b"TRYCREATE") from None
        appended = await mailbox.append(message, arguments.flags, arguments.date)
    finally:
        message.discard()
    if session.view is not None and session.view.model.mailbox.id == mailbox.id:
        await session.view.model.follow()
    return ok("Stored", b"APPENDUID %d %d" % (appended.uidvalidity, appended.uid))


COMMANDS = (Command(b"APPEND", AUTHENTICATED, parse_append, append),)
