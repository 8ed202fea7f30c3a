"""Automatic answers (RFC 3834): a message is delivered, and then answered once in a while; never that of a program."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from attrs import define, field
from attrs.validators import ge, gt
from twisted.logger import Logger
from zope.interface import directlyProvides, implementer

from mailframe.address import Address
from mailframe.delivery.handing import hand
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Delivered, Delivery, Outcome, Retry, Target, Verdict
from mailframe.interfaces import IAnswered, IElsewhere, IKeepsSpool, IQueues, IRecipientCheck
from mailframe.journal.noting import note_own
from mailframe.message.answer import answer, is_addressed_to
from mailframe.message.automatic import should_answer_automatically
from mailframe.site import Site, provides
from mailframe.spool import Message, Spool

INTERVAL = 7 * 24 * 60 * 60.0
"""Seconds in which nobody is answered twice (RFC 3834 2: several days for a vacation)."""
HOURLY = 100
"""Answers that one target gives within an hour: with made up senders it could be used to bother others."""
REMEMBERED = 10_000
"""Answers that are remembered in memory; the oldest go first."""

_NO_SITE = Retry("4.3.5", "This target runs only within a server with a queue")

_log = Logger()

Text: TypeAlias = "str | Callable[[Delivery], str | Awaitable[str | None] | None]"


@implementer(IAnswered)
@define(eq=False)
class MemoryAnswered:
    """
    Remembers as long as the server runs.

    @ivar entries: how many are remembered.
    """

    entries: int = REMEMBERED
    _last: OrderedDict[tuple[str, str], float] = field(factory=OrderedDict, init=False)

    async def answer_first(self, answerer: str, to: str, now: float, since: float) -> bool:
        """Look, and remember."""
        last = self._last.get((answerer, to))
        if last is not None and last > since:
            return False
        self._last[answerer, to] = now
        self._last.move_to_end((answerer, to))
        if len(self._last) > self.entries:
            self._last.popitem(last=False)
        return True


def _check_text(_target: object, _attribute: Any, text: Any) -> None:
    if not isinstance(text, str) and not callable(text):
        raise TypeError(f"an answer is a text, or a function of a Delivery that returns one, not {text!r}")


def _addresses(given: Collection[Address | str]) -> tuple[Address, ...]:
    return tuple(each if isinstance(each, Address) else Address.parse(each) for each in given)


@define(eq=False, slots=False)
class ToReply:
    """
    A delivery target: another one, and an answer to whoever wrote::

        Route("ann@example.org", ToReply(ToMailbox(data), "I am away until Monday.", remember=data))

    Only what was delivered is answered, and it stays so when the answer cannot be sent. Programs, lists and reports are
    not answered, nor is anybody twice within C{interval}. Answers have the null sender and ask for no reports, so
    nothing comes back.

    @ivar target: where mail goes, in the first place.
    @ivar text: what is answered, or a function that returns it for a delivery with one recipient; C{None} or an empty
        text is no answer.
    @ivar subject: of the answer; by default that of the message, behind C{Auto:}.
    @ivar remember: an L{IAnswered} such as C{SQLite(...)}; by default it lasts as long as the server runs.
    @ivar interval: seconds in which nobody is answered twice.
    @ivar personal: answer only what names the recipient in To or Cc; a service that answers everybody says C{False}.
    @ivar addresses: more addresses of the recipient, which count as well.
    @ivar hourly: answers within an hour.
    """

    target: Target
    text: Text = field(validator=_check_text)
    subject: str | None = field(default=None, kw_only=True)
    remember: Any = field(factory=MemoryAnswered, kw_only=True, validator=provides(IAnswered))
    interval: float = field(default=INTERVAL, kw_only=True, validator=ge(0))
    personal: bool = field(default=True, kw_only=True)
    addresses: tuple[Address, ...] = field(default=(), kw_only=True, converter=_addresses)
    hourly: int = field(default=HOURLY, kw_only=True, validator=gt(0))
    _hour: int = field(default=-1, init=False)
    _answers: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        if not callable(self.target):
            raise TypeError(f"ToReply delivers to a target such as ToMailbox(...) first, and {self.target!r} is none")
        if IElsewhere.providedBy(self.target) and not IQueues.providedBy(self.target):
            raise ValueError("mail for other servers is theirs to answer: ToReply wants a target that is here")
        powers = (IElsewhere, IRecipientCheck, IKeepsSpool)
        directlyProvides(self, IQueues, *(power for power in powers if power.providedBy(self.target)))

    @property
    def spool(self) -> Spool:
        """Where big messages should wait, if the target says so."""
        target: Any = self.target
        spool: Spool = target.spool
        return spool

    def check(self, recipient: Address) -> Awaitable[Verdict | None]:
        """Ask the target, if it knows recipients."""
        target: Any = self.target
        known: Awaitable[Verdict | None] = target.check(recipient)
        return known

    async def __call__(self, delivery: Delivery) -> Mapping[Address, Outcome]:
        """Deliver, then answer."""
        site = delivery.site
        if site is None or delivery.queue is None:
            return dict.fromkeys((each.address for each in delivery.recipients), _NO_SITE)
        handed = await hand(delivery, [(each, self.target) for each in delivery.recipients], site.clock)
        for recipient, outcome in handed:
            if isinstance(outcome, Delivered):
                await self._answer(delivery.to([recipient]), recipient.address, site)
        return {recipient.address: outcome for recipient, outcome in handed}

    async def _answer(self, delivery: Delivery, recipient: Address, site: Site) -> None:
        try:
            if (text := await self._text(delivery, recipient)) and await self._may(delivery, recipient, site):
                await self._send(delivery, recipient, text, site)
        except Exception:  # it is delivered, whatever becomes of the answer
            _log.failure("{message} cannot be answered", message=delivery.id)

    async def _text(self, delivery: Delivery, recipient: Address) -> str | None:
        """Return what is to be answered, if the message is one to be answered at all."""
        head = delivery.message.head
        if not should_answer_automatically(head, str(delivery.sender or "")) or delivery.sender == recipient:
            return None
        own = {str(each).lower() for each in (recipient, *self.addresses)}
        if self.personal and not is_addressed_to(head, own):
            return None
        if isinstance(self.text, str):
            return self.text
        text = self.text(delivery)
        return await text if isinstance(text, Awaitable) else text

    async def _may(self, delivery: Delivery, recipient: Address, site: Site) -> bool:
        """Return whether it is not too soon to answer this sender, and not too much altogether."""
        now = site.clock.seconds()
        hour = int(now // 3600)
        if hour != self._hour:
            self._hour, self._answers = hour, 0
        if self._answers >= self.hourly:
            _log.warn("{message} is not answered: {hourly} answers an hour", message=delivery.id, hourly=self.hourly)
            return False
        answerer, to = str(recipient).lower(), str(delivery.sender).lower()
        first: bool = await self.remember.answer_first(answerer, to, now, now - self.interval)
        self._answers += first
        return first

    async def _send(self, delivery: Delivery, recipient: Address, text: str, site: Site) -> None:
        sender = delivery.sender
        assert sender is not None, "nobody is answered"
        now, number = site.clock.seconds(), site.new_id()
        data = answer(
            delivery.message.head,
            str(sender),
            str(recipient),
            text,
            self.subject,
            datetime.fromtimestamp(now, UTC),
            f"<{number}@{site.hostname}>",
        )
        utf8 = not (sender.is_ascii and recipient.is_ascii)
        to = (Recipient(sender, frozenset({"NEVER"})),)
        envelope = Envelope(None, to, "7BIT" if data.isascii() else "8BITMIME", smtputf8=utf8)
        message = Message.from_bytes(data)
        await delivery.queue.put(number, envelope, message, now)
        note_own(site, "answer", number, envelope, message, delivery.id)
        _log.info("{message} answered by {number} to <{to}>", message=delivery.id, number=number, to=str(sender))
