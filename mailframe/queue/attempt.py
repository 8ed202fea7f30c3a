"""What follows from one attempt: who is settled how, who is to be tried again, and who is told; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import frozen

from mailframe.hooks import Action, Delivered, Failed, Outcome, Retry
from mailframe.interfaces import Leased, Settlement
from mailframe.queue.schedule import Schedule


@frozen
class Told:
    """
    Something the sender is to be told.

    @ivar kind: an action of RFC 3464 2.3.3: C{failed}, C{delayed}, C{delivered}, C{relayed}, C{expanded}.
    @ivar until: for C{delayed}, when it will be given up, seconds since the epoch.
    """

    leased: Leased
    kind: str
    outcome: Outcome
    until: float | None = None


@frozen
class Consequences:
    """All that follows for one recipient."""

    settlement: Settlement
    told: Told | None


def consequences(
    leased: Leased, outcome: Outcome, now: float, schedule: Schedule, random: Callable[[int], bytes]
) -> Consequences:
    """Say what follows from an outcome."""
    if isinstance(outcome, Retry) and schedule.expired(now, leased.queued):
        outcome = _given_up(outcome, now - leased.queued)
    if isinstance(outcome, Retry):
        due = schedule.due(now, leased.attempts + 1, outcome.status, random)
        due = min(due, max(now + 1.0, leased.queued + schedule.expire))
        warn = schedule.to_warn(now, leased.queued) and not leased.warned
        told = _told(leased, "delayed", outcome, leased.queued + schedule.expire) if warn else None
        return Consequences(Settlement(outcome, due, warned=leased.warned or warn), told)
    kind = "failed" if isinstance(outcome, Failed) else _success(outcome)
    return Consequences(Settlement(outcome), _told(leased, kind, outcome))


def returned(leased: Leased) -> Failed:
    """Return the outcome for what an administrator sends back."""
    return Failed("5.7.1", "The message was returned by the administrator of this server")


def _given_up(last: Retry, seconds: float) -> Failed:
    days = max(1, round(seconds / 86400))
    text = f"Given up after {days} day{'s' * (days > 1)}. The last attempt: {last.text}"
    return Failed("5.4.7", text, last.remote, last.diagnostic)


def _success(outcome: Delivered) -> str:
    return "" if outcome.action is Action.PASSED_ON else outcome.action.value


def _told(leased: Leased, kind: str, outcome: Outcome, until: float | None = None) -> Told | None:
    """Return what the sender wants to know (RFC 3461 4.1); a report has no sender, and is not answered (5.2.9)."""
    if leased.envelope.sender is None or not kind:
        return None
    wanted = leased.envelope.recipients[0].notify or frozenset({"FAILURE", "DELAY"})
    keyword = {"failed": "FAILURE", "delayed": "DELAY"}.get(kind, "SUCCESS")
    return Told(leased, kind, outcome, until) if keyword in wanted else None


def by_message(told: Sequence[Told]) -> Mapping[tuple[str, str], Sequence[Told]]:
    """Return what is to be told, one report for each message and class of news."""
    groups: dict[tuple[str, str], list[Told]] = {}
    for each in told:
        news = each.kind if each.kind in ("failed", "delayed") else "success"
        groups.setdefault((each.leased.id, news), []).append(each)
    return groups
