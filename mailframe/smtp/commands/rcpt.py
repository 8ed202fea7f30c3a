"""RCPT (RFC 5321 section 4.1.1.3): whether we take mail for an address, and where it will go."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from twisted.logger import Logger

from mailframe import status as codes
from mailframe.address import Address
from mailframe.delivery.discard import discard
from mailframe.envelope import Recipient
from mailframe.errors import MailError
from mailframe.hooks import HOOK_SECONDS, RecipientEvent, Reject, Target
from mailframe.interfaces import IElsewhere, IQueues, IRecipientCheck, ISiteCheck
from mailframe.powers import suppressed, suppressions
from mailframe.smtp import replies
from mailframe.smtp.extension import Command
from mailframe.smtp.grammar import Path, path
from mailframe.smtp.noting import consult
from mailframe.smtp.replies import Refused, reply
from mailframe.smtp.session import Session, refuse
from mailframe.waiting import in_time

_log = Logger()


async def rcpt(session: Session, argument: bytes) -> None:
    """Add a recipient."""
    if session.envelope is None:
        raise Refused(replies.SENDER_FIRST)
    if session.arrival is not None:
        raise Refused(replies.BAD_SEQUENCE)  # RFC 3030 2: its message has begun to come
    if len(session.targets) >= session.role.limits.recipients:
        raise Refused(replies.TOO_MANY_RECIPIENTS)
    given = path(argument, b"TO:")
    if not (session.envelope.smtputf8 or argument.isascii()):
        raise Refused(reply(553, codes.NON_ASCII_ADDRESS, "An address beyond ASCII needs SMTPUTF8"))
    recipient = _recipient(session, given)
    discards = session.discards or session.discards_all
    if session.role.at_recipient:
        event = RecipientEvent(session.client, session.complete_envelope(), recipient)
        about = str(recipient.address)
        discards |= refuse(await consult(session, "recipient", session.role.at_recipient, event, recipient=about))
    target = discard if discards else await _target(session, recipient.address)
    session.targets.append((recipient, target))
    session.answer(replies.RECIPIENT_OK)


async def _target(session: Session, address: Address) -> Target:
    target = session.routes.find(address, _may_relay(session))
    if target is None:
        _count_unknown(session)
        raise Refused(replies.RELAY_DENIED)
    known: Any = target
    if IRecipientCheck.providedBy(target):
        await _check(session, known.check, address)
    elif ISiteCheck.providedBy(target):
        await _check(session, partial(known.check_at, session.site), address)
    if IElsewhere.providedBy(target) and not IQueues.providedBy(target):
        await _refuse_suppressed(session, address)
        return session.to_queue
    return target


async def _refuse_suppressed(session: Session, address: Address) -> None:
    """Refuse who gets no mail from here, now that the sender can still be told (L{ISuppressions})."""
    known = suppressions(session.queue)
    if known is None:
        return
    try:
        found = await known.find(address)
    except MailError:
        raise Refused(replies.FAULT) from None
    if found is not None:
        raise Refused(reply(550, codes.BAD_MAILBOX, suppressed(found)))


def _may_relay(session: Session) -> bool:
    """Whether the client is one of ours: it has logged in, or stands where only ours are."""
    return session.client.identity is not None or session.role.is_trusted(session.client.address)


_bare = lru_cache(maxsize=4096)(Recipient)


def _recipient(session: Session, given: Path) -> Recipient:
    address = session.routes.postmaster(session.site.hostname) if given.postmaster else given.address
    if address is None:
        raise Refused(reply(501, codes.BAD_RECIPIENT_SYNTAX, "A recipient has an address"))
    recipient = _bare(address)
    for keyword, value in given.parameters.items():
        extension, parse = session.vocabulary.rcpt.get(keyword, (None, None))
        if extension is None or parse is None or extension.ehlo(session) is None:
            raise Refused(reply(555, codes.BAD_ARGUMENTS, f"RCPT has no parameter {keyword.decode()}"))
        recipient = parse(session, recipient, value)
    return recipient


async def _check(session: Session, check: Callable[[Address], Any], address: Address) -> None:
    """Ask the target whether it knows the recipient."""
    try:
        verdict = await in_time(check, address, session.site.clock, HOOK_SECONDS)
    except MailError:
        raise Refused(replies.FAULT) from None
    except Exception:
        _log.failure("{session} recipient check failed", session=session.client.session)
        raise Refused(replies.FAULT) from None
    if isinstance(verdict, Reject):
        _count_unknown(session)
    refuse(verdict)


def _count_unknown(session: Session) -> None:
    """Somebody who tries one address after the other is guessing."""
    session.unknown_recipients += 1
    if session.unknown_recipients >= session.role.limits.unknown_recipients:
        session.over = True
        raise Refused(replies.TOO_MANY_UNKNOWN)


COMMANDS = (Command(b"RCPT", "RCPT TO:<address> [parameters]", rcpt),)
