"""Forwarding: mail for an address goes on to others, by the queue; and what bounces of it goes back to its sender.

The forms of RFC 3461 5.2.7: an address that stands for one other hands all wishes for reports on (5.2.7.2); one that
stands for several hands on all but that for a report of success, which it answers itself: C{expanded} (5.2.7.3 c).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from attrs import define, evolve, field, frozen
from twisted.logger import Logger
from zope.interface import implementer

from mailframe import status as codes
from mailframe.address import Address
from mailframe.delivery.routes import Route
from mailframe.envelope import Recipient
from mailframe.errors import MailError
from mailframe.hooks import Action, Delivered, Delivery, Failed, Outcome, Postpone, Reject, Retry, Verdict
from mailframe.interfaces import IElsewhere, IQueues, ISiteCheck, IWayBack
from mailframe.journal.noting import note_own
from mailframe.message import trace
from mailframe.site import Site
from mailframe.srs import IsRewritten, NotReversible, Rewrites

ADDRESSES = 1000
"""Addresses that one address may stand for."""
TOLD = 10
"""Of those, how many the log names."""
HOPS = 100
"""Servers that a message has passed, and deliveries after which it went on, before it is taken to go in circles."""

_NO_QUEUE = Retry("4.3.5", "Mail is forwarded only by a server with a queue")
_CIRCLE = Failed(codes.ROUTING_LOOP, "The message has been delivered to this address before")
_HOPS = Failed(codes.ROUTING_LOOP, "The message has passed too many servers")
_ITSELF = Failed(codes.ROUTING_LOOP, "This address is forwarded to itself")
_NOBODY = Failed(codes.BAD_MAILBOX, "No such user here")
_FULL = Retry(codes.SYSTEM_FULL, "The message cannot be queued now")
_LATER = Retry(codes.SYSTEM_FAULT, "The message cannot be forwarded now")
_TOO_MANY = Failed("5.3.5", "This address is forwarded to too many others")

_log = Logger()

Choice: TypeAlias = "Address | str | Iterable[Address | str] | None"
Choose: TypeAlias = Callable[[Delivery], "Choice | Awaitable[Choice]"]
"""Says where the mail of a delivery with one recipient goes: nothing means that there is no such user."""


def addresses(given: Choice) -> tuple[Address, ...]:
    """
    Return addresses, each once.

    @raise ValueError: one of them is none.
    """
    some = [given] if isinstance(given, str | Address) else given or ()
    return tuple(dict.fromkeys(each if isinstance(each, Address) else Address.parse(each) for each in some))


def _converted(given: Any) -> Any:
    if callable(given):
        return given
    found = addresses(given)
    if not found:
        raise ValueError("there must be an address to forward to")
    return found


@implementer(IElsewhere, IQueues, IWayBack)
@define(eq=False)
class ToForward:
    """
    Other addresses, here or elsewhere.

    The message itself is not changed but for a Delivered-To in front, so its signatures hold. It is queued before the
    client is told that all is well. Messages that come back here are refused.

    @ivar to: an address, several, or a function that says which for a delivery, which then has one recipient.
    @ivar srs: rewrites senders, such as C{SenderRewriting("example.org", data)}, so that SPF does not take forwarded
        mail for a forgery; what bounces comes back by a route that comes with this target. Mail that stays in its
        domain, and the null sender, are left alone. By default senders stay as they are.
    """

    to: tuple[Address, ...] | Choose = field(converter=_converted)
    srs: Rewrites | None = field(default=None, kw_only=True)
    way_back: Route | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.way_back = None if self.srs is None else way_back(self.srs)

    async def __call__(self, delivery: Delivery) -> Mapping[Address, Outcome]:
        """Queue the message for where each recipient's mail goes."""
        return await _each(delivery, self._forward)

    async def _forward(self, delivery: Delivery, recipient: Recipient, now: float) -> Outcome:
        to = await self._chosen(delivery)
        if recipient.address in to:
            return _ITSELF
        if not to or len(to) > ADDRESSES:
            return _TOO_MANY if to else _NOBODY
        return await _forward(delivery, recipient, to, self.srs, now, alone=True)

    async def _chosen(self, delivery: Delivery) -> tuple[Address, ...]:
        if isinstance(self.to, tuple):
            return self.to
        choice = self.to(delivery)
        return addresses(await choice if isinstance(choice, Awaitable) else choice)


# --- what forwarding and the way back have in common -----------------------------------------------------------------


async def forward_on(
    delivery: Delivery, to: Mapping[Address, Sequence[Address]], srs: Rewrites | None, alone: bool
) -> Mapping[Address, Outcome]:
    """
    Queue a message for those whom its recipients stand for.

    @param to: by recipient, who that is.
    @param srs: rewrites senders; C{None} leaves them.
    @param alone: a recipient stands for nobody else.
    """

    async def one(delivery: Delivery, recipient: Recipient, now: float) -> Outcome:
        return await _forward(delivery, recipient, to[recipient.address], srs, now, alone)

    return await _each(delivery, one)


