"""Mail for other servers is queued; so is the rest when a message reached some of its recipients and not yet others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailframe.envelope import Recipient
from mailframe.errors import MailError
from mailframe.hooks import Action, Delivered, Delivery, Outcome, Retry
from mailframe.interfaces import IDeliveryQueue

_log = Logger()

QUEUED = Delivered("queued", Action.PASSED_ON)
"""The outcome for what is durably in the queue: its runner tells what becomes of it."""

FIRST_RETRY_SECONDS = 300.0
"""When the rest is tried again for the first time."""

Results = Sequence[tuple[Recipient, Outcome]]


@frozen(eq=False)
class ToQueue:
    """
    A delivery target: the queue, whose runner then finds the route again.

    @ivar queue: an L{IDeliveryQueue}.
    """

    queue: Any
    clock: IReactorTime

    async def __call__(self, delivery: Delivery) -> Outcome:
        """Queue a message for its recipients; durable when this returns."""
        envelope = delivery.envelope.to(delivery.recipients)
        try:
            await self.queue.put(delivery.id, envelope, delivery.message, self.clock.seconds())
        except MailError as error:
            return Retry("4.3.1", str(error) or "The message cannot be queued now")
        return QUEUED


async def queue_rest(queue: IDeliveryQueue, delivery: Delivery, outcomes: Results, now: float) -> Results:
    """
    Queue the recipients for whom it may work later, if the message was delivered to others.

    SMTP has one answer for all: were the client told to send again, those others would get the message twice.
    Where nobody got it, the client keeps it: it is the better queue, since it can tell its user.

    @param now: seconds since the epoch.
    @return: the outcomes, with L{QUEUED} for those that are durably queued.
    """
    waiting = {recipient.address: recipient for recipient, outcome in outcomes if isinstance(outcome, Retry)}
    if not waiting or not any(isinstance(outcome, Delivered) for _recipient, outcome in outcomes):
        return outcomes
    envelope = delivery.envelope.to(tuple(waiting.values()))
    try:
        await queue.put(delivery.id, envelope, delivery.message, now + FIRST_RETRY_SECONDS)
    except Exception:
        _log.failure("{message} cannot be queued", message=delivery.id)
        return outcomes
    return [(recipient, QUEUED if isinstance(outcome, Retry) else outcome) for recipient, outcome in outcomes]
