"""What follows from one attempt: who is settled how, who is to be tried again, and who is told; pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from attrs import frozen

from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Action, Delivered, Failed, Outcome, Retry
from mailframe.interfaces import Leased, Settlement
from mailframe.queue.bounce import News
from mailframe.queue.schedule import Schedule

RETURNED = Failed("5.7.1", "The message was returned by the administrator of this server")
"""The outcome for what an administrator sends back."""


@frozen
class Consequences:
    """All that follows for one recipient."""

    settlement: Settlement
    news: News | None


def consequences(
    leased: Leased, outcome: Outcome, now: float, schedule: Schedule, random: Callable[[int], bytes]
) -> Consequences:
    """Say what follows from an outcome."""
    [recipient] = leased.envelope.recipients
    if isinstance(outcome, Retry) and schedule.expired(now, leased.queued):
        outcome = _given_up(outcome, now - leased.queued)
    if isinstance(outcome, Retry):
        due = schedule.due(now, leased.attempts + 1, outcome.status, random)
        due = min(due, max(now + 1.0, leased.queued + schedule.expire))
        warn = schedule.to_warn(now, leased.queued) and not leased.warned
        until = leased.queued + schedule.expire
        news = news_of(leased.envelope, recipient, "delayed", outcome, until) if warn else None
        return Consequences(Settlement(outcome, due, warned=leased.warned or warn), news)
    kind = "failed" if isinstance(outcome, Failed) else success(outcome)
    return Consequences(Settlement(outcome), news_of(leased.envelope, recipient, kind, outcome))


def _given_up(last: Retry, seconds: float) -> Failed:
    days = max(1, round(seconds / 86400))
    text = f"Given up after {days} day{'s' * (days > 1)}. The last attempt: {last.text}"
    return Failed("5.4.7", text, last.remote, last.diagnostic)


def success(outcome: Delivered) -> str:
    """Return the kind of news that a delivery is; empty when somebody else tells it."""
    return "" if outcome.action is Action.PASSED_ON else outcome.action.value


def news_of(
    envelope: Envelope, recipient: Recipient, kind: str, outcome: Outcome, until: float | None = None
) -> News | None:
    """Return what the sender wants to know (RFC 3461 4.1); a report has no sender, and is not answered (5.2.9)."""
    if envelope.sender is None or not kind:
        return None
    wanted = recipient.notify or frozenset({"FAILURE", "DELAY"})
    keyword = {"failed": "FAILURE", "delayed": "DELAY"}.get(kind, "SUCCESS")
    return News(recipient, kind, outcome, until) if keyword in wanted else None


def by_kind(news: Sequence[News]) -> Collection[Sequence[News]]:
    """Return news of one message such that each group makes one report: bad, not yet bad, and good ones."""
    groups: dict[str, list[News]] = {}
    for each in news:
        groups.setdefault(each.kind if each.kind in ("failed", "delayed") else "success", []).append(each)
    return groups.values()
