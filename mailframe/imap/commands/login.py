"""AUTHENTICATE and LOGIN (RFC 3501 sections 6.2.2 and 6.2.3)."""

from __future__ import annotations

from attrs import frozen

from mailframe import sasl
from mailframe.errors import BadCredentials, NoSuchAccount
from mailframe.imap.extension import NOT_AUTHENTICATED, Command, Vocabulary
from mailframe.imap.grammar import BadSyntax, Cursor
from mailframe.imap.responses import Status, bad, no, ok
from mailframe.imap.session import Session
from mailframe.interfaces import Password
from mailframe.net.lines import LineTooLong
from mailframe.sasl.exchange import credentials


@frozen
class Authenticate:
    """@ivar initial: the client's first response, still base64 (RFC 4959)."""

    mechanism: bytes
    initial: bytes | None


def parse_login(cursor: Cursor, vocabulary: Vocabulary) -> Password:
    """C{login = "LOGIN" SP userid SP password}"""
    cursor.sp()
    username = cursor.astring()
    cursor.sp()
    password = cursor.astring()
    cursor.end()
    try:
        return credentials(username, password)
    except sasl.SaslError as problem:
        raise BadSyntax(str(problem)) from None


async def login(session: Session, arguments: Password) -> Status:
    """Log in with a password."""
    _demand_privacy(session)
    return await _attempt(session, arguments)


def parse_authenticate(cursor: Cursor, vocabulary: Vocabulary) -> Authenticate:
    """C{authenticate = "AUTHENTICATE" SP auth-type [SP initial-resp]}"""
    cursor.sp()
    mechanism = cursor.word()
    initial = None
    if cursor.accept(b" "):
        initial = cursor.astring()
    cursor.end()
    return Authenticate(mechanism, initial)


async def authenticate(session: Session, arguments: Authenticate) -> Status:
    """Run a SASL exchange."""
    mechanism = sasl.MECHANISMS.get(arguments.mechanism)
    if mechanism is None:
        raise no("There is no such mechanism", b"CANNOT")
    _demand_privacy(session)
    try:
        exchange = mechanism.start()
        step = exchange.respond(None if arguments.initial is None else sasl.decode(arguments.initial))
        while isinstance(step, sasl.Challenge):
            session.wire.write(b"+ %b\r\n" % sasl.encode(step.data))
            step = exchange.respond(sasl.decode(await session.wire.pull(session.reader.line, session.patience)))
    except sasl.SaslError as problem:
        raise bad(str(problem)) from None
    except LineTooLong:
        raise bad("The response is too long") from None
    return await _attempt(session, step)


def _demand_privacy(session: Session) -> None:
    if not session.login.allowed(session.client):
        raise no("Encryption is needed first", b"PRIVACYREQUIRED")


async def _attempt(session: Session, given: Password) -> Status:
    identity = await session.login.attempt(given, session.client)
    try:
        await session.enter(identity)
    except NoSuchAccount:
        raise BadCredentials("Authentication failed") from None
    return ok("Logged in", b"CAPABILITY " + session.capabilities())


COMMANDS = (
    Command(b"LOGIN", NOT_AUTHENTICATED, parse_login, login),
    Command(b"AUTHENTICATE", NOT_AUTHENTICATED, parse_authenticate, authenticate),
)
