"""TLS reports, the telling: a day's counts as JSON, and the mail and the POST that carry it (RFC 8460 4.4, 5)."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from attrs import frozen
from twisted.logger import Logger

from mailframe.address import Address
from mailframe.errors import Permanent, Temporary
from mailframe.interfaces import IReportStorage, IResolver
from mailframe.mailauth.tls_results import PolicyUsed
from mailframe.mailauth.tls_rpt import ReportTo, TLSSession, day_of, report_to
from mailframe.message import dates

KEPT_DAYS = 3
"""Days for which a report that could not be sent is tried again; then it is dropped."""
MEDIA_TYPE = "application/tlsrpt+gzip"

Post: TypeAlias = Callable[[str, bytes, str], Awaitable[None]]
"""Posts octets of a media type to a URL, or raises: see L{mailframe.mailauth.https.HTTPS.post}."""
Send: TypeAlias = Callable[[Address, bytes], Awaitable[None]]
"""
Queues a message to an address.

Reports are sent whatever TLS is like on the way, are themselves not reported on, and should be signed by DKIM
(RFC 8460 3, 5.3).
"""

_log = Logger()


@frozen
class Reporter:
    """
    Who reports.

    @ivar organization: its name, for people.
    @ivar submitter: our domain.
    @ivar contact: whom to write to about a report.
    @ivar sender: the author of the mail.
    """

    organization: str
    submitter: str
    contact: Address
    sender: Address


@frozen
class Report:
    """
    What one domain is told about one day.

    @ivar day: C{2026-11-24}, in UTC.
    @ivar id: unique, of letters, digits, dots and hyphens.
    @ivar counted: each different session with its count.
    """

    reporter: Reporter
    domain: str
    day: str
    id: str
    counted: Sequence[tuple[TLSSession, int]]

    @property
    def begin(self) -> datetime:
        """The first second of the day."""
        return datetime.fromisoformat(self.day).replace(tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The last second of the day."""
        return self.begin + timedelta(days=1, seconds=-1)

    @property
    def file_name(self) -> str:
        """The name of the compressed file (RFC 8460 5.1)."""
        begin, end = int(self.begin.timestamp()), int(self.end.timestamp())
        return f"{self.reporter.submitter}!{self.domain}!{begin}!{end}!{self.id}.json.gz"

    def to_dict(self) -> dict[str, Any]:
        """Return the report as RFC 8460 4.4 writes it."""
        return {
            "organization-name": self.reporter.organization,
            "date-range": {"start-datetime": _rfc3339(self.begin), "end-datetime": _rfc3339(self.end)},
            "contact-info": str(self.reporter.contact),
            "report-id": self.id,
            "policies": _policies(self.counted),
        }

    def compressed(self) -> bytes:
        """Return it as JSON (RFC 7493: UTF-8, which ASCII is), by gzip."""
        return gzip.compress(json.dumps(self.to_dict(), indent=1).encode("ascii"), mtime=0)

    def mail(self, to: Address, now: float) -> bytes:
        """
        Return the message that carries it (RFC 8460 5.3), lines ending in CRLF.

        @param now: seconds since the epoch.
        """
        submitter, boundary = self.reporter.submitter, f"=_{self.id}"
        encoded = base64.encodebytes(self.compressed()).decode("ascii").splitlines()
        lines = [
            f"From: <{self.reporter.sender}>",
            f"To: <{to}>",
            f"Date: {dates.format(datetime.fromtimestamp(now, UTC)).decode('ascii')}",
            f"Subject: Report Domain: {self.domain}",
            f" Submitter: {submitter}",
            f" Report-ID: <{self.id}@{submitter}>",
            f"Message-ID: <{self.id}@{submitter}>",
            "Auto-Submitted: auto-generated",
            "TLS-Required: No",  # it may be about the very fault that keeps mail away (RFC 8460 3, RFC 8689 5)
            f"TLS-Report-Domain: {self.domain}",
            f"TLS-Report-Submitter: {submitter}",
            "MIME-Version: 1.0",
            "Content-Type: multipart/report; report-type=tlsrpt;",
            f' boundary="{boundary}"',
            "",
            f"--{boundary}",
            "Content-Type: text/plain; charset=us-ascii",
            "",
            f"This is a report of {submitter} about TLS with the mail servers",
            f"of {self.domain} on {self.day} (RFC 8460).",
            "",
            f"--{boundary}",
            f"Content-Type: {MEDIA_TYPE}",
            "Content-Transfer-Encoding: base64",
            "Content-Disposition: attachment;",
            f' filename="{self.file_name}"',
            "",
            *encoded,
            f"--{boundary}--",
            "",
        ]
        return "\r\n".join(lines).encode("utf-8")


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _policies(counted: Iterable[tuple[TLSSession, int]]) -> list[dict[str, Any]]:
    found: dict[PolicyUsed, list[tuple[TLSSession, int]]] = {}
    for session, count in counted:
        found.setdefault(session.policy, []).append((session, count))
    return [_policy(policy, sessions) for policy, sessions in found.items()]


