"""AUTH (RFC 4954): users prove who they are, where a password may be sent at all."""

from __future__ import annotations

from mailframe import sasl
from mailframe import status as codes
from mailframe.envelope import Envelope
from mailframe.errors import BadCredentials, Temporary
from mailframe.interfaces import Password
from mailframe.net.lines import LineTooLong
from mailframe.sasl.exchange import Cancelled
from mailframe.smtp import replies
from mailframe.smtp.extension import Command, Extension
from mailframe.smtp.replies import Refused, reply
from mailframe.smtp.session import Session


def _ehlo(session: Session) -> str | None:
    if session.login is None or not session.login.allowed(session.client):
        return None
    return " ".join(["AUTH", *(name.decode() for name in sasl.MECHANISMS)])


async def auth(session: Session, argument: bytes) -> None:
    """Run a SASL exchange."""
    if session.login is None:
        raise Refused(replies.UNKNOWN_COMMAND)
    if session.client.identity is not None or session.envelope is not None:
        raise Refused(replies.BAD_SEQUENCE)
    if not session.login.allowed(session.client):
        raise Refused(reply(538, codes.ENCRYPTION_NEEDED, "Encryption required: send STARTTLS first"))
    name, _space, initial = argument.partition(b" ")
    if not name:
        raise Refused(reply(501, codes.BAD_ARGUMENTS, "The name of a mechanism expected"))
    mechanism = sasl.MECHANISMS.get(name.upper())
    if mechanism is None:
        raise Refused(reply(504, codes.BAD_ARGUMENTS, "Unknown authentication mechanism"))
    try:
        credentials = await _exchange(session, mechanism, initial.strip())
    except Cancelled:
        raise Refused(reply(501, codes.POLICY, "Authentication cancelled")) from None
    except (sasl.SaslError, LineTooLong) as problem:
        text = str(problem) or "The response is too long"
        raise Refused(reply(501, codes.BAD_ARGUMENTS, text)) from None
    await _attempt(session, credentials)


async def _exchange(session: Session, mechanism: sasl.Mechanism, initial: bytes) -> Password:
    exchange = mechanism.start()
    step = exchange.respond(sasl.decode(initial) if initial else None)
    while isinstance(step, sasl.Challenge):
        session.wire.write(b"334 %b\r\n" % sasl.encode(step.data))
        line = await session.wire.pull(session.reader.sasl_line, session.role.limits.command_seconds)
        step = exchange.respond(sasl.decode(line))
    return step


async def _attempt(session: Session, credentials: Password) -> None:
    assert session.login is not None
    try:
        session.client.identity = await session.login.attempt(credentials, session.client)
    except BadCredentials:
        raise Refused(reply(535, codes.BAD_CREDENTIALS, "Authentication failed")) from None
    except Temporary:
        raise Refused(reply(454, "4.7.0", "Temporary authentication failure")) from None
    session.answer(reply(235, codes.AUTHENTICATED, "Authentication succeeded"))


def _auth_parameter(session: Session, envelope: Envelope, value: bytes | None) -> Envelope:
    """MAIL's AUTH= says who sent it first; we trust nobody with that, and may ignore it (RFC 4954 5)."""
    return envelope


EXTENSION = Extension(
    "AUTH",
    4954,
    _ehlo,
    commands=(Command(b"AUTH", "AUTH mechanism [initial-response]", auth),),
    mail={b"AUTH": _auth_parameter},
)
