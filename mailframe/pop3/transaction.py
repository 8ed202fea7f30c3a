"""The commands of the TRANSACTION state: STAT, LIST, UIDL, RETR, TOP, DELE and RSET (RFC 1939 sections 5 and 7)."""

from __future__ import annotations

from collections.abc import Callable

from mailframe.errors import NoSuchMessage
from mailframe.net.conversation import ConnectionGone
from mailframe.pop3.commands import AFTER
from mailframe.pop3.grammar import numbers
from mailframe.pop3.maildrop import Maildrop, Stuffing
from mailframe.pop3.session import Command, Refused, Session

PIECE = 256 * 1024
"""Octets of a message in memory at a time."""


async def stat(session: Session, argument: bytes) -> None:
    """Tell how many messages there are, and their octets."""
    drop = session.maildrop()
    there = drop.there()
    session.ok(f"{len(there)} {sum(map(drop.size, there))}")


def _listing(line: Callable[[Maildrop, int], bytes]) -> Callable[[Session, bytes], None]:
    """Return what answers LIST and UIDL: for one message, or for all."""

    def run(session: Session, argument: bytes) -> None:
        drop = session.maildrop()
        if argument:
            number = _number(drop, argument)
            session.wire.write(b"+OK %d %b\r\n" % (number, line(drop, number)))
            return
        there = drop.there()
        session.ok(f"{len(there)} messages")
        session.wire.write(b"".join(b"%d %b\r\n" % (number, line(drop, number)) for number in there) + b".\r\n")

    return run


_list = _listing(lambda drop, number: b"%d" % drop.size(number))
_uidl = _listing(lambda drop, number: drop.unique_id(number))


async def list_(session: Session, argument: bytes) -> None:
    """Tell sizes."""
    _list(session, argument)


async def uidl(session: Session, argument: bytes) -> None:
    """Tell unique ids."""
    _uidl(session, argument)


def _number(drop: Maildrop, argument: bytes) -> int:
    return _known(drop, numbers(argument, 1, 1)[0])


def _known(drop: Maildrop, number: int) -> int:
    if number not in drop:
        raise Refused("There is no such message")
    return number


async def retr(session: Session, argument: bytes) -> None:
    """Send a message."""
    drop = session.maildrop()
    number = _number(drop, argument)
    await _send(session, drop, number, drop.size(number))


async def _send(session: Session, drop: Maildrop, number: int, octets: int) -> None:
    """Send the first octets of a message; nothing is said before they are there."""
    uid, at, stuffing = drop.uids[number - 1], 0, Stuffing()
    try:
        piece = await drop.mailbox.read(uid, 0, min(PIECE, octets))
    except NoSuchMessage:
        raise Refused("The message is gone") from None
    session.ok(f"{octets} octets")
    while True:
        session.wire.write(stuffing.piece(piece))
        at += len(piece)
        if at >= octets or not piece:
            break
        await session.wire.drained(session.limits.drain_seconds)
        try:
            piece = await drop.mailbox.read(uid, at, min(PIECE, octets - at))
        except NoSuchMessage:
            raise ConnectionGone from None  # half of it is out: only the end of the connection says that it is half
    session.wire.write(stuffing.end())


async def top(session: Session, argument: bytes) -> None:
    """Send the header and some lines of the body."""
    drop = session.maildrop()
    number, lines = numbers(argument, 2, 2)
    _known(drop, number)
    await _send(session, drop, number, await _top_octets(drop, number, lines))


async def _top_octets(drop: Maildrop, number: int, lines: int) -> int:
    """Return how many octets the header and so many lines have."""
    uid, size = drop.uids[number - 1], drop.size(number)
    at, in_header = 0, True
    tail = b"\r\n"
    while at < size:
        try:
            piece = await drop.mailbox.read(uid, at, PIECE)
        except NoSuchMessage:
            raise Refused("The message is gone") from None
        if not piece:
            break
        data, offset = tail + piece, at - len(tail)
        start = 0
        if in_header:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                tail, at = data[-3:], at + len(piece)
                continue
            in_header, start = False, end + 4
        while lines and (end := data.find(b"\n", start)) >= 0:
            start, lines = end + 1, lines - 1
        if not lines:
            return offset + start
        tail, at = b"", at + len(piece)
    return size


async def dele(session: Session, argument: bytes) -> None:
    """Mark a message; it is removed at QUIT."""
    drop = session.maildrop()
    drop.deleted.add(_number(drop, argument))
    session.ok("Marked")


async def rset(session: Session, argument: bytes) -> None:
    """Forget the marks."""
    session.maildrop().deleted.clear()
    session.ok("No marks")


COMMANDS = (
    Command(b"STAT", AFTER, stat),
    Command(b"LIST", AFTER, list_),
    Command(b"UIDL", AFTER, uidl, lambda session: b"UIDL"),
    Command(b"RETR", AFTER, retr),
    Command(b"TOP", AFTER, top, lambda session: b"TOP"),
    Command(b"DELE", AFTER, dele),
    Command(b"RSET", AFTER, rset),
)
