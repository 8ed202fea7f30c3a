"""CAPABILITY, NOOP and LOGOUT (RFC 3501 section 6.1)."""

from __future__ import annotations

from mailframe.imap.extension import ANY, Command
from mailframe.imap.responses import Status, ok
from mailframe.imap.session import Session, no_arguments


async def capability(session: Session, arguments: None) -> Status:
    """Say what this server can do now."""
    session.untagged(b"CAPABILITY " + session.capabilities())
    return ok("Done")


async def noop(session: Session, arguments: None) -> Status:
    """Do nothing: the news come with every command."""
    if session.view is not None:
        await session.view.model.follow()
    return ok("Done")


async def logout(session: Session, arguments: None) -> Status:
    """Part."""
    session.bye("See you")
    return ok("Logged out")


COMMANDS = (
    Command(b"CAPABILITY", ANY, no_arguments, capability),
    Command(b"NOOP", ANY, no_arguments, noop),
    Command(b"LOGOUT", ANY, no_arguments, logout),
)
