"""The three services as values that users configure: MX, Submission and LMTP."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar

from attrs import define, field
from attrs.validators import instance_of, optional

from mailframe.auth.login import Login, LoginPolicy
from mailframe.delivery.queueing import ToQueue
from mailframe.delivery.routes import Routes, routes
from mailframe.hooks import Client, ConnectHook, HelloHook, MessageHook, RecipientHook, SenderHook
from mailframe.interfaces import IAuthenticator, IDeliveryQueue, IKeepsSpool
from mailframe.net.listening import ConnectionLimits, ConversationFactory
from mailframe.site import Site, provides
from mailframe.smtp import replies
from mailframe.smtp.commands import COMMANDS
from mailframe.smtp.extension import Vocabulary
from mailframe.smtp.extensions import EXTENSIONS
from mailframe.smtp.limits import DEFAULT, BareNewlines, Limits
from mailframe.smtp.pace import Pace
from mailframe.smtp.protocol import SMTPConversation
from mailframe.smtp.reader import Reader
from mailframe.smtp.roles import LMTPRole, MXRole, Network, Role, SubmissionRole
from mailframe.smtp.session import Session
from mailframe.spool import Spool

T = TypeVar("T")

VOCABULARY = Vocabulary.of(COMMANDS, EXTENSIONS)
_SMTP, _LMTP = VOCABULARY.without(b"LHLO"), VOCABULARY.without(b"HELO", b"EHLO")


def _hooks(given: Iterable[T]) -> tuple[T, ...]:
    if callable(given) or not isinstance(given, Iterable):
        raise TypeError(f"hooks are given as a list such as [my_hook], and {given!r} is none")
    return tuple(given)


def _routes(given: Any) -> Any:
    """Return routes, or the runner that brings them: L{Receiver} takes that apart."""
    brings_routes = isinstance(getattr(given, "routes", None), Routes)
    return given if brings_routes and IDeliveryQueue.providedBy(given) else routes(given)


def _networks(given: Iterable[str]) -> tuple[Network, ...]:
    if isinstance(given, str):
        raise TypeError(f"relay_from wants a list of networks such as ['192.0.2.0/24'], not {given!r}")
    return tuple(map(ipaddress.ip_network, given))


@define(eq=False, kw_only=True)
class Receiver:
    """
    What the three services have in common.

    @ivar routes: a L{mailframe.queue.runner.Runner}, which brings its routes and is the queue too; or a target for
        everything, or a list of L{mailframe.delivery.routes.Route}. Mail that no route is for is refused, so an open
        relay takes a decision.
    @ivar at_connect: hooks, asked in their order; so are the others.
    @ivar connections: how many at the same time.
    @ivar queue: an L{IDeliveryQueue} for mail that goes to other servers, where C{routes} are no runner. It also takes
        the recipients whose delivery has to wait when a message was delivered to others already; C{None} lets the
        client send again, and those others get it twice.
    @ivar relay_from: networks, such as C{"192.0.2.0/24"}, whose clients may send to other servers without a login,
        and ask for mail that waits for domains with a route (ETRN), as users who log in may.
    """

    role_type: ClassVar[type[Role]]

    routes: Routes = field(converter=_routes, kw_only=False)
    at_connect: tuple[ConnectHook, ...] = field(default=(), converter=_hooks)
    at_hello: tuple[HelloHook, ...] = field(default=(), converter=_hooks)
    at_sender: tuple[SenderHook, ...] = field(default=(), converter=_hooks)
    at_recipient: tuple[RecipientHook, ...] = field(default=(), converter=_hooks)
    at_message: tuple[MessageHook, ...] = field(default=(), converter=_hooks)
    limits: Limits = field(default=DEFAULT, validator=instance_of(Limits))
    bare_newlines: BareNewlines = field(default=BareNewlines.REJECT, validator=instance_of(BareNewlines))
    connections: ConnectionLimits = field(default=ConnectionLimits(), validator=instance_of(ConnectionLimits))
    queue: Any = field(default=None, validator=optional(provides(IDeliveryQueue)))
    relay_from: tuple[Network, ...] = field(default=(), converter=_networks)
    role: Role = field(init=False)

    def __attrs_post_init__(self) -> None:
        given: Any = self.routes
        if not isinstance(given, Routes):
            if self.queue not in (None, given):
                raise ValueError("the runner whose routes these are is the queue: leave queue= out")
            self.routes, self.queue = given.routes, given
        self._check_queue()
        self.role = self.role_type(
            at_connect=self.at_connect,
            at_hello=self.at_hello,
            at_sender=self.at_sender,
            at_recipient=self.at_recipient,
            at_message=self.at_message,
            limits=self.limits,
            bare_newlines=self.bare_newlines,
            relay_from=self.relay_from,
            **self._senders,
        )

    def _check_queue(self) -> None:
        """Refuse mail that nobody would ever send on."""
        if self.queue is None:
            if self.routes.lead_elsewhere:
                raise ValueError("a route needs a queue: give Runner(data, routes) in place of the routes")
            return
        known: Any = getattr(self.queue, "routes", None)
        if not isinstance(known, Routes) or known is self.routes:
            return
        for route in self.routes.elsewhere:
            if route not in known.routes:
                raise ValueError(f"the runner that is the queue has no route for {route.pattern!r}: give both the same")

    @property
    def _senders(self) -> dict[str, bool]:
        return {}

    def _login(self, site: Site) -> Login | None:
        return None

    @property
    def _spool(self) -> Spool:
        """Big messages wait where the first target that keeps a spool can take them over."""
        targets: list[Any] = [*(route.target for route in self.routes.routes), self.queue]
        return next((target.spool for target in targets if IKeepsSpool.providedBy(target)), Spool())

    def factory(self, site: Site, tls: Any = None, implicit_tls: bool = False) -> ConversationFactory:
        """
        Return what serves the clients of one port.

        @param tls: the context for STARTTLS; C{None} does not offer it.
        @param implicit_tls: the port's connections are TLS already.
        """
        login, spool = self._login(site), self._spool
        vocabulary = _LMTP if self.role.is_lmtp else _SMTP
        pace = Pace(self.limits.etrn_seconds)
        to_queue = None if self.queue is None else ToQueue(self.queue, site.clock)

        def build(address: str, port: int) -> SMTPConversation:
            conversation = SMTPConversation(site, implicit_tls)
            client = Client(site.new_id(), address, port, self.role.keyword)
            reader = Reader(conversation.inbox, self.limits.line, self.limits.text_line)
            conversation.session = Session(
                conversation,
                reader,
                site,
                client,
                self.role,
                self.routes,
                spool,
                vocabulary,
                tls,
                login,
                self.queue,
                to_queue,
                pace,
            )
            return conversation

        return ConversationFactory(site.clock, build, bytes(_NO_ROOM), self.connections)


_NO_ROOM = replies.reply(421, "4.7.0", "Too many connections, try again later")


@define(eq=False, kw_only=True)
class MX(Receiver):
    """Mail from other servers, for our own people."""

    role_type: ClassVar[type[Role]] = MXRole


@define(eq=False, kw_only=True)
class LMTP(Receiver):
    """Mail from another MTA of this site (RFC 2033): never on a public address, since it asks nobody who he is."""

    role_type: ClassVar[type[Role]] = LMTPRole


@define(eq=False, kw_only=True)
class Submission(Receiver):
    """
    Mail from our users (RFC 6409): they log in, and send as themselves.

    @ivar users: an L{IAuthenticator}. If it is an L{IDirectory} too, users may send as an alias that leads to them.
    @ivar default_domain: added to login names without one.
    @ivar login: policy and limits of logging in.
    @ivar any_sender: let users send as anybody.
    @ivar null_sender: let users send with the null sender, as their programs do for receipts (RFC 8098 3).
    """

    role_type: ClassVar[type[Role]] = SubmissionRole

    users: Any = field(validator=provides(IAuthenticator))
    default_domain: str | None = None
    login: LoginPolicy = LoginPolicy()
    any_sender: bool = False
    null_sender: bool = True

    @property
    def _senders(self) -> dict[str, bool]:
        return {"any_sender": self.any_sender, "null_sender": self.null_sender}

    def _login(self, site: Site) -> Login | None:
        return Login(self.users, site, self.login, self.default_domain)


__all__ = ["LMTP", "MX", "VOCABULARY", "Receiver", "Submission"]
