"""One mailbox in SQLite."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any

from attrs import define
from zope.interface import implementer

from mailframe import flagsets
from mailframe.errors import NoSuchMailbox, NoSuchMessage, Temporary
from mailframe.interfaces import (
    Appended,
    Changes,
    Copied,
    Entries,
    Fact,
    FlagSet,
    IChanges,
    IDigested,
    IMailbox,
    IMovable,
    IRecent,
    MailboxState,
    StoreMode,
)
from mailframe.spool import Message
from mailframe.sqlite.database import Writer
from mailframe.store.sqlite import changing, history
from mailframe.store.sqlite.flagging import FlagChange, FlagsStored
from mailframe.store.sqlite.forgetting import FORGOTTEN
from mailframe.store.sqlite.inserting import Insertion, Prepared, append_all, stored
from mailframe.store.sqlite.kept import Kept
from mailframe.store.sqlite.spans import rows_of

INLINE_ROWS = 20
"""Messages up to which facts are read in the reactor: that is quicker than asking a thread."""
WHOLE_OCTETS = 64 * 1024
"""Messages up to this size are read many at a time."""
QUICK_ROWS = 20
"""UIDs between the first and the last message of a change up to which it is made in the reactor."""
INLINE_OCTETS = 512 * 1024
"""Octets of a file that are read in the reactor at a time."""

_STATE = "SELECT uidvalidity, uidnext, modseq, messages, unseen, recent FROM mailbox WHERE id = ? AND selectable"
_ENTRIES = "SELECT uid, flags, modseq FROM item WHERE mailbox = ? ORDER BY uid"
_EXPUNGED = "SELECT uid FROM expunged WHERE mailbox = ? AND modseq > ? ORDER BY uid"
_READ = "SELECT c.head, c.body, c.file FROM item i JOIN content c ON c.id = i.message WHERE i.mailbox = ? AND i.uid = ?"
_COLUMNS = {
    Fact.SIZE: "m.size",
    Fact.INTERNAL_DATE: "i.internal_date",
    Fact.ENVELOPE: "m.envelope",
    Fact.BODYSTRUCTURE: "m.bodystructure",
    Fact.BODY: "m.body",
    Fact.OUTLINE: "m.outline",
    Fact.HEAD: "c.head",
    Fact.WHOLE: f"iif(m.size <= {WHOLE_OCTETS}, CAST(c.head || c.body AS BLOB), NULL)",
    Fact.SENT: "m.sent",
    Fact.SUBJECT: "m.subject",
    Fact.BASE_SUBJECT: "m.base_subject",
    Fact.FROM: "m.from_key",
    Fact.TO: "m.to_key",
    Fact.CC: "m.cc_key",
    Fact.MESSAGE_ID: "m.message_id",
    Fact.REFERENCES: "m.reference_ids",
}
_JOINS = {"m": " JOIN message m ON m.id = i.message", "c": " JOIN content c ON c.id = i.message"}


@implementer(IMailbox, IChanges, IDigested, IMovable, IRecent)
@define(eq=False)
class SQLiteMailbox:
    """
    @ivar number: its row.
    """

    kept: Kept
    number: int
    name: str

    @property
    def id(self) -> str:
        """Its row's number, which no other mailbox will ever have."""
        return str(self.number)

    # --- reading --------------------------------------------------------------------------------------------------

    async def state(self) -> MailboxState:
        """Return the numbers of now."""
        return _state(self.kept.database.read(_STATE, (self.number,)))

    async def entries(self) -> Changes:
        """Return all messages."""
        number = self.number

        def all_of_it(connection: Writer) -> Changes:
            with connection:  # one snapshot for both
                state = _state(connection.execute(_STATE, (number,)).fetchall())
                return Changes(state, _entries(connection.execute(_ENTRIES, (number,)).fetchall()), ())

        return await self.kept.database.scan(all_of_it)

    async def changes(self, since: int) -> Changes | None:
        """Return what happened after a mod-sequence, if we remember."""
        # Read in this order, a change made between the reads is told twice rather than never.
        read, number = self.kept.database.read, self.number
        state = _state(read(_STATE, (number,)))
        if state.highestmodseq == since:
            return Changes(state, Entries((), (), ()), ())
        stored = self.kept.just_stored
        if stored.is_all_between(number, since, state.highestmodseq):
            return Changes(state, stored.entries, (), stored.reflagging)
        if not history.is_remembered(state, since):
            return None
        gone = [uid for (uid,) in read(_EXPUNGED, (number, since))]
        entries = _entries(history.since(read, number, state, since))
        return None if FORGOTTEN in gone else Changes(state, entries, gone)

    async def facts(self, uids: Sequence[int], wanted: Sequence[Fact]) -> Sequence[tuple[Any, ...]]:
        """Return what is known of messages."""
        if not uids:
            return ()
        sql, number = _facts_query(tuple(wanted)), self.number
        if len(uids) <= INLINE_ROWS and uids[-1] - uids[0] + 1 == len(uids):
            return self.kept.database.read(sql, (number, uids[0], uids[-1]))
        return await self.kept.database.scan(lambda connection: rows_of(connection, sql, number, uids))

    async def read(self, uid: int, start: int = 0, length: int | None = None) -> bytes:
        """Return octets of a message."""
        for head, body, file in self.kept.database.read(_READ, (self.number, uid)):
            if file is None:
                whole: bytes = head + body
                return whole if start == 0 and length is None else whole[start:][:length]
            return await self._read_file(head, file, start, length)
        raise NoSuchMessage("The message is gone")

    async def _read_file(self, head: bytes, name: str, start: int, length: int | None) -> bytes:
        first = head[start:][:length]
        left = None if length is None else length - len(first)
        if left == 0:
            return first
        at = max(0, start - len(head))
        try:
            if left is not None and left <= INLINE_OCTETS:
                return first + self.kept.files.read(name, at, left)
            return first + await self.kept.site.in_thread(self.kept.files.read, name, at, left)
        except FileNotFoundError:
            raise NoSuchMessage("The message is gone") from None
        except OSError as error:
            raise Temporary("The message cannot be read now") from error

    # --- changing -------------------------------------------------------------------------------------------------

    async def append(self, message: Message, flags: FlagSet, internal_date: int | None) -> Appended:
        """Add a message."""
        flagsets.checked(flags)
        when = int(self.kept.site.clock.seconds()) if internal_date is None else internal_date

        def insert(prepared: Prepared) -> Awaitable[Appended]:
            insertion = Insertion(prepared, [(self.number, flags)], when)
            return self.kept.database.write_together(append_all, insertion, self._changed, quick=prepared.is_quick(1))

        return await stored(message, self.kept.files, self.kept.site, insert)

    async def store_flags(
        self, uids: Sequence[int], mode: StoreMode, flags: FlagSet, unchanged_since: int | None = None
    ) -> Sequence[int]:
        """Change flags."""
        flagsets.checked(flags)
        change = FlagChange(self.number, uids, mode, flags, unchanged_since)
        quick = _is_quick(uids)
        if quick and change.is_vain(self.kept.database.read):
            return ()
        return (await self.kept.database.write(change.run, self._flags_stored, quick=quick)).refused

    async def expunge(self, uids: Sequence[int], only_deleted: bool = True) -> Sequence[int]:
        """Remove messages."""
        gone, files = await self.kept.database.write(
            lambda connection: changing.expunge(connection, self.number, uids, only_deleted),
            self._changed,
            quick=_is_quick(uids),
        )
        await self.kept.drop(files)
        return gone

    async def copy(self, uids: Sequence[int], target: IMailbox) -> Copied:
        """Copy messages."""
        other = self._same_store(target)
        return await self.kept.database.write(
            lambda connection: changing.copy(connection, self.number, uids, other.number),
            other._changed,
            quick=_is_quick(uids),
        )

    async def move(self, uids: Sequence[int], target: IMailbox) -> Copied:
        """Move messages."""
        other = self._same_store(target)

        def both(result: Copied) -> None:
            self._changed(result)
            other._changed(result)

        return await self.kept.database.write(
            lambda connection: changing.move(connection, self.number, uids, other.number),
            both,
            quick=_is_quick(uids),
        )

    async def claim_recent(self) -> int:
        """Return the first recent UID, and leave none."""
        if (state := await self.state()).recent == state.uidnext:
            return state.recent
        return await self.kept.database.write(
            lambda connection: changing.claim_recent(connection, self.number), quick=True
        )

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Tell of changes."""
        return self.kept.watchers.watch(self.number, changed)

    def _changed(self, _result: object) -> None:
        self.kept.watchers.notify((self.number,))

    def _flags_stored(self, stored: FlagsStored) -> None:
        if stored.modseq:
            self.kept.just_stored = stored
            self._changed(stored)

    def _same_store(self, target: IMailbox) -> SQLiteMailbox:
        if not isinstance(target, SQLiteMailbox) or target.kept is not self.kept:
            raise TypeError("a message is copied within one store")
        return target


def _is_quick(uids: Sequence[int]) -> bool:
    return not uids or uids[-1] - uids[0] < QUICK_ROWS


def _state(rows: Sequence[tuple[Any, ...]]) -> MailboxState:
    if not rows:
        raise NoSuchMailbox("The mailbox is gone")
    return MailboxState(*rows[0])


def _entries(rows: Sequence[tuple[Any, ...]]) -> Entries:
    return Entries([row[0] for row in rows], [flagsets.parsed(row[1]) for row in rows], [row[2] for row in rows])


@lru_cache(maxsize=1000)
def _facts_query(wanted: tuple[Fact, ...]) -> str:
    columns = [_COLUMNS[fact] for fact in wanted]
    joins = "".join(join for table, join in _JOINS.items() if any(f"{table}." in column for column in columns))
    # Every part of this is a constant of this module.
    return (
        f"SELECT {', '.join(['i.uid', *columns])} FROM item i{joins} "  # noqa: S608 - of constants
        "WHERE i.mailbox = ? AND i.uid BETWEEN ? AND ? ORDER BY i.uid"
    )
