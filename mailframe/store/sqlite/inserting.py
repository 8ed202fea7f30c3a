"""Putting a message into the database: what is computed before, and the statements of the transaction."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from operator import attrgetter
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

# In the order of the columns below.
_of_digest = attrgetter(
    *("size", "sent", "subject", "base_subject", "from_", "to", "cc", "message_id"),
    *("outline", "envelope", "bodystructure", "body"),
)
_MESSAGE = (
    "INSERT INTO message (refs, reference_ids, size, sent, subject, base_subject, from_key, to_key, cc_key, "
    "message_id, outline, envelope, bodystructure, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
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
    @ivar size: octets in the database.
    @ivar digest: C{None} for a small message. Those of a group are then computed one after the other, which takes half
        of the time that it does between other work: code and data are still in the processor's caches.
    """

    content: tuple[bytes, bytes | None, str | None]
    size: int
    digest: Digest | None = None

    @property
    def columns(self) -> tuple[Any, ...]:
        """Its row in C{message}, without C{refs}."""
        head, body, _file = self.content
        known = self.digest or digest(head, body or b"")
        return (b" ".join(known.references), *_of_digest(known))

    def is_quick(self, places: int) -> bool:
        """Whether it is inserted, with so many references, in no time."""
        return places <= QUICK_PLACES and self.size <= QUICK_OCTETS


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


def stored(
    message: Message,
    files: Files,
    site: Site,
    insert: Callable[[Prepared], Awaitable[T]],
    is_kept: Callable[[T], bool] = lambda _inserted: True,
) -> Awaitable[T]:
    """
    Prepare a message and insert it; a big body's file is durable before, and gone again if the insertion fails.

    It goes only when it is sure that no row names it. When that is in doubt, or nobody wanted to wait, it stays: the
    next start removes it if there is no row then.

    @param is_kept: whether a row names it, by what C{insert} has returned.
    @raise Temporary: the disk is full or broken.
    """
    body, octets = message.body, message.size
    if isinstance(body, FileBody):
        return _stored_as_file(message, body, files, site, insert, is_kept)
    known = None if octets <= SMALL_OCTETS else message.digest()
    return insert(Prepared((message.head, body, None), octets, known))


async def _stored_as_file(
    message: Message,
    body: FileBody,
    files: Files,
    site: Site,
    insert: Callable[[Prepared], Awaitable[T]],
    is_kept: Callable[[T], bool],
) -> T:
    name = site.random(16).hex()
    try:
        known = await site.in_thread(_keep, message, body, files, name)
    except OSError as error:
        raise Temporary("The message cannot be stored now") from error
    try:
        inserted = await insert(Prepared((message.head, None, name), len(message.head), known))
    except MailError as error:
        if not isinstance(error, InDoubt):
            await site.in_thread(files.drop, [name])
        raise
    if not is_kept(inserted):
        await site.in_thread(files.drop, [name])
    return inserted


def _keep(message: Message, body: FileBody, files: Files, name: str) -> Digest:
    known = message.digest()
    files.keep(body, name)
    return known


# --- operations: they are given the writing connection ----------------------------------------------------------------


def append_all(connection: Writer, insertions: Sequence[Insertion]) -> list[Appended]:
    """Insert messages that go to one place each (a L{mailframe.sqlite.database.Together})."""
    uids = {mailbox: (validity, count(uid)) for mailbox, (validity, uid) in insert_all(connection, insertions).items()}
    places = [uids[mailbox] for each in insertions for mailbox, _flags in each.places]
    return [Appended(validity, next(following)) for validity, following in places]


def insert_all(connection: Writer, insertions: Sequence[Insertion]) -> dict[int, tuple[int, int]]:
    """
    Insert messages: each table is visited once, and the numbers of each mailbox are changed once.

    @return: for each mailbox UIDVALIDITY, and the UID of the first message there; the others follow in their order.
    @raise NoSuchMailbox: a mailbox is gone.
    """
    arriving: defaultdict[int, list[tuple[int, FlagSet, int]]] = defaultdict(list)
    for message, insertion in enumerate(insertions, _insert_messages(connection, insertions)):
        for mailbox, flags in insertion.places:
            arriving[mailbox].append((message, flags, insertion.when))
    first, items = {}, []
    for mailbox, new in arriving.items():
        unseen = [SEEN in flags for _message, flags, _when in new].count(False)
        uidvalidity, uid, modseq = _count(connection, mailbox, len(new), unseen)
        first[mailbox] = uidvalidity, uid
        items += [
            (mailbox, uid + offset, message, flagsets.text(flags), when, modseq + offset)
            for offset, (message, flags, when) in enumerate(new)
        ]
    connection.executemany(_ITEM, items)
    return first


def _insert_messages(connection: Writer, insertions: Sequence[Insertion]) -> int:
    """Return the id of the first; the others follow, for a new row's is one more than the highest there is."""
    connection.executemany(_MESSAGE, [(len(each.places), *each.prepared.columns) for each in insertions])
    first = int(connection.last_insert_rowid()) - len(insertions) + 1
    connection.executemany(_CONTENT, [(at, *each.prepared.content) for at, each in enumerate(insertions, first)])
    return first


def _count(connection: Writer, mailbox: int, messages: int, unseen: int) -> tuple[int, int, int]:
    """Count messages in; return UIDVALIDITY, and UID and mod-sequence of the first."""
    for uidvalidity, uid, modseq in connection.execute(_NUMBERS, (mailbox,)):
        connection.execute(_COUNT, (messages, unseen, mailbox))
        return uidvalidity, uid, modseq
    raise NoSuchMailbox("The mailbox is gone")


def release(connection: Writer, messages: Sequence[int]) -> list[str]:
    """Drop one reference to each message; return the files of those that nobody holds any more."""
    dropped = Counter(messages)
    refs = connection.executemany("SELECT id, refs FROM message WHERE id = ?", [(number,) for number in dropped])
    held = {number: before - dropped[number] for number, before in refs}
    gone = [(number,) for number, left in held.items() if left <= 0]
    kept = [(left, number) for number, left in held.items() if left > 0]
    connection.executemany("UPDATE message SET refs = ? WHERE id = ?", kept)
    files = [file for (file,) in connection.executemany(_FILE, gone)]
    connection.executemany("DELETE FROM message WHERE id = ?", gone)
    connection.executemany("DELETE FROM content WHERE id = ?", gone)
    return files
