"""Delivery to other servers: by the DNS, to a smarthost, and by LMTP."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from attrs import define, field
from zope.interface import implementer

from mailframe.address import Address
from mailframe.delivery.exchangers import Exchanger, Unroutable, addresses, exchangers
from mailframe.envelope import Recipient
from mailframe.hooks import Delivery, Outcome, Retry
from mailframe.interfaces import IElsewhere, IKnowsServers
from mailframe.mailauth.tls_policy import Destination, Level, Policies, TLSPolicyFailure, TLSRequirement, requirement
from mailframe.net.hop import parse_hop
from mailframe.site import TCP, UNIX, Site
from mailframe.smtp.client.login import Credentials
from mailframe.smtp.client.outcomes import Unusable
from mailframe.smtp.sending import Hop, Host, Sender

_NO_RUNNER = Retry("4.3.5", "This target needs a Runner to send by")


def _sources(value: str | Iterable[str]) -> Mapping[int, str]:
    """
    Return the addresses to send from by version of IP.

    @raise ValueError: one is no address, or there are two of a version.
    """
    given = [value] if isinstance(value, str) else list(value)
    addresses = [ipaddress.ip_address(each) for each in given if each]
    by_version: dict[int, str] = {each.version: str(each) for each in addresses}
    if len(by_version) < len(addresses):
        raise ValueError(f"source wants one address of each version of IP at most, not {given!r}")
    return by_version


def _peers(found: Sequence[str], port: int, sources: Mapping[int, str]) -> Sequence[TCP]:
    """
    Return where a host listens.

    @param sources: where there are some, only what they reach counts: mail that comes from another address than the
        chosen one is not what was wanted.
    @raise Unusable: they reach nothing of it.
    """
    versions = [(each, ipaddress.ip_address(each).version) for each in found]
    peers = [
        TCP(each, port, sources.get(version, "")) for each, version in versions if not sources or version in sources
    ]
    if not peers:
        text = f"None of {', '.join(found)} can be reached from {_listed(sources)}"
        raise Unusable(Retry("4.4.4", text))
    return peers


@implementer(IElsewhere, IKnowsServers)
@define(eq=False, kw_only=True)
class ToMX:
    """
    The mail exchangers of each recipient's domain (RFC 5321 section 5).

    @ivar port: where they listen; anything but 25 is for tests.
    @ivar source: the address to send from, or one of IPv4 and one of IPv6; of a version without one no use is made.
        Empty leaves it to the system.
    @ivar ours: more names of this host: mail exchangers of that name are ourselves.
    """

    port: int = 25
    source: Mapping[int, str] = field(default="", converter=_sources)
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
            key = f"{domain}:{self.port} {wanted} {_listed(self.source)}"
            hop = Hop(key, partial(self._hosts, delivery.via, domain, wanted))
            outcomes.update(await delivery.via.send(delivery.to(recipients), hop))
        return outcomes

    async def servers(self, site: Site, domain: str) -> Sequence[str]:
        """Return the names of a domain's mail exchangers."""
        if site.resolver is None:
            return []
        try:
            found = await self._exchangers(site, domain)
        except Unroutable:
            return []
        return [each.name for each in found]

    async def _exchangers(self, site: Site, domain: str) -> Sequence[Exchanger]:
        return await exchangers(_resolver(site), domain, {site.hostname.lower(), *self.ours}, site.random)

    async def _hosts(self, sender: Sender, domain: str, wanted: bool | None) -> Sequence[Callable[[], Awaitable[Host]]]:
        site = sender.site
        with _unusable(sender, domain):
            found = await self._exchangers(site, domain)
        return [partial(self._host, sender, domain, wanted, each) for each in found]

    async def _host(self, sender: Sender, domain: str, wanted: bool | None, exchanger: Exchanger) -> Host:
        site, name = sender.site, exchanger.name
        with _unusable(sender, name):
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
        return Host(name, _peers(peers, self.port, self.source), required)


def _tls_required(delivery: Delivery) -> bool | None:
    """Return what the sender wants of TLS (RFC 8689): all of it, none of it, or C{None}: whatever is usual."""
    if delivery.envelope.require_tls:
        return True
    field = delivery.message.header("TLS-Required") if b"tls-required" in delivery.message.head.lower() else None
    return False if (field or "").strip().lower() == "no" else None


