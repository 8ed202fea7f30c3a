"""SIZE (RFC 1870): a message that is too long is refused before it is sent."""

from __future__ import annotations

from mailframe import status as codes
from mailframe.envelope import Envelope
from mailframe.smtp import replies
from mailframe.smtp.extension import Extension
from mailframe.smtp.replies import Refused, reply
from mailframe.smtp.session import Session


def _size(session: Session, envelope: Envelope, value: bytes | None) -> Envelope:
    if value is None or not value.isdigit() or len(value) > 20:
        raise Refused(reply(501, codes.BAD_ARGUMENTS, "SIZE=octets expected"))
    if int(value) > session.role.limits.message:
        raise Refused(replies.TOO_LARGE)
    return envelope


EXTENSION = Extension("SIZE", 1870, lambda session: f"SIZE {session.role.limits.message}", mail={b"SIZE": _size})
