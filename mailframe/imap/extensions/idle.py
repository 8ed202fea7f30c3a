"""IDLE (RFC 2177): the client waits, and is told of every change at once."""

from __future__ import annotations

from mailframe.imap.extension import AUTHENTICATED, Command, Extension
from mailframe.imap.responses import Status, bad, ok
from mailframe.imap.session import Session, no_arguments
from mailframe.net.lines import LineTooLong


async def idle(session: Session, arguments: None) -> Status:
    """Tell the news until the client says DONE."""
    session.wire.write(b"+ idling\r\n")
    deadline = session.site.clock.seconds() + session.limits.autologout_seconds
    session.watch(True)
    try:
        while True:
            await session.tell(expunges=True)
            line = session.reader.line()
            if line is not None:
                break
            if session.view is None and session.over:
                return ok("The mailbox is gone")
            await session.wire.wait(deadline - session.site.clock.seconds())
    except LineTooLong:
        raise bad("DONE expected") from None
    finally:
        session.watch(False)
    if line.upper() != b"DONE":
        raise bad("DONE expected")
    return ok("Done")


EXTENSION = Extension(
    b"IDLE", 2177, lambda session: (b"IDLE",), commands=(Command(b"IDLE", AUTHENTICATED, no_arguments, idle),)
)