@implementer(IElsewhere, IKnowsServers)
@define(eq=False)
class ToSmarthost:
    """
    One server that takes all mail.

    @ivar server: its host name or address, with C{:port} if that is not 25 (465 with C{implicit_tls}, 587 with
        C{credentials}).
    @ivar credentials: to log in with.
    @ivar implicit_tls: TLS begins before SMTP does (RFC 8314 3.3).
    @ivar certificate: path of a PEM file with our key and certificate, for a server that knows us by it.
    @ivar tls: what TLS must be like; by default, with credentials or implicit TLS, a certificate for its name.
    @ivar source: the address to send from, as in L{ToMX}.
    """

    server: str
    credentials: Credentials | None = field(default=None, kw_only=True)
    implicit_tls: bool = field(default=False, kw_only=True)
    certificate: str = field(default="", kw_only=True)
    tls: Destination = field(kw_only=True)
    source: Mapping[int, str] = field(default="", kw_only=True, converter=_sources)
    lmtp: bool = field(default=False, init=False)

    @tls.default
    def _default_tls(self) -> Destination:
        return Destination(Level.VERIFY if self.credentials or self.implicit_tls else Level.MAY)

    def __attrs_post_init__(self) -> None:
        self._where()

    def _where(self) -> tuple[str, int]:
        return parse_hop(self.server, self._port)

    @property
    def _port(self) -> int:
        return 465 if self.implicit_tls else 587 if self.credentials else 25

    async def __call__(self, delivery: Delivery) -> Mapping[Address, Outcome]:
        """Deliver all to the server."""
        if delivery.via is None:
            return dict.fromkeys((each.address for each in delivery.recipients), _NO_RUNNER)
        login = self.credentials
        who = "" if login is None else " ".join([login.username, *login.mechanisms])
        wanted = delivery.envelope.require_tls and not self.lmtp  # which is the end of the way (RFC 8689 4.2.1)
        hop = Hop(
            f"{'lmtp' if self.lmtp else 'smtp'}:{who}@{self.server} {wanted} {self._alike}",
            partial(self._hosts, delivery.via, wanted),
            self.lmtp,
            self.implicit_tls,
            self.credentials,
            self.certificate,
        )
        return dict(await delivery.via.send(delivery, hop))

    @property
    def _alike(self) -> str:
        """Connections may be shared only with targets for which this is the same."""
        tls, trusted = self.tls, id(self.tls.roots)
        how = f"{tls.level.name} {' '.join(tls.names)} {trusted} {self.implicit_tls} {self.certificate}"
        return f"{how} {_listed(self.source)}"

    async def servers(self, site: Site, domain: str) -> Sequence[str]:
        """Return the name of the server."""
        return [self._where()[0]]

    async def _hosts(self, sender: Sender, wanted: bool) -> Sequence[Callable[[], Awaitable[Host]]]:
        return [partial(self._host, sender, wanted)]

    async def _host(self, sender: Sender, wanted: bool) -> Host:
        name, port = self._where()
        with _unusable(sender, name):
            peers = [name] if _is_address(name) else await addresses(_resolver(sender.site), name)
            required = await self._required(sender, name, port, wanted)
        return Host(name, _peers(peers, port, self.source), required)

    async def _required(self, sender: Sender, name: str, port: int, wanted: bool) -> TLSRequirement:
        """Decide by what was configured here: nobody publishes policies for a server that we have chosen."""
        site = sender.site
        policies = Policies(site.resolver, destinations={name: self.tls}, roots=sender.policies.roots)
        tls_required = True if wanted else None
        return await requirement(
            name, name, policies, site.clock.seconds(), port=port, mx_is_authentic=True, tls_required=tls_required
        )


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

    async def _host(self, sender: Sender, wanted: bool) -> Host:
        if not self.server.startswith("/"):
            return await super()._host(sender, wanted)
        return Host(self.server, [UNIX(self.server)], await self._required(sender, *self._where(), wanted))


@contextmanager
def _unusable(sender: Sender, name: str) -> Iterator[None]:
    """Turn what the DNS says into what the sender understands."""
    try:
        yield
    except Unroutable as error:
        raise Unusable(error.outcome) from None
    except TLSPolicyFailure as error:
        raise sender.unusable(error, name) from None


def _listed(sources: Mapping[int, str]) -> str:
    return ", ".join(sources.values())


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _resolver(site: Site) -> Any:
    if site.resolver is None:
        raise Unusable(Retry("4.4.3", "This server asks no DNS: give it nameservers="))
    return site.resolver
