"""Reports to senders, ready to be queued: what was decided is put into words by L{mailframe.message.report}."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from attrs import frozen

from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Delivered, Outcome
from mailframe.interfaces import Report
from mailframe.message.delivery_status import Status
from mailframe.message.report import Original, report
from mailframe.site import Site
from mailframe.spool import Message

MAILER_DAEMON = "MAILER-DAEMON"
"""The local part from which reports come."""


@frozen
class News:
    """
    What became of a message for one recipient.

    @ivar kind: an action of RFC 3464 2.3.3: C{failed}, C{delayed}, C{delivered}, C{relayed}, C{expanded}.
    @ivar until: for C{delayed}, when it will be given up, seconds since the epoch.
    """

    recipient: Recipient
    kind: str
    outcome: Outcome
    until: float | None = None


def written(
    news: Sequence[News],
    envelope: Envelope,
    message: Message,
    arrived: float,
    site: Site,
    about: Collection[int] = (),
) -> Report:
    """
    Return the report about some recipients of one message, with the null sender (RFC 3461 6.1).

    @param envelope: with a sender: reports are not answered.
    @param arrived: when the message came, seconds since the epoch.
    @param about: the leases of these recipients.
    """
    sender = envelope.sender
    assert sender is not None, "nobody is told about a report"
    now, number = site.clock.seconds(), site.new_id()
    data = report(
        site.hostname,
        str(sender),
        f"{MAILER_DAEMON}@{site.hostname}",
        [_status(each, _time(now)) for each in news],
        _original(envelope, message),
        envelope.envid,
        _time(arrived),
        _time(now),
        f"<{number}@{site.hostname}>",
        f"report-{site.random(12).hex()}",
        utf8=envelope.smtputf8,
    )
    body = "7BIT" if data.isascii() else "8BITMIME"
    to = Envelope(None, (Recipient(sender, frozenset({"NEVER"})),), body, smtputf8=not sender.is_ascii)
    return Report(number, to, Message.from_bytes(data), now, about)


def _status(news: News, now: datetime) -> Status:
    outcome = news.outcome
    remote, diagnostic = outcome.remote, outcome.diagnostic
    return Status(
        str(news.recipient.address),
        news.kind,
        "2.0.0" if isinstance(outcome, Delivered) else outcome.status,
        outcome.text,
        news.recipient.orcpt,
        remote,
        diagnostic,
        now,
        None if news.until is None else _time(news.until),
    )


def _original(envelope: Envelope, message: Message) -> Original:
    """A message that is in a file is longer than what is ever returned whole."""
    whole = envelope.ret != "HDRS" and isinstance(message.body, bytes)
    return Original(message.head, message.body if whole and isinstance(message.body, bytes) else None)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
