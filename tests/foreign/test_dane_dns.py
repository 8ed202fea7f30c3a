"""DANE with real DNSSEC: Knot DNS signs, Unbound validates, our resolver asks and believes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import ClassVar

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from mailframe.mailauth.chains import CertificateMismatch
from mailframe.mailauth.dane import DANE_EE, SHA2_256, SPKI, Dane, lookup, verify
from mailframe.mailauth.tls_policy import Level, Policies, TLSPolicyFailure, check, requirement
from mailframe.mailauth.tls_results import ResultType
from mailframe.net.dns import MX, NoSuchName, Resolver, ServerFailed
from tests.foreign.dns_servers import BOGUS, PLAIN, SIGNED, DNSServers
from tests.mailauth.pki import CHAIN, NOW, OTHER_ROOT
from tests.mailauth.pki import MX as SERVER
from tests.mailauth.test_dane import tlsa

RECORD = tlsa(DANE_EE, SPKI, SHA2_256, SERVER)
RECORDS = f"""@ MX 10 mx
mx A 127.0.0.1
bare AAAA ::1
alias CNAME mx
_25._tcp.mx TLSA {RECORD}
_25._tcp.mx TLSA 1 1 1 {"00" * 32}
"""


class DaneDNSTests(TestCase):
    """One pair of servers for all tests: what they answer does not change."""

    home: ClassVar[str]
    servers: ClassVar[DNSServers]

    @classmethod
    def setUpClass(cls) -> None:
        cls.home = tempfile.mkdtemp(prefix="mailframe-dns-")
        cls.servers = DNSServers(Path(cls.home), RECORDS)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.servers.stop()
        shutil.rmtree(cls.home)

    def setUp(self) -> None:
        self.resolver = Resolver.of(reactor, ["127.0.0.1"], port=self.servers.port)

    async def test_answers_of_a_signed_zone_are_authentic(self) -> None:
        answer = await self.resolver.query(f"_25._tcp.mx.{SIGNED}", "TLSA")
        assert answer.authenticated
        assert sorted(answer.records) == [bytes((1, 1, 1)) + bytes(32), bytes((3, 1, 1)) + RECORD.data]
        mx = await self.resolver.query(SIGNED, "MX")
        assert (mx.records, mx.authenticated) == ((MX(10, f"mx.{SIGNED}"),), True)

    async def test_answers_of_a_plain_zone_are_not(self) -> None:
        answer = await self.resolver.query(f"_25._tcp.mx.{PLAIN}", "TLSA")
        assert len(answer.records) == 2
        assert not answer.authenticated

    async def test_bogus_answers_are_none(self) -> None:
        with self.assertRaises(ServerFailed):
            await self.resolver.query(f"_25._tcp.mx.{BOGUS}", "TLSA")

    async def test_what_is_proven_not_to_be_there(self) -> None:
        with self.assertRaises(NoSuchName):
            await self.resolver.query(f"_25._tcp.bare.{SIGNED}", "TLSA")
        assert (await lookup(self.resolver, f"bare.{SIGNED}")).kind is Dane.NONE

    async def test_a_server_that_we_do_not_trust_proves_nothing(self) -> None:
        distrusting = Resolver.of(reactor, ["127.0.0.1"], port=self.servers.port, validating=frozenset())
        assert (await lookup(distrusting, f"mx.{SIGNED}")).kind is Dane.INSECURE

    async def test_records_are_looked_up_and_a_certificate_held_against_them(self) -> None:
        for host in (f"mx.{SIGNED}", f"alias.{SIGNED}"):
            found = await lookup(self.resolver, host)
            assert (found.kind, found.base, found.records) == (Dane.SECURE, f"mx.{SIGNED}", (RECORD,))
        verify(found.records, CHAIN, [found.base], NOW)
        with self.assertRaises(CertificateMismatch):
            verify(found.records, [OTHER_ROOT.certificate], [found.base], NOW)

    async def test_zones_that_are_not_secure(self) -> None:
        assert (await lookup(self.resolver, f"mx.{PLAIN}")).kind is Dane.INSECURE
        assert (await lookup(self.resolver, f"mx.{BOGUS}")).kind is Dane.TEMPORARY

    async def test_the_whole_decision(self) -> None:
        policies = Policies(self.resolver)
        required = await requirement(SIGNED, f"mx.{SIGNED}", policies, NOW)
        assert required.level is Level.DANE
        assert check(required, CHAIN, [], NOW) is None
        with self.assertRaises(TLSPolicyFailure):
            check(required, [OTHER_ROOT.certificate], [], NOW)
        assert (await requirement(PLAIN, f"mx.{PLAIN}", policies, NOW)).level is Level.MAY
        with self.assertRaises(TLSPolicyFailure) as caught:
            await requirement(BOGUS, f"mx.{BOGUS}", policies, NOW)
        assert caught.exception.result is ResultType.DNSSEC_INVALID
