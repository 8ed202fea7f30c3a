"""How attempts ended, gathered and recorded together: one commit serves all that end while the one before is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import define, field
from twisted.internet.defer import Deferred

from mailframe.hooks import Outcome
from mailframe.interfaces import IDeliveryQueue, Leased, Report, Settlement
from mailframe.log import QuickLogger
from mailframe.queue import attempt
from mailframe.queue.bounce import News, written
from mailframe.queue.noting import note_attempt, note_report
from mailframe.queue.schedule import Schedules
from mailframe.site import Site

_log = QuickLogger()


@define(eq=False)
class Recording:
    """
    @ivar look: called when something of it is in the queue from now on, to be tried again or a report, or is there
        still since it could not be recorded.
    """

    queue: IDeliveryQueue
    site: Site
    schedules: Schedules
    look: Callable[[], None]
    _settled: dict[int, Settlement] = field(factory=dict, init=False)
    _reports: list[tuple[str, Sequence[News], Report]] = field(factory=list, init=False)
    _settling: bool = field(default=False, init=False)
    _recorded: Deferred[None] | None = field(default=None, init=False)

    def add(self, leased: Sequence[Leased], outcomes: Mapping[int, Outcome]) -> None:
        """
        Take the outcomes of one attempt.

        @param leased: recipients of one message.
        @param outcomes: by the key of the lease.
        """
        now, settled, news = self.site.clock.seconds(), {}, []
        for each in leased:
            schedule = self.schedules.of(each.envelope.recipients[0].address.domain)
            follows = attempt.consequences(each, outcomes[each.key], now, schedule, self.site.random)
            settled[each.key] = follows.settlement
            if follows.news is not None:
                news.append(follows.news)
            _tell(each, follows.settlement)
        first, about = leased[0], [each.key for each in leased]
        reports = [
            (first.id, told, written(told, first.envelope, first.message, first.queued, self.site, about))
            for told in attempt.by_kind(news)
        ]
        note_attempt(self.site, leased, settled)
        self._settled.update(settled)  # together, or not at all: what is settled without its report is told to nobody
        self._reports += reports
        if not self._settling:
            self._settling = True
            self._recorded = Deferred.fromCoroutine(self._settle())

    async def end(self) -> None:
        """Wait until everything is recorded."""
        if self._recorded is not None:
            await self._recorded

    async def _settle(self) -> None:
        """Record what has gathered, again and again while there is something."""
        while self._settled:
            settled, self._settled = self._settled, {}
            reports, self._reports = self._reports, []
            try:
                await self.queue.settle(self.site.clock.seconds(), settled, [report for _, _, report in reports])
            except Exception:
                # They are tried again when their lease ends: twice is better than never.
                _log.failure("{count} outcomes cannot be recorded", count=len(settled))
                self.look()
                continue
            for message, news, report in reports:
                note_report(self.site, message, news, report)
            if reports or any(each.due is not None for each in settled.values()):
                self.look()
        self._settling = False


def _tell(leased: Leased, settlement: Settlement) -> None:
    outcome = settlement.outcome
    _log.info(
        "{message} to <{recipient}>, attempt {attempt}: {outcome} {status} {text}",
        message=leased.id,
        recipient=str(leased.envelope.recipients[0].address),
        attempt=leased.attempts + 1,
        outcome=type(outcome).__name__.lower(),
        status=getattr(outcome, "status", ""),
        text=outcome.text,
    )
