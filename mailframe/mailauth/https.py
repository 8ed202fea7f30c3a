"""HTTPS to servers that other domains name: MTA-STS policies fetched, TLS reports posted (RFC 8461 3.3, RFC 8460 5.4).

Whoever writes a DNS record makes us connect somewhere. So: only public addresses, as our own resolver gives them and
with no second look-up in between; only the right name in a certificate that leads to a root; no redirects; and limits
on the octets that come back, headers included, and on the time all this takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from attrs import define, field
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL, crypto
from service_identity import VerificationError
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IReactorTCP, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import Certificate, TLSVersion, optionsForClientTLS, platformTrust, trustRootFromCertificates
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, FileBodyProducer, HTTPConnectionPool, ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from mailframe.errors import MailError, Permanent
from mailframe.interfaces import IResolver
from mailframe.mailauth.mta_sts import POLICY_OCTETS, FetchFailed, is_host_name
from mailframe.mailauth.roots import Roots
from mailframe.mailauth.tls_results import ResultType
from mailframe.message import parameters
from mailframe.net.public import is_public
from mailframe.site import Site

PORT = 443
TOTAL_SECONDS = 60.0
"""How long a request may take with all that belongs to it (RFC 8461 3.3)."""
CONNECT_SECONDS = 15.0
"""How long connecting to one address may take."""
WIRE_OCTETS = 256 * 1024
"""Octets that a server may send on one connection: certificates, headers and body."""
ADDRESSES = 4
"""Addresses of a server that are tried."""

USER_AGENT = b"mailframe"


@define(eq=False)
class HTTPS:
    """
    What L{mailframe.mailauth.policy_cache.PolicyCache.fetch} and report posting take.

    @ivar trust_root: C{IOpenSSLTrustRoot}; by default the roots of the system.
    @ivar port: of web servers; only tests have another.
    @ivar only_public: connect to public addresses only; only tests do not.
    """

    reactor: Any
    resolver: IResolver
    trust_root: Any = field(factory=platformTrust)
    port: int = PORT
    only_public: bool = True
    seconds: float = TOTAL_SECONDS

    async def fetch_policy(self, domain: str) -> bytes:
        """
        Return the MTA-STS policy file of a domain, unparsed, of at most L{POLICY_OCTETS}.

        @raise FetchFailed: there is none, or it cannot be had.
        """
        if not is_host_name(domain):
            raise FetchFailed("This is no domain")
        host = f"mta-sts.{domain}"
        url = f"https://{host}/.well-known/mta-sts.txt"
        response, body = await self._request(b"GET", url, Headers({b"Accept": [b"text/plain"]}), b"", POLICY_OCTETS)
        if response.code != 200:  # redirects, too, are refused (RFC 8461 3.3)
            raise FetchFailed(f"{host} answers with status {response.code}")
        kind = parameters.parse((response.headers.getRawHeaders(b"content-type") or [b""])[0]).value
        if kind != b"text/plain":
            raise FetchFailed(f"{host} sends something else than text/plain")
        return body

    async def post(self, url: str, body: bytes, content_type: str) -> None:
        """
        Post a report.

        @param url: from the DNS; C{https} and the usual port.
        @raise FetchFailed: it did not arrive, or was refused.
        """
        headers = Headers({b"Content-Type": [content_type.encode("ascii")]})
        # RFC 8460 5.4 knows success by the status alone, so the body may be anything, in bounds.
        response, _ = await self._request(b"POST", url, headers, body, POLICY_OCTETS)
        if not 200 <= response.code < 300:
            raise FetchFailed(f"The server answers with status {response.code}")

    # --- one request ------------------------------------------------------------------------------------------------

    async def _request(self, method: bytes, url: str, headers: Headers, body: bytes, limit: int) -> tuple[Any, bytes]:
        headers.setRawHeaders(b"User-Agent", [USER_AGENT])
        uri = self._uri(url)
        asking = Deferred.fromCoroutine(self._anywhere(method, uri, headers, body, limit))
        try:
            return await asking.addTimeout(self.seconds, self.reactor)
        except FetchFailed:
            raise
        except MailError as error:
            raise FetchFailed(f"{_host(uri)} cannot be looked up: {error}") from None
        except Exception as error:
            raise _failed(_host(uri), error) from None

    def _uri(self, url: str) -> Any:
        try:
            uri = URI.fromBytes(url.encode("ascii"), PORT)
        except ValueError:
            raise FetchFailed("The URL is malformed") from None
        if uri.scheme != b"https" or uri.port != PORT or not is_host_name(_host(uri)) or b"@" in uri.netloc:
            raise FetchFailed("The URL is none of https with a host name and the usual port")
        return uri

    async def _anywhere(self, method: bytes, uri: Any, headers: Headers, body: bytes, limit: int) -> tuple[Any, bytes]:
        """Ask one address after the other."""
        addresses = await self._addresses(_host(uri))
        for address in addresses[:-1]:
            try:
                return await self._ask(address, method, uri, headers, body, limit)
            except ConnectError:  # nobody is there; what goes wrong later would do so elsewhere too
                continue
        return await self._ask(addresses[-1], method, uri, headers, body, limit)

    async def _addresses(self, host: str) -> Sequence[str]:
        """
        @raise FetchFailed: there is none that we may connect to.
        """
        found: list[str] = []
        for family in ("A", "AAAA"):
            try:
                found += (await self.resolver.query(host, family)).records
            except Permanent:
                continue
        allowed = [address for address in found if is_public(address) or not self.only_public]
        if not allowed:
            raise FetchFailed(f"{host} has no public address" if found else f"{host} has no address")
        return allowed[:ADDRESSES]

    async def _ask(
        self, address: str, method: bytes, uri: Any, headers: Headers, body: bytes, limit: int
    ) -> tuple[Any, bytes]:
        pinned = _Pinned(self, address)
        agent = Agent.usingEndpointFactory(self.reactor, pinned, HTTPConnectionPool(self.reactor, persistent=False))
        sent = FileBodyProducer(BytesIO(body)) if body else None
        try:
            response: Any = await agent.request(method, uri.toBytes(), headers, sent)
            return response, await _body(response, limit)
        finally:
            pinned.abort()


def _host(uri: Any) -> str:
    host: str = uri.host.decode("ascii")
    return host.lower()


def _failed(host: str, error: Exception) -> FetchFailed:
    """Say in one sentence why nothing came back."""
    reasons = getattr(error, "reasons", None) or [Failure(error)]
    if any(reason.check(SSL.Error, VerificationError) for reason in reasons):
        return FetchFailed(f"{host} has no good certificate", ResultType.STS_WEBPKI_INVALID)
    if any(reason.check(CancelledError, TimeoutError) for reason in reasons):
        return FetchFailed(f"{host} does not answer in time")
    return FetchFailed(f"{host} cannot be asked: {type(reasons[0].value).__name__}")


# --- one connection ---------------------------------------------------------------------------------------------------


@implementer(IAgentEndpointFactory)
@define(eq=False)
class _Pinned:
    """Connects to one address, whatever the URL's host may resolve to by now."""

    https: HTTPS
    address: str
    metered: _Metered | None = None

    def abort(self) -> None:
        """Close the connection, without waiting for the other side to agree: it may never do so."""
        if self.metered is not None and self.metered.meter is not None:
            self.metered.meter.transport.abortConnection()

    def endpointForURI(self, uri: Any) -> IStreamClientEndpoint:
        options = optionsForClientTLS(
            _host(uri),
            trustRoot=self.https.trust_root,
            extraCertificateOptions={"raiseMinimumTo": TLSVersion.TLSv1_2},
        )
        kind = TCP6ClientEndpoint if ":" in self.address else TCP4ClientEndpoint
        self.metered = _Metered(kind(self.https.reactor, self.address, self.https.port, CONNECT_SECONDS))
        endpoint: IStreamClientEndpoint = wrapClientTLS(options, self.metered)
        return endpoint


