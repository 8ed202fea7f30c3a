"""When a recipient is tried again, when its sender is warned, and when it is given up; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import field, frozen
from attrs.validators import and_, ge, gt, lt

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

_DELAYS = (5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR)
_BY_STATUS: Mapping[str, tuple[float, ...]] = {
    "4.7.1": (2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR),
    "4.2.2": (HOUR, 2 * HOUR, 4 * HOUR),
}


def _check_delays(_schedule: object, attribute: object, delays: Sequence[float]) -> None:
    if not delays or min(delays) <= 0:
        raise ValueError("a schedule has delays in seconds, each more than 0")


def _check_table(schedule: object, attribute: object, table: Mapping[str, Sequence[float]]) -> None:
    for delays in table.values():
        _check_delays(schedule, attribute, delays)


@frozen(kw_only=True)
class Schedule:
    """
    RFC 5321 4.5.4.1: the first retry after some minutes, then ever more rarely, for 4 to 5 days.

    @ivar delays: seconds after each attempt; the last one is repeated.
    @ivar by_status: other delays for status codes of RFC 3463, the longest beginning counts (C{4.2} is all of
        C{4.2.x}): a server that greylists (C{4.7.1}) wants to be asked again soon, a full mailbox (C{4.2.2}) later.
    @ivar warn_after: seconds after which the sender is told of the delay; 0 never tells.
    @ivar expire: seconds after which it is given up.
    @ivar jitter: each delay is longer by up to this share: mail that came together does not go together for ever.
    """

    delays: Sequence[float] = field(default=_DELAYS, validator=_check_delays)
    by_status: Mapping[str, Sequence[float]] = field(default=_BY_STATUS, validator=_check_table)
    warn_after: float = field(default=4 * HOUR, validator=ge(0))
    expire: float = field(default=5 * DAY, validator=gt(0))
    jitter: float = field(default=0.1, validator=and_(ge(0), lt(1)))

    def due(self, now: float, attempts: int, status: str, random: Callable[[int], bytes]) -> float:
        """
        Return when to try again.

        @param now: seconds since the epoch.
        @param attempts: those made so far, with the one that has just failed.
        @param status: what it failed with.
        """
        delays = self._delays(status)
        delay = delays[min(attempts, len(delays)) - 1]
        share = int.from_bytes(random(4), "big") / 2**32
        return now + delay * (1 + self.jitter * share)

    def _delays(self, status: str) -> Sequence[float]:
        parts = status.split(".")
        for length in range(len(parts), 0, -1):
            if delays := self.by_status.get(".".join(parts[:length])):
                return delays
        return self.delays

    def expired(self, now: float, queued: float) -> bool:
        """Say whether to give up what was queued at that time."""
        return now - queued >= self.expire

    def to_warn(self, now: float, queued: float) -> bool:
        """Say whether it is time to tell the sender."""
        return self.warn_after > 0 and now - queued >= self.warn_after


@frozen
class Schedules:
    """
    @ivar default: for all others.
    @ivar by_destination: for domains in lower case.
    """

    default: Schedule = Schedule()
    by_destination: Mapping[str, Schedule] = {}

    def of(self, destination: str) -> Schedule:
        """Return the schedule for a domain."""
        return self.by_destination.get(destination, self.default)
