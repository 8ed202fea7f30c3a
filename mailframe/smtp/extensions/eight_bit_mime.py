"""8BITMIME (RFC 6152): octets are stored as they come, so there is only a parameter to check.

Its BODY is the parameter of BINARYMIME (RFC 3030), too.
"""

from __future__ import annotations

from attrs import evolve

from mailframe import status as codes
from mailframe.envelope import Envelope
from mailframe.smtp.extension import Extension
from mailframe.smtp.replies import Refused, reply
from mailframe.smtp.session import Session

_BODIES = {b"7BIT": "7BIT", b"8BITMIME": "8BITMIME", b"BINARYMIME": "BINARYMIME"}


def _body(session: Session, envelope: Envelope, value: bytes | None) -> Envelope:
    body = _BODIES.get((value or b"").upper())
    if body is None:
        raise Refused(reply(501, codes.BAD_ARGUMENTS, "BODY=7BIT, BODY=8BITMIME or BODY=BINARYMIME expected"))
    return evolve(envelope, body=body)


EXTENSION = Extension("8BITMIME", 6152, lambda session: "8BITMIME", mail={b"BODY": _body})
