"""Where mail for other servers goes: which hosts are tried, from where, with which TLS; the sending itself is faked."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.address import Address
from mailframe.delivery.relay import ToLMTP, ToMX, ToSmarthost
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Delivered, Delivery, Failed, Outcome, Retry
from mailframe.mailauth.policy_cache import PolicyCache
from mailframe.mailauth.roots import Roots
from mailframe.mailauth.tls_policy import Destination, Level, Policies, TLSPolicyFailure
from mailframe.mailauth.tls_results import ResultType
from mailframe.net.dns import MX, NoAnswer
from mailframe.sasl.client import Credentials
from mailframe.site import TCP, UNIX, Site
from mailframe.smtp.client.outcomes import Unusable
from mailframe.smtp.sending import Hop, Host
from mailframe.spool import Message
from mailframe.testing.dns import FakeDNS
from tests.mailauth.pki import NOW, ROOT

POLICY = b"version: STSv1\nmode: enforce\nmx: mx1.example.org\nmax_age: 86400\n"


@define(eq=False)
class Via:
    """Stands for the sender: notes what it is given, and looks up every host of it."""

    site: Site
    policies: Policies = field(factory=Policies)
    hops: list[Hop] = field(factory=list)
    found: list[Host | Retry | Failed] = field(factory=list)
    sent: list[Delivery] = field(factory=list)
    reported: list[tuple[str, ResultType]] = field(factory=list)

    async def send(self, delivery: Delivery, hop: Hop) -> dict[Address, Outcome]:
        self.hops.append(hop)
        self.sent.append(delivery)
        try:
            for find in await hop.hosts():
                try:
                    self.found.append(await find())
                except Unusable as error:
                    self.found.append(error.outcome)
        except Unusable as error:
            return {each.address: error.outcome for each in delivery.recipients}
        return {each.address: Delivered() for each in delivery.recipients}

    def unusable(self, failure: TLSPolicyFailure, name: str) -> Unusable:
        self.reported.append((name, failure.result))
        return Unusable(Retry("4.7.5", str(failure), name))

    @property
    def hosts(self) -> list[Host]:
        return [each for each in self.found if isinstance(each, Host)]


class RelayTests(SynchronousTestCase):
    def setUp(self) -> None:
        clock = Clock()
        clock.advance(NOW)
        self.zone: dict[str, Any] = {
            "example.org": {"MX": [MX(20, "mx2.example.org"), MX(10, "mx1.example.org")]},
            "mx1.example.org": {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]},
            "mx2.example.org": {"A": ["192.0.2.2"]},
            "example.net": {"A": ["192.0.2.3"]},
        }
        self.faults: dict[str, type[Exception]] = {}
        self.signed: set[str] = set()
        self.dns = FakeDNS(self.zone, self.faults, self.signed)
        self.via = Via(Site("us.example", clock, resolver=self.dns), Policies(self.dns))

    def send(self, target: Any, *to: str, data: bytes = b"\r\n", via: bool = True, **wishes: Any) -> dict[str, Outcome]:
        recipients = tuple(Recipient(Address.parse(each)) for each in to or ("ann@example.org",))
        envelope = Envelope(Address("me", "us.example"), recipients, **wishes)
        message = Message.from_bytes(data)
        delivery = Delivery("m1", envelope, recipients, message, via=self.via if via else None)
        outcomes = self.successResultOf(Deferred.fromCoroutine(target(delivery)))
        return {str(address): outcome for address, outcome in outcomes.items()}

    def peers(self) -> list[tuple[str, list[str]]]:
        return [(host.name, [peer.address for peer in host.peers]) for host in self.via.hosts]  # type: ignore[union-attr]

    # --- mail exchangers ------------------------------------------------------------------------------------------

    def test_the_hosts_of_each_domain_are_tried_best_first(self) -> None:
        outcomes = self.send(ToMX(), "ann@example.org", "bob@example.net", "cat@example.org")
        assert {type(outcome) for outcome in outcomes.values()} == {Delivered}
        assert [[each.address.local for each in sent.recipients] for sent in self.via.sent] == [["ann", "cat"], ["bob"]]
        assert self.peers() == [
            ("mx1.example.org", ["2001:db8::1", "192.0.2.1"]),
            ("mx2.example.org", ["192.0.2.2"]),
            ("example.net", ["192.0.2.3"]),
        ]
        assert all(isinstance(peer, TCP) and peer.port == 25 for host in self.via.hosts for peer in host.peers)

    def servers(self, target: Any, domain: str, site: Site | None = None) -> list[str]:
        return list(self.successResultOf(Deferred.fromCoroutine(target.servers(site or self.via.site, domain))))

    def test_it_is_known_before_which_servers_mail_goes_to(self) -> None:
        assert self.servers(ToMX(), "example.org") == ["mx1.example.org", "mx2.example.org"]
        assert self.servers(ToMX(), "example.net") == ["example.net"]
        assert self.servers(ToMX(), "nowhere.example") == []
        assert self.servers(ToMX(), "example.org", Site("us.example", Clock())) == []
        assert self.servers(ToSmarthost("relay.example:26"), "example.org") == ["relay.example"]

    def test_a_domain_that_is_not_there_fails_and_the_others_go(self) -> None:
        outcomes = self.send(ToMX(), "ann@nowhere.example", "bob@example.net")
        assert isinstance(outcomes["ann@nowhere.example"], Failed)
        assert isinstance(outcomes["bob@example.net"], Delivered)

    def test_a_host_without_an_address_is_passed_over(self) -> None:
        self.faults["mx1.example.org"] = NoAnswer
        self.send(ToMX())
        unknown, good = self.via.found
        assert isinstance(unknown, Retry)
        assert unknown.status == "4.4.3"
        assert isinstance(good, Host)

    def test_an_address_literal_is_where_it_says(self) -> None:
        self.send(ToMX(), "ann@[192.0.2.9]", "bob@[IPv6:2001:db8::9]")
        assert [peers for _name, peers in self.peers()] == [["192.0.2.9"], ["2001:db8::9"]]

    def test_we_are_no_exchanger_of_others(self) -> None:
        self.zone["example.org"] = {"MX": [MX(10, "us.example"), MX(20, "mx2.example.org")]}
        assert isinstance(self.send(ToMX())["ann@example.org"], Failed)
        self.zone["example.org"] = {"MX": [MX(10, "alias.us.example"), MX(20, "mx2.example.org")]}
        assert isinstance(self.send(ToMX(ours=["alias.us.example"]))["ann@example.org"], Failed)

    def test_without_a_dns_it_waits_and_says_why(self) -> None:
        self.via.site = Site("us.example", Clock())
        outcome = self.send(ToMX())["ann@example.org"]
        assert isinstance(outcome, Retry)
        assert outcome.text == "This server asks no DNS: give it nameservers="

    def test_without_a_runner_nobody_can_send(self) -> None:
        for target in (ToMX(), ToSmarthost("192.0.2.1"), ToLMTP("/run/lmtp")):
            outcome = self.send(target, via=False)["ann@example.org"]
            assert isinstance(outcome, Retry)
            assert "Runner" in outcome.text

    # --- from where -----------------------------------------------------------------------------------------------

    def test_the_address_to_send_from_is_used_where_it_reaches(self) -> None:
        self.send(ToMX(source="198.51.100.1"))
        assert self.via.hosts[0].peers == [TCP("192.0.2.1", 25, "198.51.100.1")]
        self.via.found.clear()
        self.send(ToMX(source=["198.51.100.1", "2001:db8:1::1"]))
        assert self.via.hosts[0].peers == [
            TCP("2001:db8::1", 25, "2001:db8:1::1"),
            TCP("192.0.2.1", 25, "198.51.100.1"),
        ]

    def test_a_host_that_cannot_be_reached_from_there_is_passed_over(self) -> None:
        self.send(ToMX(source="2001:db8:1::1"))
        reached, not_reached = self.via.found
        assert isinstance(reached, Host)
        assert isinstance(not_reached, Retry)
        assert not_reached.text == "None of 192.0.2.2 can be reached from 2001:db8:1::1"

    def test_connections_are_shared_only_by_what_is_alike(self) -> None:
        targets: list[Any] = [
            ToMX(),
            ToMX(port=26),
            ToMX(source="198.51.100.1"),
            ToSmarthost("example.net"),
            ToSmarthost("example.net", tls=Destination(Level.ENCRYPT)),
            ToSmarthost("example.net", credentials=Credentials("me", "x")),
            ToSmarthost("example.net", source="198.51.100.1"),
            ToSmarthost("example.net", implicit_tls=True),
            ToLMTP("example.net"),
        ]
        for target in targets:
            self.send(target)
        self.send(ToMX(), require_tls=True)
        self.send(ToMX(), data=b"TLS-Required: No\r\n\r\n")
        self.send(ToSmarthost("example.net"), require_tls=True)
        keys = [hop.key for hop in self.via.hops]
        assert len(set(keys)) == len(keys)
        self.send(ToSmarthost("example.net"))
        assert self.via.hops[-1].key == keys[3]

    # --- TLS ------------------------------------------------------------------------------------------------------

    def test_what_a_domain_publishes_counts(self) -> None:
        async def fetch(_domain: str) -> bytes:
            return POLICY

        self.zone["_mta-sts.example.org"] = {"TXT": [b"v=STSv1; id=1"]}
        self.via.policies = Policies(self.dns, PolicyCache(self.dns, fetch))
        self.send(ToMX())
        good, bad = self.via.found
        assert isinstance(good, Host)
        assert (good.required.level, good.required.demands) == (Level.VERIFY, True)
        assert isinstance(bad, Retry)
        assert bad.status == "4.7.5"
        assert "mx2.example.org is none of the servers" in bad.text
        assert self.via.reported == [("mx2.example.org", ResultType.VALIDATION_FAILURE)]

    def test_a_message_may_demand_tls_where_somebody_vouches_for_the_host(self) -> None:
        self.send(ToMX(), require_tls=True)
        assert [type(found) for found in self.via.found] == [Retry, Retry]
        self.via.found.clear()
        self.signed |= {"example.org"}
        self.send(ToMX(), require_tls=True)
        assert [host.required.level for host in self.via.hosts] == [Level.VERIFY, Level.VERIFY]

    def test_a_message_may_do_without_tls(self) -> None:
        self.via.policies = Policies(self.dns, least=Level.ENCRYPT)
        for line, demanded in (
            (b"TLS-Required: No", False),
            (b"tls-required:  no ", False),
            (b"TLS-Required: x", True),
        ):
            self.via.found.clear()
            self.send(ToMX(), data=line + b"\r\n\r\n")
            required = self.via.hosts[0].required
            assert (required.demands, required.reported) == (demanded, demanded), line

    # --- smarthosts and LMTP --------------------------------------------------------------------------------------

    def test_a_smarthost_takes_all_mail(self) -> None:
        self.send(ToSmarthost("example.net"), "ann@example.org", "bob@elsewhere.example")
        assert len(self.via.sent) == 1
        [host] = self.via.hosts
        assert (host.name, host.peers) == ("example.net", [TCP("192.0.2.3", 25)])
        assert host.required.level is Level.MAY

    def test_the_port_and_the_care_that_credentials_and_implicit_tls_want(self) -> None:
        for options, port in (({"credentials": Credentials("me", "x")}, 587), ({"implicit_tls": True}, 465)):
            self.via.found.clear()
            self.send(ToSmarthost("example.net", **options))
            [host] = self.via.hosts
            assert host.peers == [TCP("192.0.2.3", port)]
            assert (host.required.level, host.required.names) == (Level.VERIFY, ("example.net",))

    def test_roots_are_those_of_all_unless_it_has_its_own(self) -> None:
        ours, its = Roots([ROOT.certificate]), Roots([ROOT.certificate])
        self.via.policies = Policies(self.dns, roots=ours)
        self.send(ToSmarthost("example.net", tls=Destination(Level.VERIFY)))
        self.send(ToSmarthost("example.net", tls=Destination(Level.VERIFY, ("other.example",), its)))
        assert [host.required.roots for host in self.via.hosts] == [ours, its]
        assert self.via.hosts[1].required.names == ("other.example",)

    def test_dane_may_be_demanded_of_a_smarthost(self) -> None:
        self.send(ToSmarthost("example.net:2525", tls=Destination(Level.DANE)))
        [none] = self.via.found
        assert isinstance(none, Retry)
        assert none.text == "example.net has no secure TLSA records"
        self.zone["_2525._tcp.example.net"] = {"TLSA": [bytes((3, 1, 1)) + bytes(32)]}
        self.signed |= {"example.net", "_2525._tcp.example.net"}
        self.send(ToSmarthost("example.net:2525", tls=Destination(Level.DANE)))
        [host] = self.via.hosts
        assert host.required.level is Level.DANE
        assert len(host.required.tlsa) == 1

    def test_a_message_that_requires_tls_has_it_on_the_way_to_a_smarthost_too(self) -> None:
        self.send(ToSmarthost("example.net"), require_tls=True)
        [host] = self.via.hosts
        assert (host.required.level, host.required.requiretls) == (Level.VERIFY, True)
        self.via.found.clear()
        self.send(ToLMTP("example.net"), require_tls=True)
        assert self.via.hosts[0].required.level is Level.MAY

    def test_an_address_needs_no_dns(self) -> None:
        self.via.site = Site("us.example", Clock())
        for server, peer in (
            ("192.0.2.7:2525", TCP("192.0.2.7", 2525)),
            ("[2001:db8::7]:26", TCP("2001:db8::7", 26)),
            ("2001:db8::7", TCP("2001:db8::7", 25)),
            ("[192.0.2.7]", TCP("192.0.2.7", 25)),
        ):
            self.via.found.clear()
            self.send(ToSmarthost(server))
            assert self.via.hosts[0].peers == [peer], server
        self.via.found.clear()
        assert isinstance(self.send(ToSmarthost("example.net"))["ann@example.org"], Delivered)
        [nobody] = self.via.found
        assert isinstance(nobody, Retry)

    def test_lmtp_by_a_socket_and_by_tcp(self) -> None:
        self.send(ToLMTP("/run/dovecot/lmtp"))
        self.send(ToLMTP("example.net"))
        assert [host.peers for host in self.via.hosts] == [[UNIX("/run/dovecot/lmtp")], [TCP("192.0.2.3", 24)]]
        assert all(hop.lmtp for hop in self.via.hops)


@pytest.mark.parametrize(
    "server", ["", "a b", "example.org:", "example.org:0", "example.org:70000", "[::1", "a:b:c", "[]"]
)
def test_a_server_that_is_none_is_refused_when_it_is_configured(server: str) -> None:
    with pytest.raises(ValueError, match="is no host with an optional port"):
        ToSmarthost(server)


@pytest.mark.parametrize("source", ["nowhere", ["192.0.2.1", "192.0.2.2"]])
def test_an_address_to_send_from_that_is_none_is_refused_when_it_is_configured(source: Any) -> None:
    with pytest.raises(ValueError, match=r"does not appear to be|one address of each version"):
        ToMX(source=source)
