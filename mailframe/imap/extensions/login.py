"""AUTH= and LOGINDISABLED (RFC 3501 sections 6.2.3 and 7.2.1): how one may log in on this connection."""

from __future__ import annotations

from collections.abc import Sequence

from mailframe import sasl
from mailframe.imap.extension import Extension, State
from mailframe.imap.session import Session


def _capabilities(session: Session) -> Sequence[bytes]:
    if session.state is not State.NOT_AUTHENTICATED:
        return ()
    if not session.login.allowed(session.client):
        return (b"LOGINDISABLED",)
    return [b"AUTH=" + name for name in sasl.MECHANISMS]


EXTENSION = Extension(b"AUTH", 3501, _capabilities)
