"""TLS reports, day after day: by mail through our own queue and by HTTPS, some time after midnight UTC (RFC 8460)."""

from __future__ import annotations

from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from mailframe.address import Address
from mailframe.envelope import Envelope, Recipient
from mailframe.interfaces import IDeliveryQueue, IKeepsTLS, IPolicyStorage, IReportStorage
from mailframe.journal.noting import note_own
from mailframe.mailauth.https import HTTPS
from mailframe.mailauth.mta_sts import FetchFailed
from mailframe.mailauth.storage import MemoryPolicies, MemoryReports
from mailframe.mailauth.tls_report import Post, Reporter, Reporting
from mailframe.mailauth.tls_rpt import Collector
from mailframe.site import Site
from mailframe.spool import Message

DAY_SECONDS = 86_400.0
DELAY_SECONDS = 4 * 3600.0
"""Reports of a day go at a random time within so long after its end: not all at once in the whole world (4.1)."""
START_SECONDS = 3600.0
"""Within so long after the start goes what a server that was down at midnight has not sent."""
RETRY_SECONDS = 2 * 3600.0
"""What could not be sent is tried again after so long."""

_log = Logger()


def _address(value: str | Address) -> Address:
    return value if isinstance(value, Address) else Address.parse(value)


def _ascii(_instance: Any, attribute: Any, address: Address) -> None:
    if not address.is_ascii:
        raise ValueError(f"{attribute.name} must be an address in ASCII: who gets a report may know no other")


def _words(_instance: Any, _attribute: Any, text: str) -> None:
    if not text or not text.isprintable():
        raise ValueError("organization must be the name of who sends the reports, in one line")


@frozen(kw_only=True)
class TLSReports:
    """
    Domains that ask for it are told each day how TLS with their servers went, and by whom.

    @ivar organization: our name, for people.
    @ivar contact: whom to write to about a report; its domain is the one that reports.
    @ivar sender: from whom the reports come; by default the contact. It must be able to receive mail.
    @ivar post: how they are posted; by default over HTTPS, where there is a real network.
    """

    organization: str = field(validator=_words)
    contact: Address = field(converter=_address, validator=_ascii)
    sender: Address = field(converter=_address, validator=_ascii)
    post: Post | None = None

    @sender.default
    def _contact(self) -> Address:
        return self.contact

    @property
    def reporter(self) -> Reporter:
        """Who reports."""
        return Reporter(self.organization, self.contact.domain, self.contact, self.sender)


@define(eq=False)
class DailyReports:
    """
    Sends the reports of each day, as long as it runs.

    @ivar site: with a resolver: without, nobody can be asked where reports go.
    @ivar queue: for those that go by mail.
    @ivar post: for those that go by HTTPS; C{None} where there is no network.
    @ivar collector: counts what is reported.
    """

    reports: TLSReports
    site: Site
    queue: IDeliveryQueue
    storage: IReportStorage
    post: Post | None
    collector: Collector = field(init=False)
    _timer: IDelayedCall | None = field(default=None, init=False)
    _sending: Deferred[None] | None = field(default=None, init=False)
    _running: bool = field(default=False, init=False)

    @collector.default
    def _counting(self) -> Collector:
        return Collector(self.storage)

    def start(self) -> None:
        """Send what is due soon, and then each day."""
        self._running = True
        self._in(self._random() * START_SECONDS)

    async def stop(self) -> None:
        """Begin nothing more, and give up what is under way."""
        self._running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        sending = self._sending
        if sending is not None:
            sending.cancel()
            await sending

    def _in(self, seconds: float) -> None:
        self._timer = self.site.clock.callLater(seconds, self._begin)

    def _begin(self) -> None:
        self._timer = None
        sending = Deferred.fromCoroutine(self._send())
        self._sending = None if sending.called else sending

    async def _send(self) -> None:
        done = await self._all_sent()
        self._sending = None
        if self._running:
            self._in(self._until_tomorrow() if done else RETRY_SECONDS)

    async def _all_sent(self) -> bool:
        site = self.site
        assert site.resolver is not None, "the runner has seen to it"
        reporting = Reporting(
            self.reports.reporter, self.storage, site.resolver, self._mail, self._post, self._id, lambda: self._running
        )
        try:
            return await reporting.run(site.clock.seconds())
        except Exception:
            _log.failure("TLS reports cannot be sent")
            return False

    def _until_tomorrow(self) -> float:
        return DAY_SECONDS - self.site.clock.seconds() % DAY_SECONDS + self._random() * DELAY_SECONDS

    def _random(self) -> float:
        return int.from_bytes(self.site.random(4), "big") / 2**32

    def _id(self) -> str:
        return self.site.new_id()

    async def _mail(self, to: Address, data: bytes) -> None:
        """Queue a report; should it fail, nobody is told: that would be a report about a report."""
        envelope = Envelope(self.reports.sender, (Recipient(to, frozenset({"NEVER"})),), smtputf8=not to.is_ascii)
        number, message = self._id(), Message.from_bytes(data)
        await self.queue.put(number, envelope, message, self.site.clock.seconds())
        note_own(self.site, "report", number, envelope, message)

    async def _post(self, url: str, body: bytes, kind: str) -> None:
        if self.post is None or not self._running:
            raise FetchFailed("There is no network to post it over, or the server stops")
        await self.post(url, body, kind)


def daily(
    reports: TLSReports | None, site: Site, queue: IDeliveryQueue, storage: IReportStorage, web: HTTPS | None
) -> DailyReports | None:
    """Return what sends reports, where that is wanted and there is a DNS that says to whom."""
    if reports is None or site.resolver is None:
        return None
    post = reports.post if web is None or reports.post is not None else web.post
    return DailyReports(reports, site, queue, storage, post)


def kept_by(source: Any) -> tuple[IPolicyStorage, IReportStorage]:
    """Return where transport security remembers things: in what the queue is in, if that can, else in memory."""
    if IKeepsTLS.providedBy(source):
        return source.policies, source.tls_counts
    return MemoryPolicies(), MemoryReports()
