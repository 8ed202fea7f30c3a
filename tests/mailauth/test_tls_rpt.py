"""TLS reports: who wants them, what is counted, and within which bounds."""

from __future__ import annotations

import time
from typing import Any

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.address import Address
from mailframe.interfaces import IReportStorage
from mailframe.mailauth.storage import MemoryReports
from mailframe.mailauth.tls_results import PolicyType, PolicyUsed, ResultType
from mailframe.mailauth.tls_rpt import (
    DETAIL_CHARACTERS,
    POLICY_LINES,
    URIS,
    Collector,
    ReportTo,
    TLSSession,
    day_of,
    report_to,
)
from tests.mailauth.pki import NOW

DAY = "2027-01-15"
POLICY = PolicyUsed(PolicyType.STS, "example.org", ("version: STSv1", "mode: enforce"), ("*.example.org",))
GOOD = TLSSession(POLICY)
BAD = TLSSession(
    POLICY, ResultType.CERTIFICATE_EXPIRED, "192.0.2.1", "mx.example.org", "mx", "198.51.100.1", "It is over"
)


# --- the TXT record --------------------------------------------------------------------------------------------------

ANN = Address("ann", "example.org")


@pytest.mark.parametrize(
    ("record", "to"),
    [
        (b"v=TLSRPTv1;rua=mailto:ann@example.org", ReportTo((ANN,))),
        (b"v=TLSRPTv1; rua=https://a.example/v1/x?y=z;", ReportTo((), ("https://a.example/v1/x?y=z",))),
        (b"v=TLSRPTv1 ; rua = x", None),
        (b"v=TLSRPTv1; x=y; rua=mailto:ann@example.org \t ; z=1", ReportTo((ANN,))),
        (b"v=TLSRPTv1; rua=mailto:ann@example.org; rua=mailto:b@example.org", ReportTo((ANN,))),
        (b"v=TLSRPTv1; rua=MAILTO:ann@example.org , HTTPS://a.example", ReportTo((ANN,), ("HTTPS://a.example",))),
        (b"v=TLSRPTv1; rua=mailto:ann%40example.org", ReportTo((ANN,))),
        (b"v=TLSRPTv1; rua=mailto:ann@example.org?subject=x", ReportTo((ANN,))),
        (b"v=TLSRPTv1; rua=mailto:an%21n@example.org", ReportTo((Address("an!n", "example.org"),))),
        (b"v=TLSRPTv1; rua=mailto:a%0d%0aBcc:b@example.org", ReportTo()),
        (b"v=TLSRPTv1; rua=mailto:%ff@example.org", ReportTo()),
        (b"v=TLSRPTv1; rua=mailto:ann,mailto:,http://a.example,ftp://x,nonsense,https://a b", ReportTo()),
        (b"v=TLSRPTv1; rua=", ReportTo()),
        (b"v=TLSRPTv1; x=y", None),
        (b"v=TLSRPTv1;", None),
        (b"v=TLSRPTv1", None),
        (b"v=TLSRPTv2; rua=mailto:ann@example.org", None),
        (b"v=TLSRPTv1; rua=mailto:ann@example.org; nonsense", None),
    ],
)
def test_the_record(record: bytes, to: ReportTo | None) -> None:
    assert report_to([record]) == to


def test_records_of_others_do_not_matter_and_two_of_ours_do() -> None:
    ours = b"v=TLSRPTv1; rua=mailto:ann@example.org"
    assert report_to([b"v=spf1 -all", ours]) == ReportTo((ANN,))
    assert report_to([ours, ours]) is None
    assert report_to([]) is None


def test_only_so_many_destinations_count() -> None:
    rua = b",".join(b"mailto:a%d@example.org" % number for number in range(URIS + 5))
    to = report_to([b"v=TLSRPTv1; rua=" + rua])
    assert to is not None
    assert len(to.mail) == URIS


def test_no_record_takes_long() -> None:
    began = time.process_time()
    for evil in (b"v=TLSRPTv1;" + b" " * 60_000 + b"x", b"v=TLSRPTv1; rua=" + b"," * 60_000 + b";x"):
        assert report_to([evil]) is None
    assert time.process_time() - began < 2


# --- sessions as text ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("session", [GOOD, BAD])
def test_a_session_as_text_and_back(session: TLSSession) -> None:
    text = session.to_text()
    assert "\n" not in text
    assert TLSSession.from_text(text) == session


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"policy": {}}', GOOD.to_text().replace("sts", "x"), GOOD.to_text().replace("reason", "x")],
)
def test_other_text_is_no_session(text: str) -> None:
    with pytest.raises(ValueError, match=r"session|Expecting|valid"):
        TLSSession.from_text(text)


def test_days_are_those_of_utc() -> None:
    assert (day_of(0), day_of(86399.9), day_of(86400)) == ("1970-01-01", "1970-01-01", "1970-01-02")


# --- counting --------------------------------------------------------------------------------------------------------


class CollectorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.storage = MemoryReports()
        verifyObject(IReportStorage, self.storage)

    def result(self, coroutine: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def record(self, collector: Collector, *sessions: TLSSession, now: float = NOW) -> None:
        for session in sessions:
            self.result(collector.record(session, now))

    def counted(self, domain: str = "example.org", day: str = DAY) -> dict[TLSSession, int]:
        return {TLSSession.from_text(text): count for text, count in self.result(self.storage.read(day, domain))}

    def test_equal_sessions_are_counted_together(self) -> None:
        self.record(Collector(self.storage), GOOD, BAD, GOOD, GOOD)
        assert self.counted() == {GOOD: 3, BAD: 1}
        assert self.result(self.storage.days()) == [DAY]
        assert self.result(self.storage.domains(DAY)) == ["example.org"]

    def test_what_went_well_has_no_details(self) -> None:
        self.record(Collector(self.storage), evolve(GOOD, receiving_ip="192.0.2.1"), evolve(GOOD, reason="none"))
        assert self.counted() == {GOOD: 2}

    def test_each_day_and_each_domain_by_itself(self) -> None:
        other = evolve(GOOD, policy=evolve(POLICY, domain="example.net"))
        collector = Collector(self.storage)
        self.record(collector, GOOD, other)
        self.record(collector, GOOD, now=NOW + 86400)
        assert self.counted("example.net") == {other: 1}
        assert self.counted(day="2027-01-16") == {GOOD: 1}
        assert self.result(self.storage.days()) == [DAY, "2027-01-16"]

    def test_counting_goes_on_after_a_restart(self) -> None:
        self.record(Collector(self.storage, details=1), BAD)
        self.record(Collector(self.storage, details=1), BAD, evolve(BAD, reason="another"))
        assert self.counted() == {BAD: 2, TLSSession(POLICY, BAD.result): 1}

    def test_details_are_bounded_and_then_left_out(self) -> None:
        collector = Collector(self.storage, details=2)
        self.record(collector, *(evolve(BAD, reason=str(number)) for number in range(5)), evolve(BAD, reason="0"))
        bare = TLSSession(POLICY, BAD.result)
        assert self.counted() == {evolve(BAD, reason="0"): 2, evolve(BAD, reason="1"): 1, bare: 3}

    def test_policies_are_bounded_and_then_left_out(self) -> None:
        collector = Collector(self.storage, details=1)
        policies = [evolve(POLICY, strings=(str(number),)) for number in range(4)]
        self.record(collector, *(TLSSession(policy, ResultType.VALIDATION_FAILURE) for policy in policies))
        bare = TLSSession(PolicyUsed(PolicyType.STS, "example.org"), ResultType.VALIDATION_FAILURE)
        assert self.counted()[bare] == 2
        assert len(self.counted()) == 3

    def test_nothing_more_is_counted_when_even_that_is_too_much(self) -> None:
        collector = Collector(self.storage, details=1)
        self.record(collector, *(TLSSession(POLICY, result) for result in ResultType))
        assert len(self.counted()) == 3

    def test_texts_are_bounded(self) -> None:
        long = "x" * (DETAIL_CHARACTERS + 1)
        policy = evolve(POLICY, strings=(long,) * (POLICY_LINES + 1), mx=(long,) * (POLICY_LINES + 1))
        self.record(Collector(self.storage), evolve(BAD, policy=policy, reason=long, receiving_mx_helo=long))
        [session] = self.counted()
        assert len(session.reason) == len(session.receiving_mx_helo) == DETAIL_CHARACTERS
        assert len(session.policy.strings) == len(session.policy.mx) == POLICY_LINES
        assert len(session.policy.strings[0]) == len(session.policy.mx[0]) == DETAIL_CHARACTERS

    def test_domains_are_bounded_for_each_day(self) -> None:
        collector = Collector(self.storage, domains=1)
        other = evolve(GOOD, policy=evolve(POLICY, domain="example.net"))
        self.record(collector, GOOD, other)
        self.record(collector, other, now=NOW + 86400)
        assert self.counted("example.net") == {}
        assert self.counted("example.net", "2027-01-16") == {other: 1}

    def test_what_is_no_domain_is_not_counted(self) -> None:
        for domain in ("[192.0.2.1]", "", "a b", "a\r\nb"):
            self.record(Collector(self.storage), evolve(GOOD, policy=evolve(POLICY, domain=domain)))
        assert self.result(self.storage.days()) == []

    def test_a_storage_in_trouble_is_logged_and_no_more(self) -> None:
        class Broken(MemoryReports):
            async def add(self, day: str, domain: str, text: str) -> None:
                raise OSError("disk")

        self.record(Collector(Broken()), GOOD)
        assert len(self.flushLoggedErrors(OSError)) == 1

    def test_a_day_goes_with_its_last_domain(self) -> None:
        self.record(Collector(self.storage), GOOD)
        self.result(self.storage.remove("2000-01-01", "example.org"))
        self.result(self.storage.remove(DAY, "example.net"))
        assert self.result(self.storage.days()) == [DAY]
        self.result(self.storage.remove(DAY, "example.org"))
        assert self.result(self.storage.days()) == []
        assert self.result(self.storage.domains(DAY)) == []
        assert self.result(self.storage.read(DAY, "example.org")) == []