def _policy(policy: PolicyUsed, sessions: Sequence[tuple[TLSSession, int]]) -> dict[str, Any]:
    failed = [(session, count) for session, count in sessions if session.result is not None]
    shown: dict[str, Any] = {"policy-type": policy.type.value, "policy-domain": policy.domain}
    shown |= {"policy-string": list(policy.strings)} if policy.strings else {}
    shown |= {"mx-host": list(policy.mx)} if policy.mx else {}
    total, failures = sum(count for _session, count in sessions), sum(count for _session, count in failed)
    summary = {"total-successful-session-count": total - failures, "total-failure-session-count": failures}
    entry: dict[str, Any] = {"policy": shown, "summary": summary}
    return entry | ({"failure-details": [_detail(*each) for each in failed]} if failed else {})


def _detail(session: TLSSession, count: int) -> dict[str, Any]:
    assert session.result is not None, "only failures have details"
    texts = {
        "sending-mta-ip": session.sending_mta_ip,
        "receiving-mx-hostname": session.receiving_mx_hostname,
        "receiving-mx-helo": session.receiving_mx_helo,
        "receiving-ip": session.receiving_ip,
        "failure-reason-code": session.reason,
    }
    detail: dict[str, Any] = {"result-type": session.result.value, "failed-session-count": count}
    return detail | {key: text for key, text in texts.items() if text}


# --- sending ---------------------------------------------------------------------------------------------------------


@frozen
class Reporting:
    """
    Sends the reports of days that are over.

    @ivar new_id: gives a unique id for each report.
    @ivar goes_on: says whether another one is to be begun.
    """

    reporter: Reporter
    storage: IReportStorage
    resolver: IResolver
    send: Send
    post: Post
    new_id: Callable[[], str]
    goes_on: Callable[[], bool] = lambda: True

    async def run(self, now: float) -> bool:
        """
        Send what is due; to be called some hours after each midnight (UTC), and again for what did not work.

        @param now: seconds since the epoch.
        @return: whether nothing is left that should be tried again.
        """
        today, oldest, left = day_of(now), day_of(now - KEPT_DAYS * 86_400), False
        for day in [day for day in await self.storage.days() if day < today]:
            for domain in await self.storage.domains(day):
                if not self.goes_on():
                    return False
                if await self._is_over(day, domain, now) or day < oldest:
                    await self.storage.remove(day, domain)
                else:
                    left = True
        return not left

    async def _is_over(self, day: str, domain: str, now: float) -> bool:
        try:
            return await self._is_done(day, domain, now)
        except Exception:  # the others want theirs
            _log.failure("no TLS report to {domain}", domain=domain)
            return False

    async def _is_done(self, day: str, domain: str, now: float) -> bool:
        """Tell a domain about a day; C{False} when it should be tried again."""
        try:
            answer = await self.resolver.query(f"_smtp._tls.{domain}", "TXT")
        except Permanent:
            return True
        except Temporary:
            return False
        to = report_to(answer.records)
        if to is None or not (to.mail or to.https):
            return True
        counted = [(TLSSession.from_text(text), count) for text, count in await self.storage.read(day, domain)]
        return await self._sent(Report(self.reporter, domain, day, self.new_id(), counted), to, now)

    async def _sent(self, report: Report, to: ReportTo, now: float) -> bool:
        """Send a report to all who want it; one that has it is enough."""
        done = False
        for address in to.mail:
            done |= await self._tried(report, self.send(address, report.mail(address, now)))
        for url in to.https:
            done |= await self._tried(report, self.post(url, report.compressed(), MEDIA_TYPE))
        return done

    async def _tried(self, report: Report, sending: Awaitable[None]) -> bool:
        try:
            await sending
        except Exception as error:  # as above
            _log.warn("no TLS report to {domain}: {error!r}", domain=report.domain, error=error)
            return False
        return True
