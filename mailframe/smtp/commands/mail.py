"""MAIL (RFC 5321 section 4.1.1.2): the sender, and what the client says about the message."""

from __future__ import annotations

from mailframe import status as codes
from mailframe.address import Address
from mailframe.envelope import Envelope
from mailframe.hooks import SenderEvent, ask
from mailframe.interfaces import Identity
from mailframe.smtp import replies
from mailframe.smtp.extension import Command
from mailframe.smtp.grammar import Path, path
from mailframe.smtp.replies import Refused, reply
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
    _check_sender(session, sender)
    envelope = _with_parameters(session, Envelope(sender), given)
    if session.role.at_sender:
        event = SenderEvent(session.client, envelope)
        session.discards = refuse(await ask(session.role.at_sender, event, session.site.clock))
    session.transactions += 1
    session.envelope = envelope
    session.answer(replies.SENDER_OK)


def _with_parameters(session: Session, envelope: Envelope, given: Path) -> Envelope:
    for keyword, value in given.parameters.items():
        extension, parse = session.vocabulary.mail.get(keyword, (None, None))
        if extension is None or parse is None or extension.ehlo(session) is None:
            raise Refused(reply(555, codes.BAD_ARGUMENTS, f"MAIL has no parameter {keyword.decode()}"))
        envelope = parse(session, envelope, value)
    if not envelope.smtputf8 and envelope.sender is not None and not str(envelope.sender).isascii():
        raise Refused(reply(553, codes.BAD_SENDER_SYNTAX, "Addresses beyond ASCII are not supported"))
    return envelope


def _check_sender(session: Session, sender: Address | None) -> None:
    """Users send as themselves (RFC 6409 6.1), or with the null sender: RFC 8098 3 demands it for receipts."""
    identity = session.client.identity
    if not session.role.needs_login or session.role.any_sender or identity is None or sender is None:
        return
    if not owns(identity, sender):
        raise Refused(reply(553, codes.POLICY, "This sender address is not yours"))


def owns(identity: Identity, address: Address) -> bool:
    """Whether an account may send as an address: its own ones, with any subaddress."""
    base = Address(address.local.partition("+")[0].lower() or address.local.lower(), address.domain)
    if identity.addresses is None:
        return identity.account.lower() in (str(base), str(address).lower())
    mine = {(each.local.lower(), each.domain) for each in identity.addresses}
    return (base.local, base.domain) in mine or (address.local.lower(), address.domain) in mine


COMMANDS = (Command(b"MAIL", "MAIL FROM:<address> [parameters]", mail),)
