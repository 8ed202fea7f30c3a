"""DSN (RFC 3461): which reports about its message the sender wants, and what they shall refer to.

A wish that is well-formed never changes an answer (RFC 3461 5.1).
"""

from __future__ import annotations

from attrs import evolve

from mailframe import status as codes
from mailframe import xtext
from mailframe.envelope import Envelope, Recipient
from mailframe.smtp.extension import Extension
from mailframe.smtp.replies import Refused, reply
from mailframe.smtp.session import Session

ENVID_CHARACTERS = 100
"""RFC 3461 4.4."""
ORCPT_CHARACTERS = 500
"""RFC 3461 4.2."""

_RET = {b"FULL": "FULL", b"HDRS": "HDRS"}
_NOTIFY = {b"SUCCESS": "SUCCESS", b"FAILURE": "FAILURE", b"DELAY": "DELAY"}
_NEVER = frozenset({"NEVER"})


def _refused(text: str) -> Refused:
    return Refused(reply(501, codes.BAD_ARGUMENTS, text))


def _ret(session: Session, envelope: Envelope, value: bytes | None) -> Envelope:
    ret = _RET.get((value or b"").upper())
    if ret is None:
        raise _refused("RET=FULL or RET=HDRS expected")
    return evolve(envelope, ret=ret)


def _envid(session: Session, envelope: Envelope, value: bytes | None) -> Envelope:
    try:
        return evolve(envelope, envid=xtext.decode(_given(value), ENVID_CHARACTERS))
    except ValueError as problem:
        raise _refused(f"Bad ENVID: {problem}") from None


def _notify(session: Session, recipient: Recipient, value: bytes | None) -> Recipient:
    words = (value or b"").upper().split(b",")
    if words == [b"NEVER"]:
        return evolve(recipient, notify=_NEVER)
    if not all(word in _NOTIFY for word in words):
        raise _refused("NOTIFY=NEVER, or a list of SUCCESS, FAILURE and DELAY expected")
    return evolve(recipient, notify=frozenset(_NOTIFY[word] for word in words))


def _orcpt(session: Session, recipient: Recipient, value: bytes | None) -> Recipient:
    try:
        return evolve(recipient, orcpt=xtext.decode_orcpt(_given(value), ORCPT_CHARACTERS))
    except ValueError as problem:
        raise _refused(f"Bad ORCPT: {problem}") from None


def _given(value: bytes | None) -> bytes:
    if value is None:
        raise ValueError("a value expected")
    return value


EXTENSION = Extension(
    "DSN",
    3461,
    # Whoever cannot queue a report must not promise one.
    lambda session: None if session.queue is None else "DSN",
    mail={b"RET": _ret, b"ENVID": _envid},
    rcpt={b"NOTIFY": _notify, b"ORCPT": _orcpt},
)