@implementer(IStreamClientEndpoint)
@define(eq=False)
class _Metered:
    """An endpoint whose connections end when too much comes in: nothing in the HTTP client bounds headers."""

    inner: Any
    meter: _Meter | None = None

    def connect(self, factory: Any) -> Deferred[Any]:
        factory = WrappingFactory(factory)
        factory.protocol = _Meter
        connected: Deferred[Any] = self.inner.connect(factory)
        return connected.addCallback(self._connected)

    def _connected(self, meter: _Meter) -> Any:
        self.meter = meter
        return meter.wrappedProtocol


class _Meter(ProtocolWrapper):
    transport: Any
    octets = 0

    def dataReceived(self, data: bytes) -> None:
        self.octets += len(data)
        if self.octets > WIRE_OCTETS:
            self.transport.abortConnection()
        else:
            self.wrappedProtocol.dataReceived(data)


def _body(response: Any, limit: int) -> Deferred[bytes]:
    reading = _Body(limit)
    response.deliverBody(reading)
    return reading.read


class _Body(Protocol):
    """Collects a body up to a limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.octets = b""
        self.read: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.octets += data
        if len(self.octets) > self.limit and not self.read.called:
            self.read.errback(FetchFailed(f"The server sends more than {self.limit} octets"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.read.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):  # the latter: it ended with the connection
            self.read.callback(self.octets)
        else:
            self.read.errback(reason)


def https(site: Site, roots: Roots | None = None) -> HTTPS | None:
    """
    Return what a site asks web servers by, or C{None} where there is no real network, or no DNS.

    @param roots: what their certificates must lead to; C{None} is the roots of the system.
    """
    if site.resolver is None or not IReactorTCP.providedBy(site.clock):
        return None
    trust = platformTrust() if roots is None else _trust(roots)
    return HTTPS(site.clock, site.resolver, trust)


def _trust(roots: Roots) -> Any:
    ders = [each.public_bytes(Encoding.DER) for each in roots.certificates]
    return trustRootFromCertificates([Certificate.load(der, crypto.FILETYPE_ASN1) for der in ders])
