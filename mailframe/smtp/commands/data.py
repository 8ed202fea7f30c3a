"""DATA (RFC 5321 section 4.1.1.4): the message comes, is judged, and is somewhere durable before we say 250."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from attrs import evolve
from twisted.logger import Logger

from mailframe import status as codes
from mailframe.delivery.handing import hand
from mailframe.delivery.queueing import Results, queue_rest
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Delivered, Delivery, Discard, Failed, MessageEvent, Outcome, Target, ask
from mailframe.message import dates, trace
from mailframe.net.conversation import ConversationOver
from mailframe.smtp import replies
from mailframe.smtp.extension import Command
from mailframe.smtp.limits import BareNewlines
from mailframe.smtp.replies import Refused, Reply, reply
from mailframe.smtp.session import Session, refuse
from mailframe.spool import Message, SpoolWriter, header_field

_log = Logger()

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_UNSAFE_HELO = re.compile(rb"[^A-Za-z0-9.:_\[\]-]")
"""What would be a comment, or worse, in a Received field; HELO itself is borne with much (RFC 5321 4.1.4)."""


async def data(session: Session, argument: bytes) -> None:
    """Receive the message of the transaction, and answer for it."""
    if session.envelope is None:
        raise Refused(replies.SENDER_FIRST)
    if not session.targets:
        raise Refused(replies.NO_RECIPIENTS_LMTP if session.role.is_lmtp else replies.NO_RECIPIENTS)
    session.wire.write(replies.START_DATA.encoded)
    envelope, targets = session.complete_envelope(), session.targets
    session.wire.busy = True
    try:
        message = await _receive(session)
    finally:
        session.wire.busy = False
    session.reset()
    try:
        if isinstance(message, Reply):
            answers = [message]
        else:
            try:
                answers = await _take(session, envelope, targets, message)
            finally:
                message.discard()
    except Refused as refused:
        answers = [refused.reply]
    if session.role.is_lmtp and len(answers) == 1:
        answers *= len(targets)  # RFC 2033 4.2: an answer for each recipient, whatever happened
    if any(answer.code == 250 for answer in answers):
        session.taken()
    for answer in answers:
        session.answer(answer)


# --- receiving --------------------------------------------------------------------------------------------------------


async def _receive(session: Session) -> Message | Reply:
    """Read up to the final dot, whatever happens before it; return the message, or why there is none."""
    reader, limits = session.reader, session.role.limits
    reader.begin_text()
    writer = session.spool.begin()
    size, problem = 0, None
    try:
        while not reader.text_is_over:
            piece = await session.wire.pull(reader.text, limits.data_seconds)
            size += len(piece)
            if size > limits.message:
                problem = replies.TOO_LARGE
                if size > limits.message + limits.overshoot:
                    session.over = True
                    break
            elif problem is None:
                problem = _write(writer, piece, session)
    except ConversationOver:
        writer.abort()
        raise
    problem = problem or _problem(session)
    if problem is not None:
        writer.abort()
        return problem
    try:
        return writer.finish()
    except OSError:
        _log.failure("{session} cannot spool the message", session=session.client.session)
        writer.abort()
        return replies.FAULT


def _write(writer: SpoolWriter, piece: bytes, session: Session) -> Reply | None:
    if session.reader.bare_newlines and session.role.bare_newlines is BareNewlines.NORMALIZE:
        piece = _BARE.sub(b"\r\n", piece)
    try:
        writer.write(piece)
    except OSError:
        _log.failure("{session} cannot spool the message", session=session.client.session)
        return reply(452, codes.SYSTEM_FULL, "No room to receive the message, try again later")
    return None


def _problem(session: Session) -> Reply | None:
    if session.reader.nul:
        return replies.NUL_OCTETS
    if session.reader.bare_newlines and session.role.bare_newlines is BareNewlines.REJECT:
        return replies.BARE_NEWLINES
    if session.reader.long_line:
        return replies.LONG_LINE
    return None


# --- taking it --------------------------------------------------------------------------------------------------------


async def _take(
    session: Session, envelope: Envelope, targets: list[tuple[Recipient, Target]], message: Message
) -> list[Reply]:
    """Judge a message and hand it on; return one answer, or for LMTP one for each recipient."""
    if trace.hops(message.head) > session.role.limits.hops:
        raise Refused(replies.LOOP)
    number = session.site.new_id()
    message = _traced(session, envelope, number, message)
    if session.role.at_message:
        event = MessageEvent(session.client, number, envelope, message)
        verdict = await ask(session.role.at_message, event, session.site.clock)
        message = event.message
        if isinstance(verdict, Discard):
            _log.info("{session} {message} discarded by a hook", session=session.client.session, message=number)
            return [_stored(number)]
        refuse(verdict)
    delivery = Delivery(number, envelope, envelope.recipients, message, session.client)
    outcomes: Results = await hand(delivery, targets, session.site.clock)
    if session.queue is not None and not session.role.is_lmtp:
        outcomes = await queue_rest(session.queue, delivery, outcomes, session.site.clock.seconds())
    _report(session, delivery, outcomes)
    if session.role.is_lmtp:
        return [_answer(number, outcome) for _recipient, outcome in outcomes]
    return [_single(number, outcomes)]


def _traced(session: Session, envelope: Envelope, number: str, message: Message) -> Message:
    """Put the trace fields in front (RFC 5321 4.4), and complete what a user's program left out (RFC 6409 8)."""
    client, when = session.client, datetime.fromtimestamp(session.site.clock.seconds(), UTC)
    fields = trace.return_path(b"" if envelope.sender is None else bytes(envelope.sender))
    only = bytes(envelope.recipients[0].address) if len(envelope.recipients) == 1 else None
    fields += trace.received(
        _UNSAFE_HELO.sub(b"?", client.helo.encode("ascii", "replace")),
        None,
        _literal(client.address),
        session.site.hostname.encode("ascii", "replace"),
        _with(session),
        number.encode("ascii"),
        only,
        None if client.tls is None else f"{client.tls.version} {client.tls.cipher}",
        when,
    )
    if session.role.needs_login:
        if message.header("Date") is None:
            fields += b"Date: %b\r\n" % dates.format(when)
        if message.header("Message-ID") is None:
            fields += header_field("Message-ID", f"<{number}@{session.site.hostname}>")
    return message.with_fields(fields)


