"""HTTPS against a real web server on loopback, with every kind of trouble that one can make."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import Certificate as TwistedCertificate
from twisted.internet.ssl import CertificateOptions, trustRootFromCertificates
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

import mailframe
from mailframe.mailauth import https
from mailframe.mailauth.https import HTTPS, WIRE_OCTETS
from mailframe.mailauth.mta_sts import POLICY_OCTETS, FetchFailed, Policy
from mailframe.mailauth.policy_cache import PolicyCache
from mailframe.mailauth.roots import Roots
from mailframe.mailauth.tls_results import ResultType
from mailframe.net.dns import NoAnswer
from mailframe.testing.dns import FakeDNS
from tests.mailauth.pki import OTHER_ROOT, ROOT, Issued, make

HOST = "mta-sts.example.org"
FILE = b"version: STSv1\r\nmode: enforce\r\nmx: mx.example.org\r\nmax_age: 604800\r\n"
FETCH_ERROR, WEBPKI = ResultType.STS_POLICY_FETCH_ERROR, ResultType.STS_WEBPKI_INVALID
GOOD = ROOT.issue(HOST)


class Answering(Resource):
    """Answers every request in the same way, and keeps what was asked."""

    isLeaf = True  # noqa: N815

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[tuple[bytes, bytes, bytes, bytes, bytes]] = []
        self.status, self.headers = 200, {b"Content-Type": b"text/plain; charset=utf-8"}
        self.body: bytes = FILE
        self.stays_open = False

    def render(self, request: Any) -> Any:
        header = request.requestHeaders.getRawHeaders
        host, kind = header(b"host", [b""])[0], header(b"content-type", [b""])[0]
        self.requests.append((request.method, request.uri, host, kind, request.content.read()))
        request.setResponseCode(self.status)
        for name, value in self.headers.items():
            request.setHeader(name, value)
        if self.stays_open:
            request.write(b"version: STSv1\r\n")
            return NOT_DONE_YET
        return self.body


class Raw(Protocol):
    """Answers with octets, whatever they are, and ends or waits for the end."""

    transport: Any
    octets = b""
    closes = True

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(self.octets)
        if self.closes:
            self.transport.loseConnection()


listener: Any = reactor
"""The reactor, whose declared type has no TLS."""


def roots(*authorities: Issued) -> Any:
    return trustRootFromCertificates([TwistedCertificate.loadPEM(each.pem) for each in authorities])


class HTTPSTests(TestCase):
    timeout = 20

    def setUp(self) -> None:
        self.site = Answering()
        self.zone: dict[str, Any] = {HOST: {"A": ["127.0.0.1"]}}
        self.faults: dict[str, type[Exception]] = {}

    def listen(self, server: Issued = GOOD, factory: Any = None) -> int:
        key: Any = server.key
        certificate: Any = server.certificate
        options = CertificateOptions(privateKey=key, certificate=certificate)
        site = factory or Site(self.site)
        port: Any = listener.listenSSL(0, site, options, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    def client(self, port: int, **options: Any) -> HTTPS:
        options = {"trust_root": roots(ROOT), "only_public": False, **options}
        return HTTPS(reactor, FakeDNS(self.zone, self.faults), port=port, **options)

    async def failed(self, client: HTTPS, why: str, result: ResultType = FETCH_ERROR) -> None:
        with self.assertRaises(FetchFailed) as caught:
            await client.fetch_policy("example.org")
        self.assertIn(why, str(caught.exception))
        assert caught.exception.result is result

    async def raw(self, octets: bytes, closes: bool = True, **options: Any) -> HTTPS:
        factory = Factory.forProtocol(type("Answer", (Raw,), {"octets": octets, "closes": closes}))
        return self.client(self.listen(factory=factory), **options)

    # --- what works ------------------------------------------------------------------------------------------------

    async def test_a_policy_is_fetched(self) -> None:
        assert await self.client(self.listen()).fetch_policy("example.org") == FILE
        assert self.site.requests == [(b"GET", b"/.well-known/mta-sts.txt", HOST.encode(), b"", b"")]

    async def test_the_cache_of_policies_fetches_by_it(self) -> None:
        self.zone["_mta-sts.example.org"] = {"TXT": [b"v=STSv1; id=1"]}
        client = self.client(self.listen())
        cache = PolicyCache(client.resolver, client.fetch_policy)
        assert await cache.policy_for("example.org", 0.0) == Policy.parse(FILE)

    async def test_a_body_of_unknown_length(self) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + FILE
        assert await (await self.raw(answer)).fetch_policy("example.org") == FILE

    async def test_the_next_address_when_nobody_is_at_the_first(self) -> None:
        self.zone[HOST] = {"A": ["127.0.0.9", "127.0.0.1"], "AAAA": ["::1"]}
        assert await self.client(self.listen()).fetch_policy("example.org") == FILE

    async def test_an_address_of_the_other_kind(self) -> None:
        options = CertificateOptions(privateKey=GOOD.key, certificate=GOOD.certificate)  # type: ignore[arg-type]
        port: Any = listener.listenSSL(0, Site(self.site), options, interface="::1")
        self.addCleanup(port.stopListening)
        self.zone[HOST] = {"AAAA": ["::1"]}
        assert await self.client(port.getHost().port).fetch_policy("example.org") == FILE

    # --- what is refused -------------------------------------------------------------------------------------------

    async def test_only_200_counts(self) -> None:
        client = self.client(self.listen())
        for status in (404, 500, 204, 201):
            self.site.status, self.site.body = status, b"" if status == 204 else FILE
            await self.failed(client, f"status {status}")

    async def test_redirects_are_not_followed(self) -> None:
        port = self.listen()
        self.site.status = 301
        self.site.headers[b"Location"] = f"https://{HOST}:{port}/other".encode()
        await self.failed(self.client(port), "status 301")
        assert len(self.site.requests) == 1

    async def test_only_plain_text_counts(self) -> None:
        client = self.client(self.listen())
        for kind in (b"text/html", b"application/octet-stream", b"text/plainer", b""):
            self.site.headers[b"Content-Type"] = kind
            await self.failed(client, "text/plain")
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
        await self.failed(await self.raw(answer), "text/plain")

    async def test_certificates_of_others_and_of_nobody_are_refused(self) -> None:
        for server in (ROOT.issue("example.org"), OTHER_ROOT.issue(HOST), make(HOST), ROOT.issue(HOST, until=2022)):
            await self.failed(self.client(self.listen(server)), "no good certificate", WEBPKI)
        assert self.site.requests == []

    async def test_the_systems_roots_do_not_know_ours(self) -> None:
        client = HTTPS(reactor, FakeDNS(self.zone), port=self.listen(), only_public=False)
        await self.failed(client, "no good certificate", WEBPKI)

    async def test_a_server_without_tls(self) -> None:
        factory = Factory.forProtocol(type("Plain", (Raw,), {"octets": b"HTTP/1.1 400 Bad Request\r\n\r\n"}))
        port: Any = listener.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        await self.failed(self.client(port.getHost().port), "certificate", WEBPKI)

    async def test_old_tls_is_refused(self) -> None:
        options = CertificateOptions(privateKey=GOOD.key, certificate=GOOD.certificate)  # type: ignore[arg-type]
        context = options.getContext()
        context.set_min_proto_version(SSL.TLS1_1_VERSION)
        context.set_max_proto_version(SSL.TLS1_1_VERSION)
        port: Any = listener.listenSSL(0, Site(self.site), options, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        await self.failed(self.client(port.getHost().port), "certificate", WEBPKI)

    async def test_a_long_body_is_cut_off(self) -> None:
        client = self.client(self.listen())
        self.site.body = b"x" * POLICY_OCTETS
        assert len(await client.fetch_policy("example.org")) == POLICY_OCTETS
        self.site.body += b"x"
        await self.failed(client, f"more than {POLICY_OCTETS} octets")
        self.site.body *= 100
        await self.failed(client, f"more than {POLICY_OCTETS} octets")

    async def test_endless_headers_are_cut_off(self) -> None:
        headers = b"".join(b"X-%d: %s\r\n" % (number, b"y" * 1000) for number in range(WIRE_OCTETS // 1000))
        client = await self.raw(b"HTTP/1.1 200 OK\r\n" + headers, closes=False)
        await self.failed(client, "cannot be asked")

    async def test_a_body_that_ends_too_soon(self) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n" + FILE[:50]
        await self.failed(await self.raw(answer), "cannot be asked")

    async def test_what_is_no_http(self) -> None:
        await self.failed(await self.raw(b"220 mx.example.org ESMTP\r\n"), "cannot be asked")

    async def test_a_server_that_never_ends_is_left(self) -> None:
        """The connection is gone even though the server does not close it: else the test would leave it behind."""
        port = self.listen()
        self.site.stays_open = True
        await self.failed(self.client(port, seconds=0.3), "in time")
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n"
        await self.failed(await self.raw(answer, closes=False, seconds=0.3), "in time")

    async def test_a_server_that_never_answers_is_left(self) -> None:
        await self.failed(await self.raw(b"", closes=False, seconds=0.3), "in time")

    # --- where we connect ------------------------------------------------------------------------------------------

    async def test_only_public_addresses_are_connected_to(self) -> None:
        port = self.listen()
        self.zone[HOST] = {"A": ["127.0.0.1", "10.0.0.1", "169.254.169.254"], "AAAA": ["::1", "::ffff:127.0.0.1"]}
        await self.failed(self.client(port, only_public=True), "no public address")
        assert self.site.requests == []

    async def test_a_host_without_addresses(self) -> None:
        self.zone.clear()
        await self.failed(self.client(1), "has no address")

    async def test_a_host_that_cannot_be_looked_up(self) -> None:
        self.faults[HOST] = NoAnswer
        await self.failed(self.client(1), "cannot be looked up")

    async def test_nobody_there(self) -> None:
        port = self.listen()
        self.zone[HOST] = {"A": ["127.0.0.9"]}
        await self.failed(self.client(port), "ConnectionRefusedError")

    async def test_only_so_many_addresses_are_tried(self) -> None:
        self.patch(https, "ADDRESSES", 2)
        self.zone[HOST] = {"A": ["127.0.0.8", "127.0.0.9", "127.0.0.1"]}
        await self.failed(self.client(self.listen()), "ConnectionRefusedError")

    async def test_domains_that_make_no_url(self) -> None:
        client = self.client(1)
        for domain in ("exa mple", "größer.example", "example.org/x", "a@example.org", "example.org:25", "x\r\ny"):
            with self.assertRaises(FetchFailed):
                await client.fetch_policy(domain)
        assert client.resolver.asked == []  # type: ignore[attr-defined]

    # --- posting ---------------------------------------------------------------------------------------------------

    URL = f"https://{HOST}/v1/tlsrpt?x=y"

    async def test_a_report_is_posted(self) -> None:
        client = self.client(self.listen())
        self.site.status = 201
        await client.post(self.URL, b"octets", "application/tlsrpt+gzip")
        kind = b"application/tlsrpt+gzip"
        assert self.site.requests == [(b"POST", b"/v1/tlsrpt?x=y", HOST.encode(), kind, b"octets")]

    async def test_a_report_may_be_refused(self) -> None:
        client = self.client(self.listen())
        for status in (400, 500, 302):
            self.site.status = status
            with self.assertRaises(FetchFailed):
                await client.post(self.URL, b"octets", "application/tlsrpt+gzip")

    async def test_urls_that_nothing_is_posted_to(self) -> None:
        client = self.client(1)
        for url in (
            "http://mta-sts.example.org/",
            "https://mta-sts.example.org:25/",
            "https://127.0.0.1@mta-sts.example.org/",
            "https://[::1]/",
            "https:///x",
            "https://mta-sts.example.org:x/",
            "https://größer.example/",
            "nonsense",
        ):
            with self.assertRaises(FetchFailed):
                await client.post(url, b"octets", "text/plain")
        assert client.resolver.asked == []  # type: ignore[attr-defined]


class SiteTests(TestCase):
    def test_a_site_without_a_network_or_a_dns_asks_nobody(self) -> None:
        assert https.https(mailframe.Site("us.example", Clock(), resolver=FakeDNS())) is None
        assert https.https(mailframe.Site("us.example", reactor)) is None

    async def test_roots_of_ones_own_stand_in_place_of_those_of_the_system(self) -> None:
        site = mailframe.Site("us.example", reactor, resolver=FakeDNS())
        system, own = https.https(site), https.https(site, Roots([OTHER_ROOT.certificate]))
        assert system is not None
        assert own is not None
        assert system.resolver is own.resolver is site.resolver
        assert type(system.trust_root) is not type(own.trust_root)
        [trusted] = own.trust_root._caCerts
        assert trusted.to_cryptography() == OTHER_ROOT.certificate


class DeadlineTests(TestCase):
    async def test_a_resolver_that_takes_too_long(self) -> None:
        class Slow(FakeDNS):
            async def query(self, name: str, type: str) -> Any:
                return await Deferred()

        clock = Clock()
        asking = Deferred.fromCoroutine(HTTPS(clock, Slow(), roots(ROOT)).fetch_policy("example.org"))
        clock.advance(https.TOTAL_SECONDS)
        with self.assertRaisesRegex(FetchFailed, "in time"):
            await asking
        assert clock.getDelayedCalls() == []
