"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, LIST, LSUB and STATUS (RFC 3501 sections 6.3.3 to 6.3.10)."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from mailframe.imap import names, writing
from mailframe.imap.extension import AUTHENTICATED, Command, Parse, Vocabulary
from mailframe.imap.grammar import BadSyntax, Cursor
from mailframe.imap.responses import Status, ok
from mailframe.imap.session import Session
from mailframe.interfaces import MailboxState

DONE = ok("Done")


def parse_mailbox(cursor: Cursor, vocabulary: Vocabulary) -> str:
    """C{SP mailbox}"""
    cursor.sp()
    name = cursor.mailbox()
    cursor.end()
    return name


def parse_two(cursor: Cursor, vocabulary: Vocabulary) -> tuple[str, str]:
    """C{SP mailbox SP mailbox}"""
    cursor.sp()
    first = cursor.mailbox()
    cursor.sp()
    second = cursor.mailbox()
    cursor.end()
    return first, second


async def create(session: Session, name: str) -> Status:
    """Make a mailbox; a final separator only says that others will come below it."""
    await session.mailboxes().create(names.checked(name.removesuffix(names.SEPARATOR)))
    return DONE


async def delete(session: Session, name: str) -> Status:
    """Remove a mailbox."""
    await session.mailboxes().delete(name)
    return DONE


async def rename(session: Session, arguments: tuple[str, str]) -> Status:
    """Rename a mailbox."""
    await session.mailboxes().rename(arguments[0], names.checked(arguments[1].removesuffix(names.SEPARATOR)))
    return DONE


async def subscribe(session: Session, name: str) -> Status:
    """Add a subscription."""
    await session.mailboxes().subscribe(names.checked(name), True)
    return DONE


async def unsubscribe(session: Session, name: str) -> Status:
    """Remove a subscription."""
    await session.mailboxes().subscribe(name, False)
    return DONE


# --- LIST and LSUB ----------------------------------------------------------------------------------------------------


@frozen
class Listing:
    """The arguments of LIST and LSUB."""

    reference: str
    pattern: str


def parse_list(cursor: Cursor, vocabulary: Vocabulary) -> Listing:
    """C{SP mailbox SP list-mailbox}"""
    cursor.sp()
    reference = cursor.mailbox()
    cursor.sp()
    pattern = cursor.list_mailbox()
    cursor.end()
    return Listing(reference, pattern)


async def list_(session: Session, arguments: Listing) -> Status:
    """Show mailboxes."""
    if not arguments.pattern:
        session.untagged(b'LIST (\\Noselect) "/" ""')
        return DONE
    every = await session.mailboxes().mailboxes()
    selectable = {info.name for info in every if info.selectable}
    known = names.with_parents([info.name for info in every])
    parents = names.have_children(known)
    for name in names.matching(arguments.reference + arguments.pattern, known):
        attributes = [b"\\HasChildren" if name in parents else b"\\HasNoChildren"]
        if name not in selectable:
            attributes.insert(0, b"\\Noselect")
        session.untagged(b'LIST (%b) "/" %b' % (b" ".join(attributes), writing.mailbox(name)))
    return DONE


async def lsub(session: Session, arguments: Listing) -> Status:
    """Show subscriptions; a parent that only its children make visible is C{\\Noselect} (RFC 3501 6.3.9)."""
    known = names.with_parents(await session.mailboxes().subscriptions())
    pattern = arguments.reference + arguments.pattern
    for name in names.matching(pattern, known):
        if known[name]:
            session.untagged(b'LSUB () "/" %b' % writing.mailbox(name))
        elif pattern.endswith("%"):
            session.untagged(b'LSUB (\\Noselect) "/" %b' % writing.mailbox(name))
    return DONE


# --- STATUS -----------------------------------------------------------------------------------------------------------


@frozen
class StatusRequest:
    """The arguments of STATUS."""

    name: str
    items: tuple[tuple[bytes, Callable[[MailboxState], int]], ...]


def parse_status(cursor: Cursor, vocabulary: Vocabulary) -> StatusRequest:
    """C{SP mailbox SP "(" status-att *(SP status-att) ")"}"""
    cursor.sp()
    name = cursor.mailbox()
    cursor.sp()

    def item() -> tuple[bytes, Callable[[MailboxState], int]]:
        word = cursor.word()
        if word not in vocabulary.status_items:
            raise BadSyntax(f"{word.decode()} is no STATUS item")
        return word, vocabulary.status_items[word]

    items = cursor.parenthesized(item, len(vocabulary.status_items) * 2)
    cursor.end()
    return StatusRequest(name, tuple(items))


async def status(session: Session, arguments: StatusRequest) -> Status:
    """Tell the numbers of a mailbox."""
    state = await (await session.mailboxes().mailbox(arguments.name)).state()
    if any(word == b"HIGHESTMODSEQ" for word, _item in arguments.items):
        session.turn_condstore_on()
    items = b" ".join(b"%b %d" % (word, item(state)) for word, item in arguments.items)
    session.untagged(b"STATUS %b (%b)" % (writing.mailbox(arguments.name), items))
    return DONE


_PARSE_MAILBOX: Parse = parse_mailbox

COMMANDS = (
    Command(b"CREATE", AUTHENTICATED, _PARSE_MAILBOX, create),
    Command(b"DELETE", AUTHENTICATED, _PARSE_MAILBOX, delete),
    Command(b"RENAME", AUTHENTICATED, parse_two, rename),
    Command(b"SUBSCRIBE", AUTHENTICATED, _PARSE_MAILBOX, subscribe),
    Command(b"UNSUBSCRIBE", AUTHENTICATED, _PARSE_MAILBOX, unsubscribe),
    Command(b"LIST", AUTHENTICATED, parse_list, list_),
    Command(b"LSUB", AUTHENTICATED, parse_list, lsub),
    Command(b"STATUS", AUTHENTICATED, parse_status, status),
)
