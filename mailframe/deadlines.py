"""Deadlines that are hardly ever reached: all that wait equally long by one clock share a timer.

Every message and every connection has some. A timer of the reactor's own for each of them, made and cancelled again,
costs more than reading a command does. Those that wait equally long end in the order in which they began, so that one
timer need only watch the first.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

EARLY_SECONDS = 0.001
"""What is over so soon is over: the sum of two times is not exact."""

_log = Logger()


class Deadline:
    """Something that is to happen when its time is over, unless it is cancelled before."""

    __slots__ = ("_queue", "happen", "when")

    def __init__(self, clock: IReactorTime, seconds: float, happen: Callable[[], None]) -> None:
        """
        @param seconds: from now.
        """
        queue = _queues.get((clock, seconds))
        if queue is None:
            queue = _queues[clock, seconds] = _Queue(clock, seconds)
        self.when, self.happen, self._queue = clock.seconds() + seconds, happen, queue
        queue.add(self)

    def cancel(self) -> None:
        """Let it not happen; nothing is wrong if it has happened already."""
        self._queue.remove(self)
        self.happen = _nothing  # whoever has us may be what it would have happened to: let neither keep the other


def _nothing() -> None:
    """What happens after all."""


class _Queue:
    """Deadlines in their order; there is one as long as there are some, and so is its timer."""

    def __init__(self, clock: IReactorTime, seconds: float) -> None:
        self._clock, self._seconds = clock, seconds
        self._deadlines: dict[Deadline, None] = {}
        self._timer: IDelayedCall | None = None

    def add(self, deadline: Deadline) -> None:
        self._deadlines[deadline] = None
        if self._timer is None:
            self._timer = self._clock.callLater(self._seconds, self._look)

    def remove(self, deadline: Deadline) -> None:
        self._deadlines.pop(deadline, None)
        if not self._deadlines and self._timer is not None and self._timer.active():
            self._timer.cancel()
            del _queues[self._clock, self._seconds]

    def _look(self) -> None:
        """Let happen what is due, and watch the next one. What happens may add and cancel others."""
        while self._deadlines:
            first = next(iter(self._deadlines))
            left = first.when - self._clock.seconds()
            if left > EARLY_SECONDS:
                self._timer = self._clock.callLater(left, self._look)
                return
            del self._deadlines[first]
            try:
                first.happen()
            except Exception:
                _log.failure("what was to happen at a deadline has failed")
        del _queues[self._clock, self._seconds]


_queues: dict[tuple[IReactorTime, float], _Queue] = {}
"""By clock and seconds."""
