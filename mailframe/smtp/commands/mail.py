"""MAIL (RFC 5321 section 4.1.1.2): the sender, and what the client says about the message."""

from __future__ import annotations

from functools import lru_cache

from mailframe import status as codes
from mailframe.address import Address
from mailframe.envelope import Envelope
from mailframe.hooks import SenderEvent
from mailframe.smtp import replies
from mailframe.smtp.extension import Command
from mailframe.smtp.grammar import Path, path
from mailframe.smtp.noting import consult
from mailframe.smtp.replies import Refused, reply
from mailframe.smtp.senders import check_sender
from mailframe.smtp.session import Session, refuse


async def mail(session: Session, argument: bytes) -> None:
    """Begin a transaction."""
    if session.envelope is not None:
        raise Refused(replies.NESTED_MAIL)
    if session.role.needs_login and session.client.identity is None:
        raise Refused(reply(530, codes.AUTHENTICATION_REQUIRED, "Authentication required"))
    if session.transactions >= session.role.limits.transactions:
        session.end(reply(421, "4.7.0", "Enough messages for one connection, open another one"))
        return
    given = path(argument, b"FROM:")
    sender = Address("postmaster", session.site.hostname) if given.postmaster else given.address
    if session.role.needs_login:
        await check_sender(session, sender)
    identity = session.client.identity
    envelope = _bare(sender, None if identity is None else identity.account)
    envelope = _with_parameters(session, envelope, given)
    if not (envelope.smtputf8 or argument.isascii()):
        raise Refused(reply(550, codes.NON_ASCII_ADDRESS, "An address beyond ASCII needs SMTPUTF8"))
    if session.role.at_sender:
        event = SenderEvent(session.client, envelope)
        session.discards = refuse(await consult(session, "sender", session.role.at_sender, event))
    session.transactions += 1
    session.envelope = envelope
    session.answer(replies.SENDER_OK)


@lru_cache(maxsize=4096)
def _bare(sender: Address | None, account: str | None) -> Envelope:
    return Envelope(sender, account=account)


def _with_parameters(session: Session, envelope: Envelope, given: Path) -> Envelope:
    for keyword, value in given.parameters.items():
        extension, parse = session.vocabulary.mail.get(keyword, (None, None))
        if extension is None or parse is None or extension.ehlo(session) is None:
            withheld = None if extension is None else extension.withheld
            unknown = reply(555, codes.BAD_ARGUMENTS, f"MAIL has no parameter {keyword.decode()}")
            raise Refused(withheld or unknown)
        envelope = parse(session, envelope, value)
    return envelope


COMMANDS = (Command(b"MAIL", "MAIL FROM:<address> [parameters]", mail),)