async def _forward(
    delivery: Delivery, recipient: Recipient, to: Sequence[Address], srs: Rewrites | None, now: float, alone: bool
) -> Outcome:
    sender = delivery.sender
    if srs is not None and sender is not None and any(each.domain != srs.domain for each in to):
        sender = srs.forward(sender, now)
    alone = alone and len(to) == 1
    return await _send_on(delivery, recipient, sender, _recipients(recipient, to, alone), now, not alone)


async def _each(
    delivery: Delivery, one: Callable[[Delivery, Recipient, float], Awaitable[Outcome]]
) -> Mapping[Address, Outcome]:
    """Do something for each recipient; what fails for one is tried again for that one alone."""
    outcomes: dict[Address, Outcome] = {}
    for recipient in delivery.recipients:
        outcome = _circle(delivery, recipient)
        if outcome is None and delivery.site is not None:
            try:
                outcome = await one(delivery.to([recipient]), recipient, delivery.site.clock.seconds())
            except Exception:
                _log.failure(
                    "{message} for <{recipient}> does not go on", message=delivery.id, recipient=str(recipient.address)
                )
        outcomes[recipient.address] = outcome or _LATER
    return outcomes


def _circle(delivery: Delivery, recipient: Recipient) -> Outcome | None:
    """Return why a message must not go on, or C{None}."""
    if delivery.site is None or delivery.queue is None:
        return _NO_QUEUE
    head = delivery.message.head
    if trace.was_delivered_to(head, bytes(recipient.address)):
        return _CIRCLE
    return _HOPS if trace.hops(head) + trace.deliveries(head) > HOPS else None


def _recipients(recipient: Recipient, to: Sequence[Address], alone: bool) -> tuple[Recipient, ...]:
    """Return the new recipients with the wishes of the old one (RFC 3461 5.2.7); it may stand for one of them alone."""
    notify = recipient.notify
    if not alone and "SUCCESS" in notify:
        notify = notify - {"SUCCESS"} or frozenset({"NEVER"})
    address = recipient.address
    known = f"{'rfc822' if address.is_ascii else 'utf-8'};{address}"  # RFC 3461 4.2, RFC 6533 3
    return tuple(Recipient(each, notify, recipient.orcpt or known) for each in to)


async def _send_on(
    delivery: Delivery,
    recipient: Recipient,
    sender: Address | None,
    to: tuple[Recipient, ...],
    now: float,
    expanded: bool = False,
) -> Outcome:
    """Queue the message for others than it was for."""
    assert delivery.site is not None
    number = delivery.site.new_id()
    message = delivery.message.with_fields(trace.delivered_to(bytes(recipient.address)))
    smtputf8 = delivery.envelope.smtputf8 or not all(each.address.is_ascii for each in to)
    envelope = evolve(delivery.envelope, sender=sender, recipients=to, smtputf8=smtputf8)
    try:
        await delivery.queue.put(number, envelope, message, now)
    except MailError:
        return _FULL
    note_own(delivery.site, "forward", number, envelope, message, delivery.id)
    names = ", ".join(str(each.address) for each in to[:TOLD]) + " ..." * (len(to) > TOLD)
    return Delivered(f"forwarded as {number} to {names}", Action.EXPANDED if expanded else Action.PASSED_ON)


# --- the way back ----------------------------------------------------------------------------------------------------


# Strangers reach it, though its route names no domain: that an address was made here is what lets them.
@implementer(IQueues, ISiteCheck)
@frozen
class ToSender:
    """
    The senders that rewritten addresses lead back to; an address that was not made here, or too long ago, is unknown.

    @ivar srs: has rewritten them.
    """

    srs: Rewrites

    async def check_at(self, site: Site, recipient: Address) -> Verdict | None:
        """Say whether an address leads back to somebody."""
        found = self._found(recipient, site.clock.seconds())
        if isinstance(found, Failed):
            return Reject(found.status, found.text)
        return Postpone(found.status, found.text) if isinstance(found, Retry) else None

    async def __call__(self, delivery: Delivery) -> Mapping[Address, Outcome]:
        """Queue the message for the sender behind each address."""
        return await _each(delivery, self._return)

    async def _return(self, delivery: Delivery, recipient: Recipient, now: float) -> Outcome:
        found = self._found(recipient.address, now)
        if not isinstance(found, Address):
            return found
        # What bounces has no sender; whatever else comes is forwarded like any other mail.
        sender = None if delivery.sender is None else self.srs.forward(delivery.sender, now)
        return await _send_on(delivery, recipient, sender, (evolve(recipient, address=found),), now)

    def _found(self, address: Address, now: float) -> Address | Failed | Retry:
        try:
            return self.srs.reverse(address, now)
        except NotReversible as error:
            text = str(error)
            return Failed(codes.BAD_MAILBOX, f"{text[:1].upper()}{text[1:]}")
        except MailError:
            return Retry(codes.SYSTEM_FAULT, "The address cannot be checked now, try again later")


def way_back(srs: Rewrites) -> Route:
    """Return the route for what bounces of mail whose senders were rewritten."""
    return Route(IsRewritten(srs.domain), ToSender(srs))
