"""The end of a transaction: a message is judged, handed on and answered for, whatever verb brought it."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from mailframe import status as codes
from mailframe.delivery.handing import hand
from mailframe.delivery.queueing import Results, queue_rest
from mailframe.delivery.telling import tell_success
from mailframe.envelope import Recipient
from mailframe.hooks import Delivered, Delivery, Discard, Failed, MessageEvent, Outcome, Target
from mailframe.log import QuickLogger
from mailframe.message import trace
from mailframe.smtp import replies
from mailframe.smtp.noting import Notes, consult
from mailframe.smtp.replies import Refused, Reply, reply
from mailframe.smtp.session import Session, refuse
from mailframe.smtp.tracing import traced
from mailframe.spool import Message

_log = QuickLogger()


async def take(session: Session, message: Message | Reply) -> None:
    """
    End the transaction with its message, and answer for it.

    @param message: or why there is none.
    """
    envelope, targets = session.complete_envelope(), session.targets
    notes = Notes.of(session, envelope)
    session.reset()
    try:
        if isinstance(message, Reply):
            raise Refused(message)
        try:
            answers = await _hand_on(session, notes, targets, message)
        finally:
            message.discard()
    except Refused as refused:
        answers = [refused.reply]
        notes.refused(message, refused.reply)
    if session.role.is_lmtp and len(answers) == 1:
        answers *= len(targets)  # RFC 2033 4.2: an answer for each recipient, whatever happened
    for answer in answers:
        if answer.code == 250:
            session.taken()
        session.answer(answer)


async def _hand_on(
    session: Session, notes: Notes, targets: list[tuple[Recipient, Target]], message: Message
) -> list[Reply]:
    """Judge a message and hand it on; return one answer, or for LMTP one for each recipient."""
    envelope = notes.envelope
    if trace.goes_in_circles(message.head, session.role.limits.hops):
        raise Refused(replies.LOOP)
    number = session.site.new_id()
    message = traced(session, envelope, number, message)
    if session.role.at_message:
        event = MessageEvent(session.client, number, envelope, message)
        verdict = await consult(session, "message", session.role.at_message, event, notes.events)
        message = event.message
        if isinstance(verdict, Discard):
            _log.info("{session} {message} discarded by a hook", session=session.client.session, message=number)
            notes.taken(number, message, ())
            return [_stored(number)]
        refuse(verdict)
    delivery = Delivery(
        number, envelope, envelope.recipients, message, session.client, site=session.site, queue=session.queue
    )
    outcomes: Results = await hand(delivery, targets, session.site.clock)
    is_lmtp, problems = session.role.is_lmtp, _problems(outcomes)
    if problems and session.queue is not None and not is_lmtp:
        outcomes = await queue_rest(session.queue, delivery, outcomes, session.site.clock.seconds())
        problems = _problems(outcomes)
    _report(session, delivery, outcomes)
    notes.taken(number, message, outcomes)
    if session.queue is not None and (is_lmtp or not problems):
        await tell_success(session.queue, delivery, outcomes, session.site)
    if is_lmtp:
        return [_answer(number, outcome) for _recipient, outcome in outcomes]
    return [_single(number, outcomes, problems)]


def _problems(outcomes: Results) -> list[Outcome]:
    return [outcome for _recipient, outcome in outcomes if not isinstance(outcome, Delivered)]


def _stored(number: str) -> Reply:
    return reply(250, codes.OK, f"OK, stored as {number}")


def _answer(number: str, outcome: Outcome) -> Reply:
    if isinstance(outcome, Delivered):
        return _stored(number)
    return reply(550 if isinstance(outcome, Failed) else 451, outcome.status, outcome.text)


def _single(number: str, outcomes: Results, problems: Sequence[Outcome]) -> Reply:
    """One answer for all recipients: anything less than success for all is said, and the client keeps the message."""
    if not problems:
        return _stored(number)
    # A recipient for whom it may work later decides: then the client sends again, and nobody is left out.
    worst = next((each for each in problems if not isinstance(each, Failed)), problems[0])
    if len(problems) < len(outcomes):
        text = f"{worst.text} (not delivered to {len(problems)} of {len(outcomes)} recipients)"
        worst = evolve(worst, text=text)
    return _answer(number, worst)


def _report(session: Session, delivery: Delivery, outcomes: Results) -> None:
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
