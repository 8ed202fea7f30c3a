"""Hook points of receiving mail: the events, the verdicts, the outcomes, and how hooks are asked."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from attrs import define, evolve, field, frozen
from twisted.internet import defer
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailframe import status as codes
from mailframe.address import Address
from mailframe.envelope import Envelope, Recipient
from mailframe.interfaces import Identity
from mailframe.net.tls import TLSInfo
from mailframe.site import Site
from mailframe.spool import Message, header_field
from mailframe.waiting import in_time

_log = Logger()

HOOK_SECONDS = 60.0
"""How long a hook may think before the answer is 451 (a client waits 5 minutes, RFC 5321 4.5.3.2)."""


# --- who is there --------------------------------------------------------------------------------------------------


@define(eq=False)
class Client:
    """
    The peer of one connection, as far as it is known by now; hooks read it and may keep notes in C{notes}.

    @ivar session: the session's id, as in every log event.
    @ivar address: the peer's IP address; empty for a UNIX socket.
    @ivar service: the listener's keyword: C{mx}, C{submission}, C{lmtp}, C{imap}, C{pop3}.
    @ivar helo: what the peer said in HELO, EHLO or LHLO.
    @ivar tls: how the connection is protected, or C{None}.
    @ivar identity: who has authenticated, or C{None}.
    @ivar notes: for hooks, to remember things between hook points of one connection.
    """

    session: str
    address: str
    port: int = 0
    service: str = ""
    helo: str = ""
    tls: TLSInfo | None = None
    identity: Identity | None = None
    notes: dict[str, Any] = field(factory=dict)


# --- what a hook says ----------------------------------------------------------------------------------------------


def _status(classes: str) -> Callable[[Any, Any, str], None]:
    def check(_instance: object, _attribute: Any, value: str) -> None:
        codes.checked(value, classes)

    return check


def _one_line(_instance: object, attribute: Any, value: str) -> None:
    if not value.isprintable():
        raise ValueError(f"{attribute.name} must be one printable line, and {value!r} is not")


@frozen
class Accept:
    """Yes, and no later hook of this point is asked."""


@frozen
class Reject:
    """
    No, for good: the client is told 550, or 554 at connect.

    @ivar status: a 5.x.x code of RFC 3463.
    @ivar text: one line for the sender's eyes.
    """

    status: str = field(default=codes.POLICY, validator=_status("5"))
    text: str = field(default="Not accepted here", validator=_one_line)


@frozen
class Postpone:
    """
    Not now, try again later: the client is told 451.

    @ivar status: a 4.x.x code of RFC 3463.
    """

    status: str = field(default=codes.POLICY_LATER, validator=_status("4"))
    text: str = field(default="Try again later", validator=_one_line)


@frozen
class Discard:
    """Say yes and throw it away: meant for the message hook of spam traps. Nobody will ever be told."""


Verdict: TypeAlias = Accept | Reject | Postpone | Discard
Answer: TypeAlias = "Verdict | Awaitable[Verdict | None] | None"
"""A hook answers at once, with a coroutine or with a Deferred; C{None} is no opinion: the next hook is asked."""


# --- hook points ---------------------------------------------------------------------------------------------------


@frozen
class ConnectEvent:
    """A client has connected; nothing was said yet."""

    client: Client


@frozen
class HelloEvent:
    """HELO or EHLO or LHLO came; the name stands in C{client.helo}."""

    client: Client


@frozen
class SenderEvent:
    """MAIL FROM came; C{envelope} has no recipients yet."""

    client: Client
    envelope: Envelope


@frozen
class RecipientEvent:
    """RCPT TO came; C{envelope} has the recipients accepted before."""

    client: Client
    envelope: Envelope
    recipient: Recipient


@define(eq=False)
class MessageEvent:
    """
    The whole message is there and not stored yet.

    @ivar id: the message's id, as in the reply, the Received field and every log event.
    """

    client: Client
    id: str
    envelope: Envelope
    message: Message

    def add_header(self, name: str, value: str) -> None:
        """
        Put a header field in front of the message, encoded where needed and safe against injected lines.

        @raise ValueError: C{name} is no field name.
        """
        self.message = self.message.with_fields(header_field(name, value))


ConnectHook: TypeAlias = Callable[[ConnectEvent], Answer]
HelloHook: TypeAlias = Callable[[HelloEvent], Answer]
SenderHook: TypeAlias = Callable[[SenderEvent], Answer]
RecipientHook: TypeAlias = Callable[[RecipientEvent], Answer]
MessageHook: TypeAlias = Callable[[MessageEvent], Answer]

E = TypeVar("E")


async def ask(
    hooks: Sequence[Callable[[E], Answer]],
    event: E,
    clock: IReactorTime,
    seconds: float = HOOK_SECONDS,
    decided: Callable[[Callable[[E], Answer], Verdict], None] | None = None,
) -> Verdict | None:
    """
    Ask the hooks in their order; the first with an opinion decides.

    A hook that raises, answers with something else or thinks for more than C{seconds} means
    L{Postpone}, never acceptance.

    @param decided: is told which hook decides, and how.
    @return: the verdict, or C{None} when no hook has an opinion.
    """
    for hook in hooks:
        verdict = await _ask_one(hook, event, clock, seconds)
        if verdict is not None:
            if decided is not None:
                decided(hook, verdict)
            return verdict
    return None


async def _ask_one(hook: Callable[[E], Answer], event: E, clock: IReactorTime, seconds: float) -> Verdict | None:
    try:
        verdict = await in_time(hook, event, clock, seconds)
    except defer.TimeoutError:
        _log.error("hook {hook!r} gave no answer in {seconds} s", hook=hook, seconds=seconds)
        return Postpone(codes.SYSTEM_FAULT, "A check took too long, try again later")
    except Exception:
        _log.failure("hook {hook!r} failed", hook=hook)
        return Postpone(codes.SYSTEM_FAULT, "A check failed, try again later")
    if verdict is None or isinstance(verdict, Accept | Reject | Postpone | Discard):
        return verdict
    _log.error("hook {hook!r} answered {verdict!r}, which is no verdict", hook=hook, verdict=verdict)
    return Postpone(codes.SYSTEM_FAULT, "A check failed, try again later")


# --- delivery ------------------------------------------------------------------------------------------------------


class Action(enum.Enum):
    """What has become of a message that was delivered, for the report that its sender may have asked for."""

    DELIVERED = "delivered"
    """It is where the recipient reads it."""
    RELAYED = "relayed"
    """The next server has it, and will not report (RFC 3461 5.2.2)."""
    EXPANDED = "expanded"
    """It went on to several addresses (RFC 3461 5.2.7.3)."""
    PASSED_ON = "passed on"
    """The next server has it and the sender's wishes: it reports, we do not (RFC 3461 5.2.1)."""


