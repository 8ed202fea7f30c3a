"""FETCH and UID FETCH (RFC 3501 sections 6.4.5 and 6.4.8), with CHANGEDSINCE (RFC 7162 section 3.1.4.1)."""

from __future__ import annotations

from attrs import evolve, frozen

from mailframe.imap import fetching
from mailframe.imap.extension import SELECTED, Command, Parse, Run, Vocabulary
from mailframe.imap.fetch_items import FetchItem, FetchRequest, FlagsItem, ModseqItem, UidItem, parse_items
from mailframe.imap.fetching import Rows
from mailframe.imap.grammar import BadSyntax, Cursor
from mailframe.imap.responses import Status, ok
from mailframe.imap.sequence_set import SequenceSet
from mailframe.imap.session import Session
from mailframe.imap.view import View
from mailframe.interfaces import SEEN, StoreMode


@frozen
class Fetch:
    """The arguments of FETCH."""

    numbers: SequenceSet
    request: FetchRequest


def parse_fetch(cursor: Cursor, vocabulary: Vocabulary) -> Fetch:
    """C{SP sequence-set SP fetch-atts [SP "(" fetch-modifier ")"]}"""
    cursor.sp()
    numbers = cursor.sequence_set()
    cursor.sp()
    items = parse_items(cursor, vocabulary.fetch_items)
    changed_since = None
    if cursor.accept(b" "):
        cursor.expect(b"(")
        if cursor.word() != b"CHANGEDSINCE":
            raise BadSyntax("an unknown modifier of FETCH")
        cursor.sp()
        changed_since = cursor.mod_sequence_valzer()
        cursor.expect(b")")
    cursor.end()
    return Fetch(numbers, FetchRequest(items, changed_since))


def _parse_uid_fetch(cursor: Cursor, vocabulary: Vocabulary) -> Fetch:
    """With UID in every answer, asked for or not (RFC 3501 6.4.8)."""
    fetch = parse_fetch(cursor, vocabulary)
    if UidItem() in fetch.request.items:
        return fetch
    return evolve(fetch, request=evolve(fetch.request, items=(UidItem(), *fetch.request.items)))


def _run(by_uid: bool) -> Run:
    async def fetch(session: Session, arguments: Fetch) -> Status:
        view = session.selected()
        request = arguments.request
        if request.changed_since is not None or ModseqItem() in request.items:
            session.turn_condstore_on()
        if request.changed_since is not None and ModseqItem() not in request.items:
            request = evolve(request, items=(*request.items, ModseqItem()))
        rows = view.rows(view.positions(arguments.numbers, by_uid))
        if request.changed_since is not None:
            rows = _changed_since(rows, request.changed_since)
        if fetching.marks_seen(request) and not view.read_only:
            rows, request = await _mark_seen(view, rows, request)
        complete = await fetching.fetch(request, view.model.mailbox, rows, session)
        if not complete:
            await view.model.follow()
            return ok("Some messages are gone", b"EXPUNGEISSUED")
        return ok("Done")

    return fetch


def _changed_since(rows: Rows, modseq: int) -> Rows:
    return rows.only([uid for uid, changed in zip(rows.uids, rows.modseqs, strict=True) if changed > modseq])


async def _mark_seen(view: View, rows: Rows, request: FetchRequest) -> tuple[Rows, FetchRequest]:
    """Mark what is about to be read; the answers then tell the flags, and nobody needs to tell them again."""
    unseen = [uid for uid, flags in zip(rows.uids, rows.flags, strict=True) if SEEN not in flags]
    if not unseen:
        return rows, request
    await view.model.mailbox.store_flags(unseen, StoreMode.ADD, frozenset({SEEN}))
    await view.model.follow()
    view.forget_change(unseen)
    told: list[FetchItem] = [item for item in (FlagsItem(),) if item not in request.items]
    if view.condstore and ModseqItem() not in request.items:
        told.append(ModseqItem())
    positions = [range(number - 1, number) for number in rows.numbers]
    return view.rows(positions), evolve(request, items=(*request.items, *told))


_UID: Parse = _parse_uid_fetch
COMMANDS = (
    Command(b"FETCH", SELECTED, parse_fetch, _run(by_uid=False), keeps_numbers=True),
    Command(b"UID FETCH", SELECTED, _UID, _run(by_uid=True)),
)