def _literal(address: str) -> bytes:
    """The TCP-info of RFC 5321 4.4: an address literal, without the zone of a link-local one."""
    plain = address.partition("%")[0].encode("ascii", "replace")
    if not plain:
        return b"local"  # a UNIX socket
    return b"[IPv6:%b]" % plain if b":" in plain else b"[%b]" % plain


def _with(session: Session) -> bytes:
    """The protocol keyword (RFC 3848)."""
    client = session.client
    if session.role.is_lmtp:
        base = b"LMTP"
    elif session.extended:
        base = b"ESMTP"
    else:
        return b"SMTP"
    return base + b"S" * (client.tls is not None) + b"A" * (client.identity is not None)


def _stored(number: str) -> Reply:
    return reply(250, codes.OK, f"OK, stored as {number}")


def _answer(number: str, outcome: Outcome) -> Reply:
    if isinstance(outcome, Delivered):
        return _stored(number)
    return reply(550 if isinstance(outcome, Failed) else 451, outcome.status, outcome.text)


def _single(number: str, outcomes: Sequence[tuple[Recipient, Outcome]]) -> Reply:
    """One answer for all recipients: anything less than success for all is said, and the client keeps the message."""
    problems = [outcome for _recipient, outcome in outcomes if not isinstance(outcome, Delivered)]
    if not problems:
        return _stored(number)
    # A recipient for whom it may work later decides: then the client sends again, and nobody is left out.
    worst = next((each for each in problems if not isinstance(each, Failed)), problems[0])
    if len(problems) < len(outcomes):
        text = f"{worst.text} (not delivered to {len(problems)} of {len(outcomes)} recipients)"
        worst = evolve(worst, text=text)
    return _answer(number, worst)


def _report(session: Session, delivery: Delivery, outcomes: Sequence[tuple[Recipient, Outcome]]) -> None:
    for recipient, outcome in outcomes:
        _log.info(
            "{session} {client} {message} from <{sender}> to <{recipient}>, {size} octets: {outcome} {text}",
            session=session.client.session,
            client=session.client.address,
            message=delivery.id,
            sender=str(delivery.sender or ""),
            recipient=str(recipient.address),
            size=delivery.message.size,
            outcome=type(outcome).__name__.lower(),
            text=outcome.text,
        )


COMMANDS = (Command(b"DATA", "DATA", data, argument=False),)
