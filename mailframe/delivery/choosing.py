"""Targets chosen by a function, for each delivery: by its sender, by who logged in, by what is in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from attrs import define, field
from twisted.logger import Logger
from zope.interface import directlyProvides

from mailframe import status as codes
from mailframe.address import Address
from mailframe.delivery.handing import hand
from mailframe.delivery.queueing import ToQueue
from mailframe.delivery.routes import Pattern, Route, Routes
from mailframe.envelope import Recipient
from mailframe.hooks import Delivered, Delivery, Failed, Outcome, Retry, Target, Verdict
from mailframe.interfaces import IElsewhere, IQueues, IRecipientCheck

_SECONDS = 24 * 60 * 60.0
"""Whoever hands mail on to this target sets a limit, which is shorter."""
_NO_WAY = Failed("5.4.4", "No route leads to this address")
_NO_SITE = Retry("4.3.5", "This target runs only within a server with a queue")
_LATER = Retry(codes.SYSTEM_FAULT, "Delivery did not work, try again later")

_log = Logger()

Choice: TypeAlias = "Target | Outcome | None"
Choose: TypeAlias = Callable[[Delivery], "Choice | Awaitable[Choice]"]
"""Says where the mail of a delivery with one recipient goes, or what becomes of it at once; C{None} leads nowhere."""
Check: TypeAlias = Callable[[Address], Awaitable[Verdict | None]]


def _check_choose(_target: object, _attribute: Any, choose: Any) -> None:
    if not callable(choose):
        raise TypeError(f"ToChosen wants a function of a Delivery that returns a target, not {choose!r}")


@define(eq=False, slots=False)
class ToChosen:
    """
    Whatever target a function says::

        def smarthost(delivery: Delivery) -> Target:
            return SMARTHOSTS.get(delivery.account) or ToMX()

        Route("*", ToChosen(smarthost))

    The function is asked about each recipient when the message is there: mail for a mailbox is then delivered before
    the client is told that all is well, as it is without such a function, and mail for other servers is queued; about
    that it is asked again each time that it is due. It may be C{async}. As nobody knows beforehand what it will say,
    it counts as another server: through a route for everything it is reached by our own users only, so that it cannot
    open a relay, whatever it returns.

    @ivar choose: that function.
    @ivar check: says before the message comes whether an address is known, such as C{ToMailbox(data).check}; without
        it all are, and a report tells of those that are not.
    """

    choose: Choose = field(validator=_check_choose)
    check: Check | None = None

    def __attrs_post_init__(self) -> None:
        powers = [IElsewhere, IQueues] + [IRecipientCheck] * (self.check is not None)
        directlyProvides(self, *powers)

    async def __call__(self, delivery: Delivery) -> Mapping[Address, Outcome]:
        """Ask about each recipient, and hand on."""
        if delivery.site is None or delivery.queue is None:
            return dict.fromkeys((each.address for each in delivery.recipients), _NO_SITE)
        to_queue = ToQueue(delivery.queue, delivery.site.clock)
        outcomes: dict[Address, Outcome] = {}
        targets: list[tuple[Recipient, Target]] = []
        for recipient in delivery.recipients:
            choice = await self._chosen(delivery.to([recipient]))
            if isinstance(choice, Delivered | Retry | Failed):
                outcomes[recipient.address] = choice
            elif delivery.via is None and IElsewhere.providedBy(choice) and not IQueues.providedBy(choice):
                targets.append((recipient, to_queue))
            else:
                targets.append((recipient, choice))
        handed = await hand(delivery, targets, delivery.site.clock, _SECONDS)
        return {**outcomes, **{recipient.address: outcome for recipient, outcome in handed}}

    async def _chosen(self, delivery: Delivery) -> Target | Outcome:
        try:
            choice = self.choose(delivery)
            if isinstance(choice, Awaitable):
                choice = await choice
        except Exception:
            _log.failure("{message} the choice of a target failed", message=delivery.id)
            return _LATER
        if choice is None:
            return _NO_WAY
        if isinstance(choice, Delivered | Retry | Failed) or callable(choice):
            return choice
        _log.error("{message} {choice!r} was chosen, which is no target", message=delivery.id, choice=choice)
        return _LATER


def by_sender(targets: Mapping[Pattern, Target], otherwise: Target | None = None) -> Choose:
    """
    Return a function for L{ToChosen} that chooses by the sender's address::

        ToChosen(by_sender({"example.org": ToSmarthost(...), "ann@example.net": ToSmarthost(...)}, ToMX()))

    @param targets: by patterns as those of L{Route}; the first one that matches counts.
    @param otherwise: for other senders, and for reports, which have none; C{None} refuses them.
    """
    table = Routes([Route(pattern, target) for pattern, target in targets.items()])

    def choose(delivery: Delivery) -> Choice:
        found = None if delivery.sender is None else table.find(delivery.sender)
        return found or otherwise

    return choose
