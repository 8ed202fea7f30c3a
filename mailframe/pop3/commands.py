"""The commands that need no login, or are the login: CAPA, STLS, USER, PASS, AUTH, QUIT and NOOP."""

from __future__ import annotations

from mailframe import sasl
from mailframe.net.lines import LineTooLong
from mailframe.pop3.session import Command, Refused, Session, State
from mailframe.sasl.exchange import credentials

BOTH = frozenset(State)
BEFORE = frozenset({State.AUTHORIZATION})
AFTER = frozenset({State.TRANSACTION})

ALWAYS = (b"PIPELINING", b"RESP-CODES", b"AUTH-RESP-CODE", b"EXPIRE NEVER")
"""Capabilities that are no command's (RFC 2449 section 6, RFC 3206 section 6)."""


async def capa(session: Session, argument: bytes) -> None:
    """Say what this server can do now (RFC 2449 section 5)."""
    lines = [line for each in session.commands.values() if (line := each.capability(session)) is not None]
    session.ok("Capabilities follow")
    session.wire.write(b"\r\n".join([*lines, *ALWAYS, b".\r\n"]))


async def noop(session: Session, argument: bytes) -> None:
    """Do nothing."""
    session.ok("Done")


async def quit_(session: Session, argument: bytes) -> None:
    """End; what was marked is removed now, and durably, before the client is told so (RFC 1939 section 6)."""
    session.over = True
    if session.drop is not None:
        try:
            await session.drop.remove_deleted()
        except Exception:
            session.refuse("[SYS/TEMP] Some deleted messages not removed")
            raise
    session.ok("Bye")


# --- privacy ----------------------------------------------------------------------------------------------------------


async def stls(session: Session, argument: bytes) -> None:
    """Begin TLS; whatever was said before counts for nothing (RFC 2595 section 4)."""
    if session.client.tls is not None:
        raise Refused("TLS is on already")
    if session.tls_context is None:
        raise Refused("TLS is not offered here")
    session.ok("Begin TLS now")
    session.username = b""
    await session.wire.start_tls(session.tls_context)


def _stls(session: Session) -> bytes | None:
    return b"STLS" if session.tls_context is not None and session.client.tls is None else None


def _demand_privacy(session: Session) -> None:
    if not session.login.allowed(session.client):
        raise Refused("Encryption is needed first: send STLS")


# --- logging in -------------------------------------------------------------------------------------------------------


async def user(session: Session, argument: bytes) -> None:
    """Take the user name; whether it is known is never told."""
    _demand_privacy(session)
    if not argument:
        raise Refused("A user name expected")
    session.username = argument
    session.ok("Now the password")


async def pass_(session: Session, argument: bytes) -> None:
    """Take the password, spaces and all."""
    if not session.username:
        raise Refused("USER comes first")
    username, session.username = session.username, b""
    try:
        given = credentials(username, argument)
    except sasl.SaslError as problem:
        raise Refused(str(problem)) from None
    await session.attempt(given)


def _user(session: Session) -> bytes | None:
    return b"USER" if session.state is State.AUTHORIZATION and session.login.allowed(session.client) else None


async def auth(session: Session, argument: bytes) -> None:
    """Run a SASL exchange (RFC 5034); without a mechanism, list them."""
    if not argument:
        session.ok("Mechanisms follow")
        session.wire.write(b"\r\n".join([*sasl.MECHANISMS, b".\r\n"]))
        return
    _demand_privacy(session)
    name, _space, initial = argument.partition(b" ")
    mechanism = sasl.MECHANISMS.get(name.upper())
    if mechanism is None:
        raise Refused("There is no such mechanism")
    try:
        exchange = mechanism.start()
        step = exchange.respond(sasl.decode(initial) if initial else None)
        while isinstance(step, sasl.Challenge):
            session.wire.write(b"+ %b\r\n" % sasl.encode(step.data))
            step = exchange.respond(sasl.decode(await session.wire.pull(session.reader.sasl_line, session.patience)))
    except sasl.SaslError as problem:
        raise Refused(str(problem)) from None
    except LineTooLong:
        raise Refused("The response is too long") from None
    await session.attempt(step)


def _sasl(session: Session) -> bytes | None:
    return b" ".join([b"SASL", *sasl.MECHANISMS]) if _user(session) else None


COMMANDS = (
    Command(b"CAPA", BOTH, capa),
    Command(b"STLS", BEFORE, stls, _stls),
    Command(b"USER", BEFORE, user, _user),
    Command(b"PASS", BEFORE, pass_),
    Command(b"AUTH", BEFORE, auth, _sasl),
    Command(b"QUIT", BOTH, quit_),
    Command(b"NOOP", AFTER, noop),
)
