"""Delivery to other servers: by the DNS, to a smarthost, and by LMTP."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from attrs import define, field
from zope.interface import implementer

from mailframe.address import Address, parse_domain
from mailframe.delivery.exchangers import Exchanger, Unroutable, addresses, exchangers
from mailframe.envelope import Recipient
from mailframe.hooks import Delivery, Outcome, Retry
from mailframe.interfaces import IElsewhere
from mailframe.mailauth.tls_policy import Destination, Level, TLSPolicyFailure, TLSRequirement, requirement
from mailframe.mailauth.tls_results import PolicyType, PolicyUsed
from mailframe.site import TCP, UNIX, Site
from mailframe.smtp.client.login import Credentials
from mailframe.smtp.client.outcomes import Unusable
from mailframe.smtp.sending import Hop, Host, Sender

_NO_RUNNER = Retry("4.3.5", "This target needs a Runner to send by")
_PORT = re.compile(r"(.+):([0-9]{1,5})")


@implementer(IElsewhere)
@define(eq=False, kw_only=True)
class ToMX:
    """
    The mail exchangers of each recipient's domain (RFC 5321 section 5).

    @ivar port: where they listen; anything but 25 is for tests.
    @ivar source: the address to send from; empty leaves it to the system.
    @ivar ours: more names of this host: mail exchangers of that name are ourselves.
    """

    port: int = 25
    source: str = ""
    ours: Collection[str] = ()

    async def __call__(self, delivery: Delivery) -> Mapping[Address, Outcome]:
        """Deliver, domain by domain."""
        if delivery.via is None:
            return dict.fromkeys((each.address for each in delivery.recipients), _NO_RUNNER)
        domains: dict[str, list[Recipient]] = {}
        for recipient in delivery.recipients:
            domains.setdefault(recipient.address.domain, []).append(recipient)
        wanted = _tls_required(delivery)
        outcomes: dict[Address, Outcome] = {}
        for domain, recipients in domains.items():
            hop = Hop(f"{domain}:{self.port} {wanted}", partial(self._hosts, delivery.via, domain, wanted))
            outcomes.update(await delivery.via.send(delivery.to(recipients), hop))
        return outcomes

    async def _hosts(self, sender: Sender, domain: str, wanted: bool | None) -> Sequence[Callable[[], Awaitable[Host]]]:
        site = sender.site
        with _unusable():
            found = await exchangers(_resolver(site), domain, {site.hostname.lower(), *self.ours}, site.random)
        return [partial(self._host, sender, domain, wanted, each) for each in found]

    async def _host(self, sender: Sender, domain: str, wanted: bool | None, exchanger: Exchanger) -> Host:
        site, name = sender.site, exchanger.name
        with _unusable():
            peers = await addresses(_resolver(site), name)
            required = await requirement(
                domain,
                name,
                sender.policies,
                site.clock.seconds(),
                port=self.port,
                mx_is_authentic=exchanger.secure,
                tls_required=wanted,
            )
        return Host(name, [TCP(each, self.port, self.source) for each in peers], required)


def _tls_required(delivery: Delivery) -> bool | None:
    """Return what the sender wants of TLS (RFC 8689): all of it, none of it, or C{None}: whatever is usual."""
    if delivery.envelope.require_tls:
        return True
    field = delivery.message.header("TLS-Required") if b"tls-required" in delivery.message.head.lower() else None
    return False if (field or "").strip().lower() == "no" else None


@implementer(IElsewhere)
@define(eq=False)
class ToSmarthost:
    """
    One server that takes all mail.

    @ivar server: its host name or address, with C{:port} if that is not 25 (465 with C{implicit_tls}, 587 with
        C{credentials}).
    @ivar credentials: to log in with.
    @ivar implicit_tls: TLS begins before SMTP does (RFC 8314 3.3).
    @ivar tls: what TLS must be like; by default, with credentials or implicit TLS, a certificate for its name.
    @ivar source: the address to send from.
    """

    server: str
    credentials: Credentials | None = field(default=None, kw_only=True)
    implicit_tls: bool = field(default=False, kw_only=True)
    tls: Destination = field(kw_only=True)
    source: str = field(default="", kw_only=True)
    lmtp: bool = field(default=False, init=False)

    @tls.default
    def _default_tls(self) -> Destination:
        return Destination(Level.VERIFY if self.credentials or self.implicit_tls else Level.MAY)

    def __attrs_post_init__(self) -> None:
        self._where()

    def _where(self) -> tuple[str, int]:
        found = _PORT.fullmatch(self.server) if self.server.count(":") == 1 or self.server.startswith("[") else None
        name, port = (found[1], int(found[2])) if found else (self.server, self._port)
        name = name.strip("[]")
        if not 0 < port < 65536 or not name:
            raise ValueError(f"{self.server!r} is no host with an optional port")
        return name if ":" in name else parse_domain(name), port

    @property
    def _port(self) -> int:
        return 465 if self.implicit_tls else 587 if self.credentials else 25

    async def __call__(self, delivery: Delivery) -> Mapping[Address, Outcome]:
        """Deliver all to the server."""
        if delivery.via is None:
            return dict.fromkeys((each.address for each in delivery.recipients), _NO_RUNNER)
        who = self.credentials.username if self.credentials else ""
        hop = Hop(
            f"{'lmtp' if self.lmtp else 'smtp'}:{who}@{self.server}",
            partial(self._hosts, delivery.via.site),
            self.lmtp,
            self.implicit_tls,
            self.credentials,
        )
        return dict(await delivery.via.send(delivery, hop))

    async def _hosts(self, site: Site) -> Sequence[Callable[[], Awaitable[Host]]]:
        return [partial(self._host, site)]

    async def _host(self, site: Site) -> Host:
        name, port = self._where()
        with _unusable():
            peers = await addresses(_resolver(site), name)
        return Host(name, [TCP(each, port, self.source) for each in peers], self._required(name))

    def _required(self, name: str) -> TLSRequirement:
        used = PolicyUsed(PolicyType.NO_POLICY_FOUND, name)
        return TLSRequirement(self.tls.level, used, self.tls.names or (name,), roots=self.tls.roots)


@implementer(IElsewhere)
@define(eq=False)
class ToLMTP(ToSmarthost):
    """
    A server that speaks LMTP (RFC 2033), such as Dovecot's.

    @ivar server: C{host:port} (24 without one), or the path of a UNIX socket, which begins with a slash.
    """

    lmtp: bool = field(default=True, init=False)

    @property
    def _port(self) -> int:
        return 24

    def _where(self) -> tuple[str, int]:
        return ("localhost", 0) if self.server.startswith("/") else super()._where()

    async def _host(self, site: Site) -> Host:
        if self.server.startswith("/"):
            return Host(self.server, [UNIX(self.server)], self._required(self.server))
        return await super()._host(site)


@contextmanager
def _unusable() -> Iterator[None]:
    """Turn what the DNS says into what the sender understands."""
    try:
        yield
    except Unroutable as error:
        raise Unusable(error.outcome) from None
    except TLSPolicyFailure as error:
        raise Unusable(Retry("4.7.5", str(error))) from None


def _resolver(site: Site) -> Any:
    if site.resolver is None:
        raise Unusable(Retry("4.4.3", "This server asks no DNS: give it nameservers="))
    return site.resolver
