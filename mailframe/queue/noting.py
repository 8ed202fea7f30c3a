"""What the queue tells the journal: how attempts ended, which servers were talked to, and the reports it sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter

from mailframe.hooks import Delivered, Failed, Outcome
from mailframe.interfaces import Leased, Report, Settlement
from mailframe.journal.events import Attempted, Ordered, Reported
from mailframe.journal.noting import addresses_of, note_own
from mailframe.queue.bounce import News
from mailframe.queue.rows import read_recipient
from mailframe.site import Site

TEXT_CHARACTERS = 2000
"""Of what a server said that are kept."""


def note_attempt(site: Site, leased: Sequence[Leased], settlements: Mapping[int, Settlement]) -> None:
    """
    Note how an attempt ended.

    @param leased: recipients of one message.
    @param settlements: by the key of the lease.
    """
    if site.journal is not None:
        now = site.clock.seconds()
        site.journal.note([_attempted(now, each, settlements[each.key]) for each in leased])


def _attempted(now: float, leased: Leased, settlement: Settlement) -> Attempted:
    outcome = settlement.outcome
    return Attempted(
        now,
        leased.id,
        str(leased.envelope.recipients[0].address),
        leased.attempts + 1,
        _name(outcome),
        "" if isinstance(outcome, Delivered) else outcome.status,
        outcome.text[:TEXT_CHARACTERS],
        outcome.remote,
        outcome.diagnostic[:TEXT_CHARACTERS],
        settlement.due or 0.0,
    )


def _name(outcome: Outcome) -> str:
    if isinstance(outcome, Delivered):
        return "delivered"
    return "failed" if isinstance(outcome, Failed) else "postponed"


def note_orders(site: Site, action: str, who: Sequence[tuple[str, str]], detail: str = "") -> None:
    """
    Note that an administrator did something to recipients in the queue.

    @param who: the id of the message and the recipient as its row has it, those of one message together.
    @param detail: the next hop, where one was chosen.
    """
    if site.journal is None:
        return
    now = site.clock.seconds()
    for message, recipients in groupby(who, itemgetter(0)):
        addresses = [str(read_recipient(text).address) for _message, text in recipients]
        site.journal.note([Ordered(now, message, address, action, detail) for address in addresses])


def note_report(site: Site, message: str, news: Sequence[News], report: Report) -> None:
    """
    Note that a report was queued: with the message that it is about, and as a message of its own.

    @param message: the id of the message.
    @param news: what the report says; at least one.
    """
    if site.journal is None:
        return
    now, (_nobody, to) = site.clock.seconds(), addresses_of(report.envelope)
    what = news[0].kind if news[0].kind in ("failed", "delayed") else "success"
    about = tuple(str(each.recipient.address) for each in news)
    site.journal.note([Reported(now, message, what, report.id, ", ".join(to), about)])
    note_own(site, "report", report.id, report.envelope, report.message, message)
