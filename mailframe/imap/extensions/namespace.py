"""NAMESPACE (RFC 2342): there is one, the user's own, and its levels are separated by a slash."""

from __future__ import annotations

from mailframe.imap.extension import AUTHENTICATED, Command, Extension
from mailframe.imap.responses import Status, ok
from mailframe.imap.session import Session, no_arguments


async def namespace(session: Session, arguments: None) -> Status:
    """Tell the namespaces."""
    session.untagged(b'NAMESPACE (("" "/")) NIL NIL')
    return ok("Done")


EXTENSION = Extension(
    b"NAMESPACE",
    2342,
    lambda session: (b"NAMESPACE",),
    commands=(Command(b"NAMESPACE", AUTHENTICATED, no_arguments, namespace),),
)
