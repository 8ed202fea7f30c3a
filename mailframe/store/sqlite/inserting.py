"""Putting a message into the database: what is computed before, and the statements of the transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from mailframe import flagsets
from mailframe.bodies import Files
from mailframe.errors import InDoubt, MailError, NoSuchMailbox, Temporary
from mailframe.interfaces import SEEN, Appended, FlagSet
from mailframe.message.digest import Digest, digest
from mailframe.site import Site
from mailframe.spool import FileBody, Message
from mailframe.values import value

if TYPE_CHECKING:
    from mailframe.sqlite.database import Writer

T = TypeVar("T")

_MESSAGE = (
    "INSERT INTO message (refs, size, sent, subject, base_subject, from_key, to_key, cc_key, message_id, "
    "reference_ids, outline, envelope, bodystructure, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_CONTENT = "INSERT INTO content (id, head, body, file) VALUES (?, ?, ?, ?)"
_NUMBERS = "SELECT uidvalidity, uidnext, modseq + 1 FROM mailbox WHERE id = ? AND selectable"
_COUNT = (
    "UPDATE mailbox SET uidnext = uidnext + ?1, modseq = modseq + ?1, messages = messages + ?1, unseen = unseen + ?2 "
    "WHERE id = ?3"
)
_ITEM = "INSERT INTO item (mailbox, uid, message, flags, internal_date, modseq) VALUES (?, ?, ?, ?, ?, ?)"
_FILE = "SELECT file FROM content WHERE id = ? AND file IS NOT NULL"

QUICK_OCTETS = 64 * 1024
"""Octets of a message in the database up to which the reactor inserts it, in tens of microseconds."""
SMALL_OCTETS = 16 * 1024
"""Octets of a message that is digested with others: a whole group of them takes no longer than a big one."""
QUICK_PLACES = 20
"""Mailboxes up to which it does."""


@value
class Prepared:
    """
    A message as it goes into the database.

    @ivar content: head, body and file.
    @ivar digest: C{None} for a small message. Those of a group are then computed one after the other, which takes half
        of the time that it does between other work: code and data are still in the processor's caches.
    """

    content: tuple[bytes, bytes | None, str | None]
    digest: Digest | None = None

    @property
    def columns(self) -> tuple[Any, ...]:
        """Its row in C{message}, without C{refs}."""
        head, body, _file = self.content
        known = self.digest or digest(head, body or b"")
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

    def is_quick(self, places: int) -> bool:
        """Whether it is inserted, with so many references, in no time."""
        head, body, _file = self.content
        return places <= QUICK_PLACES and len(head) + len(body or b"") <= QUICK_OCTETS


@value
class Insertion:
    """
    A message, and what it is to be inserted as.

    @ivar places: mailboxes, each with the flags it has there.
    @ivar when: its internal date.
    """

    prepared: Prepared
    places: Sequence[tuple[int, FlagSet]]
    when: int


async def stored(message: Message, files: Files, site: Site, insert: Callable[[Prepared], Awaitable[T]]) -> T:
    """
    Prepare a message and insert it; a big body's file is durable before, and gone again if the insertion fails.

    It goes only when it is sure that no row names it. When that is in doubt, or nobody wanted to wait, it stays: the
    next start removes it if there is no row then.

    @raise Temporary: the disk is full or broken.
    """
    if not isinstance(message.body, FileBody):
        known = None if message.size <= SMALL_OCTETS else message.digest()
        return await insert(Prepared((message.head, message.body, None), known))
    name = site.random(16).hex()
    try:
        known = await site.in_thread(_keep, message, files, name)
    except OSError as error:
        raise Temporary("The message cannot be stored now") from error
    try:
        return await insert(Prepared((message.head, None, name), known))
    except MailError as error:
        if not isinstance(error, InDoubt):
            await site.in_thread(files.drop, [name])
        raise


def _keep(message: Message, files: Files, name: str) -> Digest:
    assert isinstance(message.body, FileBody)
    known = message.digest()
    files.keep(message.body, name)
    return known


# --- operations: they are given the writing connection ----------------------------------------------------------------


def append_all(connection: Writer, insertions: Sequence[Insertion]) -> list[Appended]:
    """Insert messages that go to one place each (a L{mailframe.sqlite.database.Together})."""
    return [Appended(*numbers) for [numbers] in insert_all(connection, insertions)]


def insert_all(connection: Writer, insertions: Sequence[Insertion]) -> list[list[tuple[int, int]]]:
    """
    Insert messages: each table is visited once, and the numbers of each mailbox are changed once.

    @return: for each, UIDVALIDITY and UID in each of its places, in some order.
    @raise NoSuchMailbox: a mailbox is gone.
    """
    first = _insert_messages(connection, insertions)
    arriving: dict[int, list[tuple[int, FlagSet]]] = {}
    for at, insertion in enumerate(insertions):
        for mailbox, flags in insertion.places:
            arriving.setdefault(mailbox, []).append((at, flags))
    numbers: list[list[tuple[int, int]]] = [[] for _ in insertions]
    items = []
    for mailbox, new in arriving.items():
        uidvalidity, uid, modseq = _count(connection, mailbox, new)
        for offset, (at, flags) in enumerate(new):
            row = (mailbox, uid + offset, first + at, flagsets.text(flags), insertions[at].when, modseq + offset)
            items.append(row)
            numbers[at].append((uidvalidity, uid + offset))
    connection.executemany(_ITEM, items)
    return numbers


def _insert_messages(connection: Writer, insertions: Sequence[Insertion]) -> int:
    """Return the id of the first; the others follow, for a new row's is one more than the highest there is."""
    connection.executemany(_MESSAGE, [(len(each.places), *each.prepared.columns) for each in insertions])
    first = int(connection.last_insert_rowid()) - len(insertions) + 1
    connection.executemany(_CONTENT, [(first + at, *each.prepared.content) for at, each in enumerate(insertions)])
    return first


def _count(connection: Writer, mailbox: int, new: Sequence[tuple[int, FlagSet]]) -> tuple[int, int, int]:
    """Count messages in; return UIDVALIDITY, and UID and mod-sequence of the first."""
    for uidvalidity, uid, modseq in connection.execute(_NUMBERS, (mailbox,)):
        unseen = sum(SEEN not in flags for _at, flags in new)
        connection.execute(_COUNT, (len(new), unseen, mailbox))
        return uidvalidity, uid, modseq
    raise NoSuchMailbox("The mailbox is gone")


def release(connection: Writer, messages: Sequence[int]) -> list[str]:
    """Drop one reference to each message; return the files of those that nobody holds any more."""
    dropped = Counter(messages)
    refs = connection.executemany("SELECT id, refs FROM message WHERE id = ?", [(number,) for number in dropped])
    held = {number: count - dropped[number] for number, count in refs}
    gone = [(number,) for number, left in held.items() if left <= 0]
    kept = [(left, number) for number, left in held.items() if left > 0]
    connection.executemany("UPDATE message SET refs = ? WHERE id = ?", kept)
    files = [file for (file,) in connection.executemany(_FILE, gone)]
    connection.executemany("DELETE FROM message WHERE id = ?", gone)
    connection.executemany("DELETE FROM content WHERE id = ?", gone)
    return files
