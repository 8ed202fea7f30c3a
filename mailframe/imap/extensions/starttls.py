"""STARTTLS (RFC 3501 section 6.2.1): what the client sent ahead counts for nothing."""

from __future__ import annotations

from collections.abc import Sequence

from mailframe.imap.extension import NOT_AUTHENTICATED, Command, Extension, State
from mailframe.imap.responses import Status, bad, ok
from mailframe.imap.session import Session, no_arguments


def _offered(session: Session) -> bool:
    return session.tls_context is not None and session.client.tls is None


def _capabilities(session: Session) -> Sequence[bytes]:
    return (b"STARTTLS",) if session.state is State.NOT_AUTHENTICATED and _offered(session) else ()


async def starttls(session: Session, arguments: None) -> Status:
    """Begin TLS."""
    if not _offered(session):
        raise bad("TLS is on already" if session.client.tls is not None else "TLS is not offered here")
    session.begin_tls = True
    return ok("Begin TLS now")


EXTENSION = Extension(
    b"STARTTLS",
    3501,
    _capabilities,
    commands=(Command(b"STARTTLS", NOT_AUTHENTICATED, no_arguments, starttls),),
)
