"""REQUIRETLS (RFC 8689): the message must never travel without TLS, so it must not have come without it."""

from __future__ import annotations

from attrs import evolve

from mailframe import status as codes
from mailframe.envelope import Envelope
from mailframe.smtp.extension import Extension
from mailframe.smtp.replies import Refused, reply
from mailframe.smtp.session import Session

_ENCRYPTION_NEEDED = reply(530, codes.ENCRYPTION_REQUIRED, "REQUIRETLS needs TLS: send STARTTLS first")


def _ehlo(session: Session) -> str | None:
    return None if session.client.tls is None else "REQUIRETLS"


def _require_tls(session: Session, envelope: Envelope, value: bytes | None) -> Envelope:
    if value is not None:
        raise Refused(reply(501, codes.BAD_ARGUMENTS, "REQUIRETLS has no value"))
    return evolve(envelope, require_tls=True)


EXTENSION = Extension("REQUIRETLS", 8689, _ehlo, mail={b"REQUIRETLS": _require_tls}, withheld=_ENCRYPTION_NEEDED)
