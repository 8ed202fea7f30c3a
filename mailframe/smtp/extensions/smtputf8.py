"""SMTPUTF8 (RFC 6531): addresses and header fields in UTF-8, for clients that say so with MAIL.

MAIL and RCPT themselves refuse what is not ASCII without it, Received says C{UTF8SMTP}, and VRFY takes the parameter
and never tells an address.
"""

from __future__ import annotations

from attrs import evolve

from mailframe import status as codes
from mailframe.envelope import Envelope
from mailframe.smtp.extension import Extension
from mailframe.smtp.replies import Refused, reply
from mailframe.smtp.session import Session


def _smtputf8(session: Session, envelope: Envelope, value: bytes | None) -> Envelope:
    if value is not None:
        raise Refused(reply(501, codes.BAD_ARGUMENTS, "SMTPUTF8 has no value"))
    return evolve(envelope, smtputf8=True)


EXTENSION = Extension("SMTPUTF8", 6531, lambda session: "SMTPUTF8", mail={b"SMTPUTF8": _smtputf8})
