"""The DNS of test worlds, and forward-confirmed names on top of it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.errors import Temporary
from mailframe.interfaces import IResolver
from mailframe.net.dns import MX, Answer, NoAnswer, NoRecords, NoSuchName, ServerFailed
from mailframe.net.dns.confirmed import NAMES
from mailframe.testing.dns import FakeDNS


class FakeDNSTests(SynchronousTestCase):
    def query(self, fake: FakeDNS, name: str, type: str = "A") -> Deferred[Answer]:
        return Deferred.fromCoroutine(fake.query(name, type))

    def names(self, address: str, zone: dict[str, Any], **faults: type[Exception]) -> Deferred[Any]:
        fake = FakeDNS(zone, {name.replace("_", "."): fault for name, fault in faults.items()})
        return Deferred.fromCoroutine(fake.names(address))

    def test_a_zone_is_a_dict(self) -> None:
        fake = FakeDNS({"example.org": {"MX": [MX(10, "mx.example.org")]}}, signed={"example.org"})
        verifyObject(IResolver, fake)
        answer = self.successResultOf(self.query(fake, "Example.org.", "MX"))
        assert answer == Answer((MX(10, "mx.example.org"),), True, 300.0)
        self.failureResultOf(self.query(fake, "example.org"), NoRecords)
        self.failureResultOf(self.query(fake, "example.net"), NoSuchName)
        assert fake.asked == [("Example.org.", "MX"), ("example.org", "A"), ("example.net", "A")]

    def test_a_zone_may_change(self) -> None:
        fake = FakeDNS()
        fake["Example.org"] = {"MX": [(10, "mx.example.org")], "TXT": [b"text"]}
        fake.sign("EXAMPLE.org")
        answer = self.successResultOf(self.query(fake, "example.org", "MX"))
        assert answer == Answer((MX(10, "mx.example.org"),), True, 300.0)
        assert fake["example.ORG"]["TXT"] == [b"text"]
        assert "example.org" in fake
        del fake["Example.org"]
        assert "example.org" not in fake
        self.failureResultOf(self.query(fake, "example.org", "MX"), NoSuchName)
        for wrong in ({"A": "192.0.2.1"}, {"a": ["192.0.2.1"]}, {"TXT": b"text"}):
            with self.assertRaisesRegex(TypeError, "example.org: records are lists by type"):
                fake["example.org"] = wrong

    def test_hosts_are_introduced_once(self) -> None:
        fake = FakeDNS({"mx.example.org": {"TXT": [b"text"]}, "other.example": {"CNAME": ["mx.example.org"]}})
        fake.introduce("MX.example.org", ["192.0.2.1", "192.0.2.2", "2001:db8::1"])
        fake.introduce("mx.example.org", ["192.0.2.3"])
        fake.introduce("other.example", ["192.0.2.1"])
        assert self.successResultOf(self.query(fake, "mx.example.org")).records == ("192.0.2.1", "192.0.2.2")
        assert self.successResultOf(self.query(fake, "mx.example.org", "AAAA")).records == ("2001:db8::1",)
        assert self.successResultOf(self.query(fake, "mx.example.org", "TXT")).records == (b"text",)
        assert self.successResultOf(Deferred.fromCoroutine(fake.names("192.0.2.2"))) == ["mx.example.org"]

    def test_aliases_are_followed_but_not_in_circles(self) -> None:
        zone = {"a": {"CNAME": ["b"]}, "b": {"A": ["192.0.2.1"]}, "c": {"CNAME": ["c"]}}
        fake = FakeDNS(zone, signed={"a"})
        assert self.successResultOf(self.query(fake, "a")) == Answer(("192.0.2.1",), False, 300.0)
        assert self.successResultOf(self.query(fake, "a", "CNAME")).records == ("b",)
        self.failureResultOf(self.query(fake, "c"), ServerFailed)

    def test_names_may_be_at_fault(self) -> None:
        self.failureResultOf(self.query(FakeDNS(faults={"slow.example": NoAnswer}), "slow.example"), NoAnswer)

    # --- forward-confirmed names ----------------------------------------------------------------------------------

    ZONE = {
        "1.2.0.192.in-addr.arpa": {"PTR": ["good.example", "liar.example", "gone.example", "bad\n", "other.example"]},
        "good.example": {"A": ["192.0.2.9", "192.0.2.1"]},
        "other.example": {"A": ["192.0.2.1"]},
        "liar.example": {"A": ["198.51.100.1"]},
        "bad\n": {"A": ["192.0.2.1"]},
    }

    def test_only_names_that_lead_back_count(self) -> None:
        assert self.successResultOf(self.names("192.0.2.1", self.ZONE)) == ["good.example", "other.example"]

    def test_one_confirmed_name_is_enough_when_others_cannot_be_checked(self) -> None:
        assert self.successResultOf(self.names("192.0.2.1", self.ZONE, good_example=NoAnswer)) == ["other.example"]

    def test_nobody_knows_when_none_is_confirmed_and_one_cannot_be_checked(self) -> None:
        zone = {"1.2.0.192.in-addr.arpa": {"PTR": ["liar.example", "slow.example"]}, **self.ZONE}
        zone["1.2.0.192.in-addr.arpa"] = {"PTR": ["liar.example", "slow.example"]}
        self.failureResultOf(self.names("192.0.2.1", zone, slow_example=ServerFailed), Temporary)

    def test_an_address_without_a_name_has_none(self) -> None:
        assert self.successResultOf(self.names("192.0.2.2", self.ZONE)) == []

    def test_when_the_reverse_zone_is_down_nobody_knows(self) -> None:
        fake = FakeDNS(faults={"1.2.0.192.in-addr.arpa": NoAnswer})
        self.failureResultOf(Deferred.fromCoroutine(fake.names("192.0.2.1")), NoAnswer)

    def test_what_is_no_address_has_no_name(self) -> None:
        for text in ("", "socket", "192.0.2", "a" * 1000):
            assert self.successResultOf(self.names(text, self.ZONE)) == []

    def test_both_kinds_of_addresses(self) -> None:
        reverse = "1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa"
        zone = {reverse: {"PTR": ["six.example"]}, "six.example": {"AAAA": ["2001:db8::1"]}}
        assert self.successResultOf(self.names("2001:DB8:0::1", zone)) == ["six.example"]
        assert self.successResultOf(self.names("2001:db8::1%eth0", zone)) == ["six.example"]
        assert self.successResultOf(self.names("::ffff:192.0.2.1", self.ZONE)) == ["good.example", "other.example"]

    def test_only_so_many_names_are_looked_at(self) -> None:
        pointers = [f"x{number}.example" for number in range(NAMES)]
        zone = {"1.2.0.192.in-addr.arpa": {"PTR": [*pointers, "good.example"]}, "good.example": {"A": ["192.0.2.1"]}}
        assert self.successResultOf(self.names("192.0.2.1", zone)) == []