@frozen
class Delivered:
    """
    The message is durably where it should be.

    @ivar text: where, for the log.
    @ivar remote: the name of the server that took it; empty when it is here.
    @ivar diagnostic: that server's reply, C{250 2.0.0 OK}.
    """

    text: str = ""
    action: Action = Action.DELIVERED
    remote: str = field(default="", validator=_one_line)
    diagnostic: str = field(default="", validator=_one_line)


@frozen
class Retry:
    """
    Not now.

    @ivar status: a 4.x.x code of RFC 3463.
    @ivar remote: the name of the server that said so; empty when we did.
    @ivar diagnostic: that server's reply, C{450 4.2.1 Mailbox busy}.
    """

    status: str = field(default=codes.SYSTEM_FAULT, validator=_status("4"))
    text: str = field(default="Cannot deliver now", validator=_one_line)
    remote: str = field(default="", validator=_one_line)
    diagnostic: str = field(default="", validator=_one_line)


@frozen
class Failed:
    """
    Never.

    @ivar status: a 5.x.x code of RFC 3463.
    @ivar remote: the name of the server that said so; empty when we did.
    @ivar diagnostic: that server's reply, C{550 5.1.1 No such user}.
    """

    status: str = field(default="5.0.0", validator=_status("5"))
    text: str = field(default="Cannot deliver", validator=_one_line)
    remote: str = field(default="", validator=_one_line)
    diagnostic: str = field(default="", validator=_one_line)


Outcome: TypeAlias = Delivered | Retry | Failed
Outcomes: TypeAlias = Outcome | Mapping[Address, Outcome]
"""One outcome for all recipients of a delivery, or one for each."""


@frozen(eq=False)
class Delivery:
    """
    A message and the recipients one target shall deliver it to.

    @ivar id: the message's id, as in the log.
    @ivar envelope: with all recipients of the message.
    @ivar recipients: those of them that are meant here.
    @ivar client: who brought it; C{None} when it comes from the queue.
    @ivar via: the connections of the L{mailframe.queue.runner.Runner} that asks; C{None} when it does not come from
        the queue.
    @ivar site: the world, for targets that need the time, randomness or programs.
    @ivar queue: an L{mailframe.interfaces.IDeliveryQueue} for what a target sends on; C{None} where there is none.
    """

    id: str
    envelope: Envelope
    recipients: tuple[Recipient, ...]
    message: Message
    client: Client | None = None
    via: Any = None
    site: Site | None = None
    queue: Any = None

    @property
    def sender(self) -> Address | None:
        """The envelope sender; C{None} is the null sender of reports."""
        return self.envelope.sender

    @property
    def account(self) -> str | None:
        """Who logged in to send it; C{None} is somebody who did not."""
        return self.envelope.account

    def to(self, recipients: Sequence[Recipient]) -> Delivery:
        """Return this delivery for some of its recipients only."""
        return evolve(self, recipients=tuple(recipients))


Target: TypeAlias = Callable[[Delivery], "Outcomes | Awaitable[Outcomes]"]
"""Where a route leads: any function of a delivery. One that also provides
L{mailframe.interfaces.IRecipientCheck} is asked about each recipient before the message comes."""
