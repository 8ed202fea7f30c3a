"""STARTTLS (RFC 3207): whatever was said before counts for nothing."""

from __future__ import annotations

from mailframe import status as codes
from mailframe.smtp.extension import Command, Extension
from mailframe.smtp.replies import Refused, reply
from mailframe.smtp.session import Session


def _ehlo(session: Session) -> str | None:
    return "STARTTLS" if session.tls_context is not None and session.client.tls is None else None


async def starttls(session: Session, argument: bytes) -> None:
    """Begin TLS."""
    if session.client.tls is not None:
        raise Refused(reply(503, codes.BAD_COMMAND, "TLS is on already"))
    if session.tls_context is None:
        raise Refused(reply(502, codes.BAD_COMMAND, "TLS is not offered here"))
    session.wire.write(bytes(reply(220, codes.OK, "Ready to start TLS")))
    session.forget_all()
    await session.wire.start_tls(session.tls_context)


EXTENSION = Extension("STARTTLS", 3207, _ehlo, commands=(Command(b"STARTTLS", "STARTTLS", starttls, argument=False),))
