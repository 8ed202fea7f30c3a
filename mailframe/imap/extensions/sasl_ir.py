"""SASL-IR (RFC 4959): AUTHENTICATE takes the client's first response with it."""

from __future__ import annotations

from mailframe.imap.extension import Extension, State

EXTENSION = Extension(
    b"SASL-IR", 4959, lambda session: (b"SASL-IR",) if session.state is State.NOT_AUTHENTICATED else ()
)
