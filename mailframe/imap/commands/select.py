"""SELECT, EXAMINE, CHECK, CLOSE and EXPUNGE (RFC 3501 sections 6.3.1, 6.3.2 and 6.4.1 to 6.4.3)."""

from __future__ import annotations

from attrs import frozen

from mailframe.imap.extension import AUTHENTICATED, SELECTED, Command, Vocabulary
from mailframe.imap.grammar import BadSyntax, Cursor
from mailframe.imap.responses import Status, ok
from mailframe.imap.session import Session, no_arguments
from mailframe.imap.view import View
from mailframe.interfaces import DELETED, SEEN

_SYSTEM = b"\\Answered \\Flagged \\Deleted \\Seen \\Draft"


@frozen
class Selection:
    """The arguments of SELECT; with CONDSTORE (RFC 7162 3.1.8)."""

    name: str
    condstore: bool


def parse_select(cursor: Cursor, vocabulary: Vocabulary) -> Selection:
    """C{SP mailbox [SP "(" select-param ")"]} (RFC 4466)"""
    cursor.sp()
    name = cursor.mailbox()
    condstore = False
    if cursor.accept(b" "):
        words = cursor.parenthesized(cursor.word, 10)
        if words != [b"CONDSTORE"]:
            raise BadSyntax("an unknown parameter of SELECT")
        condstore = True
    cursor.end()
    return Selection(name, condstore)


async def select(session: Session, arguments: Selection) -> Status:
    """Open a mailbox to change it."""
    return await _open(session, arguments, read_only=False)


async def examine(session: Session, arguments: Selection) -> Status:
    """Open a mailbox to look at it."""
    return await _open(session, arguments, read_only=True)


async def _open(session: Session, arguments: Selection, read_only: bool) -> Status:
    if arguments.condstore:
        session.turn_condstore_on()
    view = await session.select(arguments.name, read_only)
    keywords = sorted({flag for flags in set(view.model.flags) for flag in flags if not flag.startswith("\\")})
    flags = b" ".join([_SYSTEM, *(keyword.encode("ascii", "replace") for keyword in keywords)])
    session.untagged(b"FLAGS (%b)" % flags)
    permanent = b"" if read_only else flags + b" \\*"
    session.untagged(b"OK [PERMANENTFLAGS (%b)] These can be changed" % permanent)
    session.untagged(b"%d EXISTS" % view.count)
    session.untagged(b"%d RECENT" % view.recent_count)
    _first_unseen(session, view)
    state = view.model.state
    session.untagged(b"OK [UIDVALIDITY %d] UIDs are valid" % state.uidvalidity)
    session.untagged(b"OK [UIDNEXT %d] The next UID" % state.uidnext)
    if state.highestmodseq:
        session.untagged(b"OK [HIGHESTMODSEQ %d] The latest change" % state.highestmodseq)
    else:
        session.untagged(b"OK [NOMODSEQ] This mailbox keeps no mod-sequences")
    return ok("Opened read-only", b"READ-ONLY") if read_only else ok("Opened", b"READ-WRITE")


def _first_unseen(session: Session, view: View) -> None:
    first = next((number for number, flags in enumerate(view.model.flags, 1) if SEEN not in flags), None)
    if first is not None:
        session.untagged(b"OK [UNSEEN %d] The first unseen message" % first)


async def check(session: Session, arguments: None) -> Status:
    """All is durable anyway."""
    await session.selected().model.follow()
    return ok("Done")


async def expunge(session: Session, arguments: None) -> Status:
    """Remove what is marked deleted."""
    view = session.writable()
    await remove_deleted(view)
    await view.model.follow()
    return ok("Done")


async def remove_deleted(view: View) -> None:
    """Remove the messages that the client knows and that are marked."""
    rows = view.rows(view.everything())
    marked = [uid for uid, flags in zip(rows.uids, rows.flags, strict=True) if DELETED in flags]
    if marked:
        await view.model.mailbox.expunge(marked)


async def close(session: Session, arguments: None) -> Status:
    """Remove what is marked deleted without telling, and close."""
    view = session.selected()
    if not view.read_only:
        await remove_deleted(view)
    session.unselect()
    return ok("Closed")


COMMANDS = (
    Command(b"SELECT", AUTHENTICATED, parse_select, select),
    Command(b"EXAMINE", AUTHENTICATED, parse_select, examine),
    Command(b"CHECK", SELECTED, no_arguments, check),
    Command(b"EXPUNGE", SELECTED, no_arguments, expunge),
    Command(b"CLOSE", SELECTED, no_arguments, close),
)
