"""HELO, EHLO (RFC 5321 section 4.1.1.1) and LHLO (RFC 2033 section 4.1)."""

from __future__ import annotations

from mailframe.hooks import HelloEvent, ask
from mailframe.smtp.extension import Command
from mailframe.smtp.grammar import helo_name
from mailframe.smtp.replies import reply
from mailframe.smtp.session import Session, refuse


async def _hello(session: Session, argument: bytes) -> str:
    """Take the name, and return the first line of the answer."""
    session.client.helo = helo_name(argument)
    if session.role.at_hello:
        refuse(await ask(session.role.at_hello, HelloEvent(session.client), session.site.clock))
    session.reset()
    session.greeted = True
    return f"{session.site.hostname} greets {session.client.helo}"


async def helo(session: Session, argument: bytes) -> None:
    """HELO: no extensions."""
    first = await _hello(session, argument)
    session.extended = False
    session.answer(reply(250, "", first))


async def ehlo(session: Session, argument: bytes) -> None:
    """EHLO and LHLO: the extensions, a line each."""
    first = await _hello(session, argument)
    session.extended = True
    lines = (extension.ehlo(session) for extension in session.vocabulary.extensions)
    session.answer(reply(250, "", first, *(line for line in lines if line is not None)))


COMMANDS = (
    Command(b"HELO", "HELO host", helo, greeted=False),
    Command(b"EHLO", "EHLO host", ehlo, greeted=False),
    Command(b"LHLO", "LHLO host", ehlo, greeted=False),
)
