"""Mail between servers of ours, with signed DNS and a real HTTPS server: MX, DANE and MTA-STS as senders live them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.ssl import Certificate, CertificateOptions, PrivateCertificate, trustRootFromCertificates
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site as WebSite

from mailframe.mailauth.dane import CERT, DANE_EE, DANE_TA, SHA2_256, SPKI
from mailframe.mailauth.https import HTTPS
from mailframe.mailauth.roots import Roots
from mailframe.mailauth.tls_results import PolicyType, ResultType
from mailframe.mailauth.tls_rpt import TLSSession
from mailframe.net.dns import Resolver
from mailframe.queue.tls_reports import TLSReports
from tests.foreign.dns_servers import BOGUS, PLAIN, SIGNED, DNSServers
from tests.foreign.ours import Ours
from tests.foreign.ports import free_port
from tests.mailauth.pki import OTHER_ROOT, ROOT, Issued
from tests.mailauth.test_dane import tlsa

FIRST, SECOND, NOBODY = "127.0.0.2", "127.0.0.3", "127.0.0.9"
"""Where the two servers listen that mail comes to, and where nobody does."""

MIDDLE = ROOT.issue("Middle", ca=True)
NAMES = [f"first.{zone}" for zone in (SIGNED, PLAIN)] + [f"ta.{SIGNED}"]
CERTIFICATE = MIDDLE.issue("first", names=NAMES)
"""Of the first server; the second has one that nobody knows."""
UNKNOWN = OTHER_ROOT.issue("second", names=[f"second.{zone}" for zone in (SIGNED, PLAIN)])

STS = ("enforced", "elsewhere", "unknown", "testing", "broken")
"""Domains below the plain zone that publish an MTA-STS policy."""

POLICY = "version: STSv1\r\nmode: {mode}\r\nmx: {mx}.{zone}\r\nmax_age: 86400\r\n"
POLICIES = {
    "enforced": POLICY.format(mode="enforce", mx="first", zone=PLAIN),
    "elsewhere": POLICY.format(mode="enforce", mx="other", zone=PLAIN),
    "unknown": POLICY.format(mode="enforce", mx="second", zone=PLAIN),
    "testing": POLICY.format(mode="testing", mx="second", zone=PLAIN),
    "broken": "no policy",
}
MESSAGE = b"From: <ann@sender.test>\r\nSubject: hello\r\n\r\nhello\r\n"


def records(port: int) -> str:
    """Return what stands in each zone; of which only one is signed."""
    good, other = tlsa(DANE_EE, SPKI, SHA2_256, CERTIFICATE), tlsa(DANE_EE, SPKI, SHA2_256, ROOT)
    anchor = tlsa(DANE_TA, CERT, SHA2_256, MIDDLE)
    lines = [
        f"first A {FIRST}",
        f"second A {SECOND}",
        f"dead A {NOBODY}",
        "prefer MX 20 second\nprefer MX 10 first",
        "failover MX 10 dead\nfailover MX 20 second",
        "nothing MX 0 .",
        # DANE: the servers' other names, so that what is said of them does not count for the domains above
        f"ee A {FIRST}\nby-ee MX 10 ee\n_{port}._tcp.ee TLSA {good}",
        f"ta A {FIRST}\nby-ta MX 10 ta\n_{port}._tcp.ta TLSA {anchor}",
        f"ta2 A {FIRST}\nwrong-name MX 10 ta2\n_{port}._tcp.ta2 TLSA {anchor}",
        f"bad A {FIRST}\nwrong-key MX 10 bad\n_{port}._tcp.bad TLSA {other}",
        "second-best MX 10 bad\nsecond-best MX 20 ee",
    ]
    for name in STS:
        host = "first" if name in ("enforced", "elsewhere") else "second"
        lines += [f"{name} MX 10 {host}", f'_mta-sts.{name} TXT "v=STSv1; id=1;"', f"mta-sts.{name} A 127.0.0.1"]
    return "\n".join(lines)


class Policy(Resource):
    """Serves each domain's policy file, by the name of the host that is asked for."""

    isLeaf = True  # noqa: N815

    def render_GET(self, request: Any) -> bytes:
        name = request.getRequestHostname().decode().split(".")[1]
        request.setHeader(b"Content-Type", b"text/plain")
        assert request.path == b"/.well-known/mta-sts.txt"
        return POLICIES[name].encode()


