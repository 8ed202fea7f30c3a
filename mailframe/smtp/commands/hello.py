"""HELO, EHLO (RFC 5321 section 4.1.1.1) and LHLO (RFC 2033 section 4.1)."""

from __future__ import annotations

from mailframe.hooks import HelloEvent
from mailframe.smtp.extension import Command
from mailframe.smtp.grammar import helo_name
from mailframe.smtp.noting import consult
from mailframe.smtp.replies import known_reply
from mailframe.smtp.session import Session, refuse


async def _hello(session: Session, argument: bytes) -> str:
    """Take the name, and return the first line of the answer."""
    client, name = session.client, helo_name(argument)
    if client.tls is not None:
        client.tls = session.wire.tls  # the handshake may not have been over when it was first looked at
    if session.role.at_hello:
        await _ask(session, name)
    client.helo = name
    session.reset()
    session.greeted = True
    return f"{session.site.hostname} greets {name}"


async def _ask(session: Session, name: str) -> None:
    """Ask the hooks; a name that is refused was never said (RFC 5321 4.1.4)."""
    client = session.client
    before, client.helo = client.helo, name
    try:
        discards = refuse(await consult(session, "hello", session.role.at_hello, HelloEvent(client)))
    finally:
        client.helo = before
    session.discards_all |= discards


async def helo(session: Session, argument: bytes) -> None:
    """HELO: no extensions."""
    first = await _hello(session, argument)
    session.extended = False
    session.answer(known_reply(250, "", first))


async def ehlo(session: Session, argument: bytes) -> None:
    """EHLO and LHLO: the extensions, a line each."""
    first = await _hello(session, argument)
    session.extended = True
    lines = (extension.ehlo(session) for extension in session.vocabulary.extensions)
    session.answer(known_reply(250, "", first, *(line for line in lines if line is not None)))


COMMANDS = (
    Command(b"HELO", "HELO host", helo, greeted=False),
    Command(b"EHLO", "EHLO host", ehlo, greeted=False),
    Command(b"LHLO", "LHLO host", ehlo, greeted=False),
)
