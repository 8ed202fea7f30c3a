"""TLS reports as they are written and sent."""

from __future__ import annotations

import email.policy
import gzip
import itertools
import json
from email import message_from_bytes
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailframe.address import Address
from mailframe.mailauth.storage import MemoryReports
from mailframe.mailauth.tls_report import KEPT_DAYS, Report, Reporter, Reporting
from mailframe.mailauth.tls_results import PolicyType, PolicyUsed, ResultType
from mailframe.mailauth.tls_rpt import Collector, TLSSession
from mailframe.net.dns import NoAnswer
from mailframe.testing.dns import FakeDNS
from tests.mailauth.pki import NOW

STS = PolicyUsed(
    PolicyType.STS,
    "example.org",
    ("version: STSv1", "mode: testing", "mx: *.mail.example.org", "max_age: 86400"),
    ("*.mail.example.org",),
)
NONE = PolicyUsed(PolicyType.NO_POLICY_FOUND, "example.org")
EXPIRED = TLSSession(STS, ResultType.CERTIFICATE_EXPIRED, "2001:db8::12", "mx1.mail.example.org")
NO_TLS = TLSSession(
    STS, ResultType.STARTTLS_NOT_SUPPORTED, "192.0.2.1", "mx2.mail.example.org", "mx2", "203.0.113.56", "none"
)
REPORTER = Reporter(
    "Example Ltd.",
    "sender.example.com",
    Address("postmaster", "sender.example.com"),
    Address("tlsrpt", "sender.example.com"),
)
REPORT = Report(
    REPORTER,
    "example.org",
    "2027-01-15",
    "735ff.e317",
    [(TLSSession(STS), 5326), (EXPIRED, 100), (NO_TLS, 203), (TLSSession(NONE), 1)],
)
ANN = Address("ann", "example.org")


def test_a_report_as_the_rfc_writes_it() -> None:
    """The example of RFC 8460 appendix B, with our names."""
    assert REPORT.to_dict() == {
        "organization-name": "Example Ltd.",
        "date-range": {"start-datetime": "2027-01-15T00:00:00Z", "end-datetime": "2027-01-15T23:59:59Z"},
        "contact-info": "postmaster@sender.example.com",
        "report-id": "735ff.e317",
        "policies": [
            {
                "policy": {
                    "policy-type": "sts",
                    "policy-domain": "example.org",
                    "policy-string": [
                        "version: STSv1",
                        "mode: testing",
                        "mx: *.mail.example.org",
                        "max_age: 86400",
                    ],
                    "mx-host": ["*.mail.example.org"],
                },
                "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},
                "failure-details": [
                    {
                        "result-type": "certificate-expired",
                        "failed-session-count": 100,
                        "sending-mta-ip": "2001:db8::12",
                        "receiving-mx-hostname": "mx1.mail.example.org",
                    },
                    {
                        "result-type": "starttls-not-supported",
                        "failed-session-count": 203,
                        "sending-mta-ip": "192.0.2.1",
                        "receiving-mx-hostname": "mx2.mail.example.org",
                        "receiving-mx-helo": "mx2",
                        "receiving-ip": "203.0.113.56",
                        "failure-reason-code": "none",
                    },
                ],
            },
            {
                "policy": {"policy-type": "no-policy-found", "policy-domain": "example.org"},
                "summary": {"total-successful-session-count": 1, "total-failure-session-count": 0},
            },
        ],
    }


def test_the_name_of_the_file() -> None:
    assert REPORT.file_name == "sender.example.com!example.org!1799971200!1800057599!735ff.e317.json.gz"


def test_the_mail() -> None:
    octets = REPORT.mail(ANN, NOW)
    assert b"\n" not in octets.replace(b"\r\n", b"")
    assert max(map(len, octets.split(b"\r\n"))) < 200
    mail: Any = message_from_bytes(octets, policy=email.policy.SMTP)
    assert (mail["From"], mail["To"]) == ("tlsrpt@sender.example.com", "ann@example.org")
    subject = "Report Domain: example.org Submitter: sender.example.com Report-ID: <735ff.e317@sender.example.com>"
    assert mail["Subject"] == subject
    assert (mail["TLS-Report-Domain"], mail["TLS-Report-Submitter"]) == ("example.org", "sender.example.com")
    assert mail["Date"] == "Fri, 15 Jan 2027 08:00:00 +0000"
    assert mail["Message-ID"] == "<735ff.e317@sender.example.com>"
    assert mail.get_content_type() == "multipart/report"
    assert mail.get_param("report-type") == "tlsrpt"
    words, report = mail.iter_parts()
    assert "about TLS" in words.get_content()
    assert report.get_content_type() == "application/tlsrpt+gzip"
    assert report.get_filename() == REPORT.file_name
    assert json.loads(gzip.decompress(report.get_content())) == REPORT.to_dict()
    assert not mail.defects + words.defects + report.defects


class ReportingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.zone: dict[str, Any] = {}
        self.faults: dict[str, type[Exception]] = {}
        self.storage = MemoryReports()
        self.sent: list[tuple[Address, bytes]] = []
        self.posted: list[tuple[str, bytes, str]] = []
        self.trouble: set[str] = set()
        numbers = itertools.count(1)
        self.reporting = Reporting(
            REPORTER,
            self.storage,
            FakeDNS(self.zone, self.faults),
            self.send,
            self.post,
            lambda: f"id.{next(numbers)}",
        )
        self.wants("example.org", b"mailto:ann@example.org")

    def wants(self, domain: str, rua: bytes) -> None:
        self.zone[f"_smtp._tls.{domain}"] = {"TXT": [b"v=TLSRPTv1; rua=" + rua]}

    async def send(self, to: Address, octets: bytes) -> None:
        if str(to) in self.trouble:
            raise OSError("no")
        self.sent.append((to, octets))

    async def post(self, url: str, octets: bytes, kind: str) -> None:
        if url in self.trouble:
            raise OSError("no")
        self.posted.append((url, octets, kind))

    def count(self, domain: str = "example.org", now: float = NOW) -> None:
        session = TLSSession(PolicyUsed(PolicyType.NO_POLICY_FOUND, domain))
        self.successResultOf(Deferred.fromCoroutine(Collector(self.storage).record(session, now)))

    def run_on(self, day: int) -> None:
        """So many days later."""
        self.successResultOf(Deferred.fromCoroutine(self.reporting.run(NOW + day * 86400)))

    def left(self) -> list[str]:
        return list(self.successResultOf(Deferred.fromCoroutine(self.storage.days())))

    def test_a_day_is_reported_once_when_it_is_over(self) -> None:
        self.count()
        self.run_on(0)
        assert self.sent == []
        self.count(now=NOW + 86400)
        self.run_on(1)
        self.run_on(1)
        [(to, octets)] = self.sent
        assert to == ANN
        assert b"TLS-Report-Domain: example.org\r\n" in octets
        assert b'filename="sender.example.com!example.org!1799971200!1800057599!id.1.json.gz"' in octets
        assert self.left() == ["2027-01-16"]

    def test_reports_go_to_all_who_want_them(self) -> None:
        self.wants("example.org", b"mailto:ann@example.org,https://a.example/x,mailto:bob@example.org")
        self.count()
        self.run_on(1)
        assert [str(to) for to, _octets in self.sent] == ["ann@example.org", "bob@example.org"]
        [(url, octets, kind)] = self.posted
        assert (url, kind) == ("https://a.example/x", "application/tlsrpt+gzip")
        assert json.loads(gzip.decompress(octets))["report-id"] == "id.1"

    def test_domains_that_want_none_get_none(self) -> None:
        self.wants("nowhere.example", b"ftp://x")
        self.zone["_smtp._tls.bad.example"] = {"TXT": [b"v=TLSRPTv1"]}
        for domain in ("nowhere.example", "bad.example", "silent.example"):
            self.count(domain)
        self.run_on(1)
        assert (self.sent, self.posted, self.left()) == ([], [], [])

    def test_a_report_that_reaches_nobody_is_tried_again(self) -> None:
        self.wants("example.org", b"mailto:ann@example.org,https://a.example/x")
        self.trouble = {"ann@example.org", "https://a.example/x"}
        self.count()
        self.run_on(1)
        assert self.left() == ["2027-01-15"]
        self.trouble = {"ann@example.org"}
        self.run_on(1)
        assert len(self.posted) == 1
        assert self.left() == []

    def test_a_report_that_never_reaches_anybody_is_dropped(self) -> None:
        self.faults["_smtp._tls.example.org"] = NoAnswer
        self.count()
        self.run_on(KEPT_DAYS)
        assert self.left() == ["2027-01-15"]
        self.run_on(KEPT_DAYS + 1)
        assert self.left() == []

    def test_counts_that_cannot_be_read_are_in_nobody_elses_way(self) -> None:
        self.wants("a.example", b"mailto:ann@example.org")
        self.successResultOf(Deferred.fromCoroutine(self.storage.add("2027-01-15", "a.example", "nonsense")))
        self.count()
        self.run_on(1)
        assert len(self.sent) == 1
        assert len(self.flushLoggedErrors(ValueError)) == 1
        self.run_on(KEPT_DAYS + 1)
        assert self.left() == []
        assert len(self.flushLoggedErrors(ValueError)) == 1