def web_certificate() -> CertificateOptions:
    ours = ROOT.issue("web", names=[f"mta-sts.{name}.{PLAIN}" for name in STS])
    loaded: Any = PrivateCertificate.loadPEM(ours.pem_with_key)
    return CertificateOptions(privateKey=loaded.privateKey.original, certificate=loaded.original)


class TLSNetworkTests(TestCase):
    """One DNS, one web server for all tests; three servers of ours for each."""

    timeout = 120
    folder: ClassVar[Path]
    dns: ClassVar[DNSServers]
    port: ClassVar[int]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="network-"))
        cls.port = free_port(FIRST, SECOND, NOBODY)
        (cls.folder / "dns").mkdir()
        cls.dns = DNSServers(cls.folder / "dns", records(cls.port))

    @classmethod
    def tearDownClass(cls) -> None:
        cls.dns.stop()
        shutil.rmtree(cls.folder)

    def setUp(self) -> Any:
        return Deferred.fromCoroutine(self.begin())

    async def begin(self) -> None:
        factory: Any = TLSMemoryBIOFactory(web_certificate(), False, WebSite(Policy()))
        web: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(web.stopListening)
        self.resolver = Resolver.of(reactor, ["127.0.0.1"], port=self.dns.port)
        trust = trustRootFromCertificates([Certificate.loadPEM(ROOT.pem)])
        https = HTTPS(reactor, self.resolver, trust, web.getHost().port, only_public=False)
        self.first = await self.server("first.test", FIRST, [CERTIFICATE, MIDDLE])
        self.second = await self.server("second.test", SECOND, [UNKNOWN])
        self.us = await self.server(
            "sender.test",
            "127.0.0.1",
            [],
            roots=Roots([ROOT.certificate]),
            fetch=https.fetch_policy,
            tls_reports=TLSReports(organization="us", contact="ann@sender.test"),
        )

    async def server(self, name: str, address: str, certificate: Sequence[Issued], **options: Any) -> Ours:
        """Start a server; those with a certificate take mail for all domains of the zones."""
        us = Ours(
            Path(tempfile.mkdtemp(dir=self.folder)),
            name,
            self.resolver,
            port=self.port,
            address=address,
            catching=[f"*.{zone}" for zone in (SIGNED, PLAIN)] if certificate else [],
            certificate=certificate,
            **options,
        )
        await us.start("bob", "ann")
        self.addCleanup(lambda: Deferred.fromCoroutine(us.stop()))
        return us

    async def comes_to(self, server: Ours, domain: str) -> str:
        """Send a message to a domain, wait until it is there, and return how it came."""
        await self.us.send("ann", [f"somebody@{domain}"], MESSAGE)
        [mail] = await server.mail("bob")
        await self.us.settled()
        return " ".join((mail.header("Received") or "").split())

    async def waits(self, domain: str) -> str:
        """Send a message to a domain, and return why it waits; it has come nowhere."""
        await self.us.send("ann", [f"somebody@{domain}"], MESSAGE)
        outcome = (await self.us.postponed(domain)).outcome
        assert outcome is not None
        assert outcome.status == "4.7.5"
        assert [*await self.first.inbox("bob"), *await self.second.inbox("bob")] == []
        return outcome.text

    async def counted(self, domain: str) -> list[TLSSession]:
        """Return what would be reported to a domain."""
        storage = self.us.data.tls_counts
        [day] = await storage.days()
        return [TLSSession.from_text(text) for text, _count in await storage.read(day, domain)]

    async def result(self, domain: str) -> tuple[PolicyType, ResultType | None]:
        """Return what would be reported of the one connection to a domain."""
        [session] = await self.counted(domain)
        return session.policy.type, session.result

    # --- which server ---------------------------------------------------------------------------------------------

    async def test_the_server_that_is_preferred_gets_it(self) -> None:
        assert "with ESMTPS" in await self.comes_to(self.first, f"prefer.{PLAIN}")
        assert await self.result(f"prefer.{PLAIN}") == (PolicyType.NO_POLICY_FOUND, None)

    async def test_where_that_one_is_dead_the_next_one_does(self) -> None:
        await self.comes_to(self.second, f"failover.{SIGNED}")

    async def test_a_domain_that_takes_no_mail_sends_it_back(self) -> None:
        await self.us.send("ann", [f"somebody@nothing.{SIGNED}"], MESSAGE)
        [bounce] = await self.us.mail("ann")
        assert b"Status: 5.1.10" in bytes(bounce)

    async def test_a_domain_that_is_not_there_sends_it_back(self) -> None:
        await self.us.send("ann", [f"somebody@nowhere.{SIGNED}"], MESSAGE)
        [bounce] = await self.us.mail("ann")
        assert b"Status: 5.1.2" in bytes(bounce)

    async def test_a_zone_whose_signatures_are_wrong_is_not_believed(self) -> None:
        await self.us.send("ann", [f"somebody@prefer.{BOGUS}"], MESSAGE)
        outcome = (await self.us.postponed(f"prefer.{BOGUS}")).outcome
        assert outcome is not None
        assert outcome.status == "4.4.3"

    # --- DANE -----------------------------------------------------------------------------------------------------

    async def test_a_key_that_the_dns_names_is_good_whatever_the_name(self) -> None:
        assert "with ESMTPS" in await self.comes_to(self.first, f"by-ee.{SIGNED}")
        assert await self.result(f"by-ee.{SIGNED}") == (PolicyType.TLSA, None)

    async def test_an_authority_that_the_dns_names_is_good_for_the_right_name(self) -> None:
        await self.comes_to(self.first, f"by-ta.{SIGNED}")
        assert await self.result(f"by-ta.{SIGNED}") == (PolicyType.TLSA, None)

    async def test_another_name_is_not_good(self) -> None:
        assert "The certificate is not for ta2." in await self.waits(f"wrong-name.{SIGNED}")
        expected = (PolicyType.TLSA, ResultType.CERTIFICATE_HOST_MISMATCH)
        assert await self.result(f"wrong-name.{SIGNED}") == expected

    async def test_another_key_is_not_good(self) -> None:
        text = "The certificate matches none of the server's TLSA records"
        assert await self.waits(f"wrong-key.{SIGNED}") == text
        assert await self.result(f"wrong-key.{SIGNED}") == (PolicyType.TLSA, ResultType.CERTIFICATE_NOT_TRUSTED)

    async def test_a_server_with_the_right_key_is_found_behind_one_without(self) -> None:
        await self.comes_to(self.first, f"second-best.{SIGNED}")

    async def test_records_that_nobody_has_signed_do_not_count(self) -> None:
        await self.comes_to(self.first, f"wrong-key.{PLAIN}")
        assert await self.result(f"wrong-key.{PLAIN}") == (PolicyType.NO_POLICY_FOUND, None)

    # --- MTA-STS --------------------------------------------------------------------------------------------------

    async def test_a_server_that_the_policy_names_gets_it(self) -> None:
        await self.comes_to(self.first, f"enforced.{PLAIN}")
        assert await self.result(f"enforced.{PLAIN}") == (PolicyType.STS, None)
        assert await self.us.data.policies.get(f"enforced.{PLAIN}") is not None

    async def test_a_server_that_it_does_not_name_does_not(self) -> None:
        text = f"first.{PLAIN} is none of the servers that the MTA-STS policy of elsewhere.{PLAIN} names"
        assert await self.waits(f"elsewhere.{PLAIN}") == text
        assert await self.result(f"elsewhere.{PLAIN}") == (PolicyType.STS, ResultType.VALIDATION_FAILURE)

    async def test_nor_does_one_whose_certificate_nobody_knows(self) -> None:
        await self.waits(f"unknown.{PLAIN}")
        assert await self.result(f"unknown.{PLAIN}") == (PolicyType.STS, ResultType.CERTIFICATE_NOT_TRUSTED)

    async def test_while_a_policy_is_tested_it_does_and_that_is_reported(self) -> None:
        await self.comes_to(self.second, f"testing.{PLAIN}")
        assert await self.result(f"testing.{PLAIN}") == (PolicyType.STS, ResultType.CERTIFICATE_NOT_TRUSTED)

    async def test_a_policy_that_is_none_stops_nothing_and_that_is_reported(self) -> None:
        await self.comes_to(self.second, f"broken.{PLAIN}")
        assert await self.result(f"broken.{PLAIN}") == (PolicyType.STS, ResultType.STS_POLICY_INVALID)
