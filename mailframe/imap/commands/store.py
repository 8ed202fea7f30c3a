"""STORE and COPY, and their UID forms (RFC 3501 sections 6.4.6 to 6.4.8), with UNCHANGEDSINCE (RFC 7162 3.1.3)."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from mailframe import flagsets
from mailframe.errors import NoSuchMailbox
from mailframe.imap.extension import SELECTED, Command, Run, Vocabulary
from mailframe.imap.fetching import Rows
from mailframe.imap.grammar import BadSyntax, Cursor
from mailframe.imap.responses import Status, no, ok
from mailframe.imap.sequence_set import SequenceSet, format_set
from mailframe.imap.session import Session
from mailframe.imap.view import View
from mailframe.interfaces import Copied, FlagSet, IMailbox, StoreMode

_MODES = {b"FLAGS": StoreMode.SET, b"+FLAGS": StoreMode.ADD, b"-FLAGS": StoreMode.REMOVE}


@frozen
class Store:
    """
    The arguments of STORE.

    @ivar silent: the client does not want to be told the flags.
    """

    numbers: SequenceSet
    mode: StoreMode
    silent: bool
    flags: FlagSet
    unchanged_since: int | None


def parse_store(cursor: Cursor, vocabulary: Vocabulary) -> Store:
    """C{SP sequence-set [SP "(" "UNCHANGEDSINCE" SP mod-sequence-valzer ")"] SP store-att-flags}"""
    cursor.sp()
    numbers = cursor.sequence_set()
    cursor.sp()
    unchanged_since = None
    if cursor.accept(b"("):
        if cursor.word() != b"UNCHANGEDSINCE":
            raise BadSyntax("an unknown modifier of STORE")
        cursor.sp()
        unchanged_since = cursor.mod_sequence_valzer()
        cursor.expect(b")")
        cursor.sp()
    word = cursor.word()
    mode = _MODES.get(word.removesuffix(b".SILENT"))
    if mode is None:
        raise BadSyntax("FLAGS, +FLAGS or -FLAGS expected")
    cursor.sp()
    flags = cursor.store_flags()
    cursor.end()
    return Store(numbers, mode, word.endswith(b".SILENT"), flags, unchanged_since)


def _store(by_uid: bool) -> Run:
    async def store(session: Session, arguments: Store) -> Status:
        view = session.writable()
        if arguments.unchanged_since is not None:
            session.turn_condstore_on()
        positions = view.positions(arguments.numbers, by_uid)
        before = view.rows(positions)
        # What the client did not know of before it will still have to be told.
        untold = view.pending
        refused = await view.model.mailbox.store_flags(
            before.uids, arguments.mode, arguments.flags, arguments.unchanged_since
        )
        await view.model.follow()
        after = view.rows(positions)
        told = after.without(view.gone.union(refused))
        if arguments.silent:
            told = told.without(untold | _changed_by_others(arguments, before, after))
        view.forget_change(told.uids)
        if told.uids and (view.condstore or not arguments.silent):
            session.wire.write(told.lines(by_uid or view.condstore, not arguments.silent, view.condstore))
        return _stored(view, refused, by_uid)

    return store


def _changed_by_others(arguments: Store, before: Rows, after: Rows) -> frozenset[int]:
    """Return the UIDs of messages that another session has changed at the same time: what they are is news."""
    outcomes = {flags: flagsets.changed(flags, arguments.mode, arguments.flags) for flags in set(before.flags)}
    expected = list(map(outcomes.__getitem__, before.flags))
    if expected == after.flags:
        return frozenset()
    return frozenset(uid for uid, own, now in zip(after.uids, expected, after.flags, strict=True) if own != now)


def _stored(view: View, refused: Sequence[int], by_uid: bool) -> Status:
    if not refused:
        return ok("Done")
    numbers = refused if by_uid else [number for uid in refused if (number := view.number(uid)) is not None]
    return ok("Some messages have changed since", b"MODIFIED " + format_set(numbers))


# --- COPY -------------------------------------------------------------------------------------------------------------


@frozen
class Copy:
    """The arguments of COPY, and of MOVE."""

    numbers: SequenceSet
    name: str


def parse_copy(cursor: Cursor, vocabulary: Vocabulary) -> Copy:
    """C{SP sequence-set SP mailbox}"""
    cursor.sp()
    numbers = cursor.sequence_set()
    cursor.sp()
    name = cursor.mailbox()
    cursor.end()
    return Copy(numbers, name)


async def target_of(session: Session, arguments: Copy) -> IMailbox:
    """
    Open the mailbox that gets the copies.

    @raise Status: there is none; the client may create it.
    """
    try:
        return await session.mailboxes().mailbox(arguments.name)
    except NoSuchMailbox:
        raise no("There is no such mailbox", b"TRYCREATE") from None


def copied_code(copied: Copied) -> bytes:
    """C{resp-code-copy} (RFC 4315 section 3); empty when nothing was copied."""
    if not copied.source:
        return b""
    return b"COPYUID %d %b %b" % (copied.uidvalidity, format_set(copied.source), format_set(copied.target))


def _copy(by_uid: bool) -> Run:
    async def copy(session: Session, arguments: Copy) -> Status:
        view = session.selected()
        uids = view.rows(view.positions(arguments.numbers, by_uid)).uids
        copied = await view.model.mailbox.copy(uids, await target_of(session, arguments))
        await view.model.follow()
        return ok("Copied", copied_code(copied))

    return copy


COMMANDS = (
    Command(b"STORE", SELECTED, parse_store, _store(by_uid=False), keeps_numbers=True),
    Command(b"UID STORE", SELECTED, parse_store, _store(by_uid=True)),
    Command(b"COPY", SELECTED, parse_copy, _copy(by_uid=False)),
    Command(b"UID COPY", SELECTED, parse_copy, _copy(by_uid=True)),
)
