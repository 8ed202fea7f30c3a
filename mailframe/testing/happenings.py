"""What happened in a test world: every log event and every turn of the network, and the failures among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from attrs import define, field, frozen
from twisted.logger import ILogObserver, LogEvent, LogLevel, eventAsText, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.testing.virtual_time import VirtualClock


class WorldFailed(AssertionError):
    """Something went wrong inside of a world that no test has announced; the text has the tracebacks."""


@frozen
class Event:
    """
    One thing that happened.

    @ivar time: seconds since the epoch.
    @ivar machine: where; empty for the network.
    """

    time: float
    machine: str
    text: str

    def __str__(self) -> str:
        when = datetime.fromtimestamp(self.time, UTC).isoformat(" ", "milliseconds").removesuffix("+00:00")
        return f"{when} {self.machine or 'network'}: {self.text}"


@implementer(ILogObserver)
@define(eq=False)
class Happenings:
    """
    @ivar shown: makes the text of an event the same in each run.
    """

    clock: VirtualClock
    shown: Callable[[str], str] = lambda text: text
    events: list[Event] = field(factory=list, init=False)
    _failures: list[LogEvent] = field(factory=list, init=False)
    _expected: tuple[type[BaseException], ...] = field(default=(), init=False)
    _found: list[Failure] = field(factory=list, init=False)

    def start(self) -> None:
        """Begin to listen to the log."""
        globalLogPublisher.addObserver(self)

    def stop(self) -> None:
        """Listen no more."""
        globalLogPublisher.removeObserver(self)

    def note(self, text: str) -> None:
        """Add an event of the network."""
        self.events.append(Event(self.clock.seconds(), "", text))

    def check(self) -> None:
        """
        Tell of what went wrong since the last time.

        @raise WorldFailed: something did.
        """
        failures, self._failures = self._failures, []
        if failures:
            texts = [eventAsText(dict(event), includeTimestamp=False, includeSystem=False) for event in failures]
            raise WorldFailed("\n\n".join(texts))

    @contextmanager
    def expecting(self, *errors: type[BaseException]) -> Iterator[list[Failure]]:
        """
        Bear exceptions of these types within, and collect them.

        @raise WorldFailed: there was none.
        """
        before = self._expected
        self._expected, found = (*before, *errors), list[Failure]()
        self._found = found
        try:
            yield found
        finally:
            self._expected = before
        if not found:
            raise WorldFailed(f"there was no {' or '.join(each.__name__ for each in errors)}")

    def __call__(self, event: LogEvent) -> None:
        """Take an event of the log."""
        failure = event.get("log_failure")
        if failure is not None:
            if self._expected and failure.check(*self._expected):
                self._found.append(failure)
            else:
                self._failures.append(event)
        if _is_told(event):
            self.events.append(Event(self.clock.seconds(), self.clock.machine, self.shown(formatEvent(dict(event)))))


def _is_told(event: LogEvent) -> bool:
    """Twisted's own entries tell of places in memory, which differ each time."""
    namespace, level = event.get("log_namespace", ""), event.get("log_level", LogLevel.info)
    return (
        bool(event.get("log_format")) and not namespace.startswith(("twisted", "log_legacy")) and level >= LogLevel.info
    )
