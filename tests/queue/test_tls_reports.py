"""TLS reports on the virtual clock: when they go, what becomes of those that cannot, and who gets none."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.address import Address
from mailframe.delivery.routes import Route
from mailframe.hooks import Delivered, Delivery, Failed
from mailframe.mailauth.storage import MemoryReports
from mailframe.mailauth.tls_results import PolicyType, PolicyUsed
from mailframe.mailauth.tls_rpt import TLSSession
from mailframe.net.dns import NoAnswer
from mailframe.queue.memory import MemoryQueue
from mailframe.queue.runner import Runner
from mailframe.queue.tls_reports import DAY_SECONDS, DELAY_SECONDS, RETRY_SECONDS, START_SECONDS, TLSReports
from mailframe.site import Site
from mailframe.testing.dns import FakeDNS
from tests.mailauth.pki import NOW

MIDNIGHT = NOW - NOW % DAY_SECONDS + DAY_SECONDS
"""The first after L{NOW}, which is at 8:00."""
RECORD = "_smtp._tls.example.org"
US = {"organization": "Example", "contact": "tls@us.example"}


class DailyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        self.zone: dict[str, Any] = {RECORD: {"TXT": [b"v=TLSRPTv1; rua=mailto:ann@example.org"]}}
        self.faults: dict[str, type[Exception]] = {}
        self.dns = FakeDNS(self.zone, self.faults)
        self.half = lambda count: b"\x80" + bytes(count - 1)
        self.mails: list[tuple[float, Delivery]] = []
        self.outcome: Any = Delivered()
        self.posts: list[tuple[float, str, bytes]] = []
        self.posted: Any = None

    def start(self, resolver: bool = True, **options: Any) -> Runner:
        site = Site("mx.us.example", self.clock, random=self.half, resolver=self.dns if resolver else None)
        reports = TLSReports(**US, **{"post": self.post, **options})  # type: ignore[arg-type]  # as a user may give it
        self.runner = Runner(MemoryQueue(self.clock), [Route("*", self.take)], tls_reports=reports)
        self.successResultOf(Deferred.fromCoroutine(self.runner.start(site)))
        self.addCleanup(self.stop)
        return self.runner

    def stop(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.runner.stop()))
        assert self.clock.getDelayedCalls() == []

    def take(self, delivery: Delivery) -> Any:
        self.mails.append((self.clock.seconds(), delivery))
        return self.outcome

    async def post(self, url: str, body: bytes, kind: str) -> None:
        self.posts.append((self.clock.seconds(), url, body))
        if self.posted is not None:
            await self.posted

    def count(self, domain: str = "example.org") -> None:
        """A session with a server of a domain goes well."""
        collector = self.runner._sender.collector
        session = TLSSession(PolicyUsed(PolicyType.NO_POLICY_FOUND, domain))
        self.successResultOf(Deferred.fromCoroutine(collector.record(session, self.clock.seconds())))

    def until(self, moment: float) -> None:
        """Let time pass, stopping at each call that is due."""
        while self.clock.calls and self.clock.calls[0].getTime() <= moment:
            self.clock.advance(max(0.0, self.clock.calls[0].getTime() - self.clock.seconds()))
        self.clock.advance(max(0.0, moment - self.clock.seconds()))

    def test_a_day_is_told_some_time_after_midnight_by_mail_through_our_own_queue(self) -> None:
        self.start()
        self.count()
        self.until(MIDNIGHT + DELAY_SECONDS / 2 - 1)
        assert self.mails == []
        self.until(MIDNIGHT + DELAY_SECONDS / 2)
        [(_when, delivery)] = self.mails
        assert (str(delivery.sender), str(delivery.recipients[0].address)) == ("tls@us.example", "ann@example.org")
        assert delivery.message.header("TLS-Report-Submitter") == "us.example"
        assert delivery.message.header("TLS-Required") == "No"
        self.until(MIDNIGHT + 3 * DAY_SECONDS)
        assert len(self.mails) == 1

    def test_each_day_has_its_report(self) -> None:
        self.start()
        for day in range(3):
            self.count()
            self.until(MIDNIGHT + day * DAY_SECONDS + DELAY_SECONDS)
        assert len(self.mails) == 3

    def test_what_was_not_sent_while_the_server_was_down_goes_soon_after_it_starts(self) -> None:
        self.start()
        self.count()
        counts = self.runner._daily.storage  # type: ignore[union-attr]  # it was started
        self.stop()
        self.clock.advance(DAY_SECONDS)
        self.start()
        self.runner._daily.storage = counts  # type: ignore[union-attr]  # it was started
        self.until(self.clock.seconds() + START_SECONDS)
        assert len(self.mails) == 1

    def test_a_report_that_bounces_makes_no_other_mail(self) -> None:
        self.outcome = Failed("5.1.1", "No such user")
        self.start()
        self.count()
        self.until(MIDNIGHT + DAY_SECONDS)
        assert len(self.mails) == 1

    def test_by_https_it_is_posted(self) -> None:
        self.zone[RECORD] = {"TXT": [b"v=TLSRPTv1; rua=https://a.example/x"]}
        self.start()
        self.count()
        self.until(MIDNIGHT + DELAY_SECONDS)
        [(_when, url, body)] = self.posts
        assert url == "https://a.example/x"
        assert json.loads(gzip.decompress(body))["contact-info"] == "tls@us.example"

    def test_what_could_not_be_sent_is_tried_again_some_hours_later(self) -> None:
        self.faults[RECORD] = NoAnswer
        self.start()
        self.count()
        self.until(MIDNIGHT + DELAY_SECONDS / 2)
        self.faults.clear()
        self.until(MIDNIGHT + DELAY_SECONDS / 2 + RETRY_SECONDS)
        assert [when for when, _delivery in self.mails] == [MIDNIGHT + DELAY_SECONDS / 2 + RETRY_SECONDS]

    def test_a_storage_in_trouble_is_asked_again_later(self) -> None:
        class Broken(MemoryReports):
            async def days(self) -> Any:
                raise OSError("no")

        self.start()
        self.runner._daily.storage = Broken()  # type: ignore[union-attr]  # it was started
        self.until(NOW + START_SECONDS / 2 + RETRY_SECONDS)
        assert len(self.flushLoggedErrors(OSError)) == 2

    def test_without_a_network_nothing_is_posted_and_the_mail_goes(self) -> None:
        self.zone[RECORD] = {"TXT": [b"v=TLSRPTv1; rua=https://a.example/x,mailto:ann@example.org"]}
        self.start(post=None)
        self.count()
        self.until(MIDNIGHT + DELAY_SECONDS)
        assert (len(self.mails), self.posts) == (1, [])

    def test_the_server_stops_while_a_report_is_posted(self) -> None:
        self.zone[RECORD] = {"TXT": [b"v=TLSRPTv1; rua=https://a.example/x,https://b.example/x"]}
        self.zone["_smtp._tls.other.example"] = {"TXT": [b"v=TLSRPTv1; rua=https://c.example/x"]}
        self.posted = Deferred()
        self.start()
        self.count()
        self.count("other.example")
        self.until(MIDNIGHT + DELAY_SECONDS)
        self.stop()
        assert [url for _when, url, _body in self.posts] == ["https://a.example/x"]

    def test_without_a_dns_there_are_no_reports_and_nothing_is_counted(self) -> None:
        assert self.start(resolver=False)._sender.collector is None

    def test_nobody_is_told_unless_it_is_wanted(self) -> None:
        self.runner = Runner(MemoryQueue(self.clock), [Route("*", self.take)])
        self.successResultOf(Deferred.fromCoroutine(self.runner.start(Site("us", self.clock, resolver=self.dns))))
        self.addCleanup(self.stop)
        assert self.runner._sender.collector is None


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"organization": ""}, "organization must be"),
        ({"organization": "a\r\nb"}, "organization must be"),
        ({"contact": "nobody"}, "domain"),
        ({"contact": "用户@example.org"}, "contact must be an address in ASCII"),
        ({"sender": "用户@example.org"}, "sender must be an address in ASCII"),
    ],
)
def test_a_mistake_is_found_when_the_server_is_built(options: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        TLSReports(**{**US, **options})  # type: ignore[arg-type]  # as a user may give it


def test_the_sender_may_be_somebody_else() -> None:
    reports = TLSReports(organization="Example", contact=Address("tls", "us.example"), sender="noreply@us.example")
    assert reports.reporter.sender == Address("noreply", "us.example")
