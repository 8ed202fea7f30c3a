"""UNSELECT (RFC 3691): close the mailbox and remove nothing."""

from __future__ import annotations

from mailframe.imap.extension import SELECTED, Command, Extension
from mailframe.imap.responses import Status, ok
from mailframe.imap.session import Session, no_arguments


async def unselect(session: Session, arguments: None) -> Status:
    """Close."""
    session.unselect()
    return ok("Closed")


EXTENSION = Extension(
    b"UNSELECT",
    3691,
    lambda session: (b"UNSELECT",),
    commands=(Command(b"UNSELECT", SELECTED, no_arguments, unselect),),
)
