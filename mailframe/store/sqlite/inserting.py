"""Putting a message into the database: what is computed before, and the statements of the transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from attrs import frozen

from mailframe import flagsets
from mailframe.bodies import Files
from mailframe.errors import InDoubt, MailError, NoSuchMailbox, Temporary
from mailframe.interfaces import SEEN, Appended, FlagSet
from mailframe.message.digest import Digest
from mailframe.site import Site
from mailframe.spool import FileBody, Message
from mailframe.sqlite.database import Writer

_MESSAGE = (
    "INSERT INTO message (refs, size, sent, subject, base_subject, from_key, to_key, cc_key, message_id, "
    "reference_ids, outline, envelope, bodystructure, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_CONTENT = "INSERT INTO content (id, head, body, file) VALUES (?, ?, ?, ?)"
_COUNT = (
    "UPDATE mailbox SET uidnext = uidnext + 1, modseq = modseq + 1, messages = messages + 1, unseen = unseen + ? "
    "WHERE id = ? AND selectable RETURNING uidvalidity, uidnext - 1, modseq"
)
_ITEM = "INSERT INTO item (mailbox, uid, message, flags, internal_date, modseq) VALUES (?, ?, ?, ?, ?, ?)"


@frozen
class Prepared:
    """
    A message as it goes into the database.

    @ivar columns: of its row in C{message}, without C{refs}.
    @ivar content: head, body and file.
    """

    columns: tuple[Any, ...]
    content: tuple[bytes, bytes | None, str | None]


async def stored(message: Message, files: Files, site: Site, insert: Callable[[Prepared], Awaitable[Any]]) -> Any:
    """
    Prepare a message and insert it; a big body's file is durable before, and gone again if the insertion fails.

    It goes only when it is sure that no row names it. When that is in doubt, or nobody wanted to wait, it stays: the
    next start removes it if there is no row then.

    @raise Temporary: the disk is full or broken.
    """
    if not isinstance(message.body, FileBody):
        return await insert(Prepared(_columns(message.digest()), (message.head, message.body, None)))
    name = site.random(16).hex()
    try:
        digest = await site.in_thread(_keep, message, files, name)
    except OSError as error:
        raise Temporary("The message cannot be stored now") from error
    try:
        return await insert(Prepared(_columns(digest), (message.head, None, name)))
    except MailError as error:
        if not isinstance(error, InDoubt):
            await site.in_thread(files.drop, [name])
        raise


def _keep(message: Message, files: Files, name: str) -> Digest:
    assert isinstance(message.body, FileBody)
    digest = message.digest()
    files.keep(message.body, name)
    return digest


def _columns(known: Digest) -> tuple[Any, ...]:
    return (
        known.size,
        known.sent,
        known.subject,
        known.base_subject,
        known.from_,
        known.to,
        known.cc,
        known.message_id,
        b" ".join(known.references),
        known.outline,
        known.envelope,
        known.bodystructure,
        known.body,
    )


# --- operations: they run in the writer's thread ----------------------------------------------------------------------


def insert_message(connection: Writer, prepared: Prepared, refs: int) -> int:
    """Insert a message that so many items will refer to; return its id."""
    connection.execute(_MESSAGE, (refs, *prepared.columns))
    number: int = connection.last_insert_rowid()
    connection.execute(_CONTENT, (number, *prepared.content))
    return number


def insert_item(connection: Writer, mailbox: int, message: int, flags: FlagSet, internal_date: int) -> Appended:
    """
    Put a message into a mailbox.

    @raise NoSuchMailbox: it is gone.
    """
    for uidvalidity, uid, modseq in connection.execute(_COUNT, (SEEN not in flags, mailbox)):
        connection.execute(_ITEM, (mailbox, uid, message, flagsets.text(flags), internal_date, modseq))
        return Appended(uidvalidity, uid)
    raise NoSuchMailbox("The mailbox is gone")


def release(connection: Writer, messages: Sequence[int]) -> list[str]:
    """Drop one reference to each message; return the files of those that nobody holds any more."""
    connection.executemany("UPDATE message SET refs = refs - 1 WHERE id = ?", [(number,) for number in messages])
    files = []
    for number in set(messages):
        if list(connection.execute("DELETE FROM message WHERE id = ? AND refs <= 0 RETURNING 1", (number,))):
            gone = connection.execute("DELETE FROM content WHERE id = ? RETURNING file", (number,))
            files += [file for (file,) in gone if file is not None]
    return files
