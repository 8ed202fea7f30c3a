"""What a session tells the journal: who brought what, what the hooks said, and what became of it.

A transaction's notes gather in the session and are given to the journal together with the message's arrival: so a
message has one entry, and a client that brings nothing has none. What is refused is noted at once, for there may be no
message after it. Without a journal all of this is next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, evolve

from mailframe.delivery.queueing import QUEUED
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Accept, Answer, Delivered, Discard, Failed, Outcome, Postpone, Reject, Verdict, ask
from mailframe.journal.events import Arrived, Event, Handed, Judged, Refused
from mailframe.journal.noting import addresses_of, message_id_of
from mailframe.smtp.grammar import BadSyntax, path
from mailframe.smtp.replies import Reply
from mailframe.spool import Message

if TYPE_CHECKING:
    from mailframe.smtp.session import Session

E = TypeVar("E")

_OF_CLIENT = frozenset({"connect", "hello"})
"""Where hooks judge a client, and so all that it brings."""
_ADDRESSES = {b"MAIL": ("sender", b"FROM:"), b"RCPT": ("recipient", b"TO:")}
_VERDICTS = {Accept: "accept", Reject: "reject", Postpone: "postpone", Discard: "discard"}


async def consult(
    session: Session,
    point: str,
    hooks: Sequence[Callable[[E], Answer]],
    event: E,
    notes: list[Event] | None = None,
    recipient: str = "",
) -> Verdict | None:
    """
    Ask hooks as L{ask} does, and note which of them decided.

    @param point: as in L{Judged}.
    @param notes: where; by default in the session.
    """
    clock = session.site.clock
    if session.site.journal is None:
        return await ask(hooks, event, clock)

    def note(hook: Callable[[E], Answer], verdict: Verdict) -> None:
        status, text = getattr(verdict, "status", ""), getattr(verdict, "text", "")
        judged = Judged(clock.seconds(), "", point, name_of(hook), _VERDICTS[type(verdict)], status, text, recipient)
        (session.notes if notes is None else notes).append(judged)

    return await ask(hooks, event, clock, decided=note)


def name_of(hook: Any) -> str:
    """Return a hook's name for people: that of its function, class or factory, with its module."""
    hook = getattr(hook, "func", hook)  # of a functools.partial
    named = hook if hasattr(hook, "__qualname__") else type(hook)
    return f"{named.__module__}.{named.__qualname__}".partition(".<locals>")[0]


def lasting(notes: Sequence[Event]) -> list[Event]:
    """Return the notes that hold for the next transaction too: what hooks said of the client."""
    return [each for each in notes if isinstance(each, Judged) and each.point in _OF_CLIENT]


def note_refusal(session: Session, verb: bytes, argument: bytes, answer: Reply) -> None:
    """Note that a sender or a recipient was refused, if that is what was; it was neither if it cannot be read."""
    journal = session.site.journal
    if journal is None or verb not in _ADDRESSES:
        return
    point, keyword = _ADDRESSES[verb]
    try:
        address = path(argument, keyword).address
    except BadSyntax:
        return
    if address is None:
        return
    if point == "sender":
        refused = _refused(session, point, answer, str(address), ())
    else:
        envelope = session.envelope
        sender = "" if envelope is None or envelope.sender is None else str(envelope.sender)
        refused = _refused(session, point, answer, sender, (str(address),))
    journal.note([*_reasons(session.notes, point, refused.recipients), refused])
    session.notes = [*session.notes, refused] if refused.recipients else lasting(session.notes)


def _reasons(notes: Sequence[Event], point: str, recipients: tuple[str, ...]) -> list[Event]:
    """Return what hooks said that may explain a refusal."""
    about = "".join(recipients)
    return [
        each
        for each in notes
        if isinstance(each, Judged) and (each.point in _OF_CLIENT or (each.point, each.recipient) == (point, about))
    ]


def _refused(
    session: Session, point: str, answer: Reply, sender: str, recipients: tuple[str, ...], message_id: str = ""
) -> Refused:
    client = session.client
    return Refused(
        session.site.clock.seconds(),
        "",
        point,
        answer.code,
        answer.status,
        answer.lines[0],
        client.session,
        client.service,
        client.address,
        client.helo,
        sender,
        recipients,
        message_id,
    )


@define(eq=False)
class Notes:
    """
    What is noted of one message, when its transaction ends.

    @ivar events: what was noted before.
    @ivar time: when the message had come.
    """

    session: Session
    envelope: Envelope
    events: list[Event]
    time: float

    @classmethod
    def of(cls, session: Session, envelope: Envelope) -> Notes:
        """Take over the notes of the session's transaction."""
        return cls(session, envelope, session.notes, session.site.clock.seconds())

    def refused(self, message: Message | Reply, answer: Reply) -> None:
        """Note that the message was refused; where it is none, nobody knows its Message-ID."""
        journal = self.session.site.journal
        if journal is None or not self.envelope.recipients:  # each of them was refused, and that is noted
            return
        message_id = message_id_of(message.head) if isinstance(message, Message) else ""
        sender, recipients = addresses_of(self.envelope)
        journal.note([*self.events, _refused(self.session, "message", answer, sender, recipients, message_id)])

    def taken(self, number: str, message: Message, outcomes: Sequence[tuple[Recipient, Outcome]]) -> None:
        """Note where the message came from, and what became of it; nothing, if it was thrown away."""
        site, client = self.session.site, self.session.client
        if site.journal is None:
            return
        tls, identity = client.tls, client.identity
        sender, recipients = addresses_of(self.envelope)
        arrived = Arrived(
            self.time,
            number,
            client.session,
            client.service,
            client.address,
            client.helo,
            "" if tls is None else f"{tls.version} {tls.cipher}",
            "" if identity is None else identity.account,
            sender,
            recipients,
            message_id_of(message.head),
            message.size,
        )
        events = [evolve(each, message=number) for each in self.events] if self.events else []
        events.append(arrived)
        now = site.clock.seconds()
        for recipient, outcome in outcomes:
            events.append(_handed(now, number, str(recipient.address), outcome))
        site.journal.note(events)


def _handed(now: float, number: str, recipient: str, outcome: Outcome) -> Handed:
    if isinstance(outcome, Delivered):
        queued = outcome.text == QUEUED.text and outcome == QUEUED
        return Handed(now, number, recipient, "queued" if queued else "delivered", "", outcome.text)
    name = "failed" if isinstance(outcome, Failed) else "postponed"
    return Handed(now, number, recipient, name, outcome.status, outcome.text)
