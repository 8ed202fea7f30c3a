"""LITERAL+ (RFC 7888): literals without waiting. The reader understands them; this only says so."""

from __future__ import annotations

from collections.abc import Sequence

from mailframe.imap.extension import Extension, State
from mailframe.imap.session import Session


def _capabilities(session: Session) -> Sequence[bytes]:
    # Before login only short literals are taken, which is what LITERAL- promises (RFC 7888 section 5).
    return (b"LITERAL-",) if session.state is State.NOT_AUTHENTICATED else (b"LITERAL+",)


EXTENSION = Extension(b"LITERAL+", 7888, _capabilities)
