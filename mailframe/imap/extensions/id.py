"""ID (RFC 2971): client and server tell their names; ours has no version, which would only help attackers."""

from __future__ import annotations

from twisted.logger import Logger

from mailframe.imap.extension import ANY, Command, Extension, Vocabulary
from mailframe.imap.grammar import BadSyntax, Cursor
from mailframe.imap.responses import Status, ok
from mailframe.imap.session import Session

_log = Logger()

FIELDS = 30
"""Field-value pairs that a client may send (RFC 2971 section 3.3)."""
LOGGED = 64
"""Octets of a client's name in the log."""


def parse(cursor: Cursor, vocabulary: Vocabulary) -> dict[bytes, bytes | None]:
    """C{SP id-params-list}"""
    cursor.sp()
    fields: list[bytes | None] = []
    if cursor.peek(b"("):
        fields = cursor.parenthesized(cursor.nstring, FIELDS * 2, empty=True)
    elif cursor.nstring() is not None:
        raise BadSyntax("a list or NIL expected")
    cursor.end()
    if len(fields) % 2:
        raise BadSyntax("a value for each field expected")
    return {(name or b"").lower(): value for name, value in zip(fields[::2], fields[1::2], strict=True)}


async def id_(session: Session, fields: dict[bytes, bytes | None]) -> Status:
    """Tell who we are, and note who the client is."""
    if name := fields.get(b"name"):
        _log.info("{session} client is {name!r}", session=session.client.session, name=name[:LOGGED])
    session.untagged(b'ID ("name" "mailframe")')
    return ok("Done")


EXTENSION = Extension(b"ID", 2971, lambda session: (b"ID",), commands=(Command(b"ID", ANY, parse, id_),))
