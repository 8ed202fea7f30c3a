"""The clock of a test world: it stops at every call that is due, and knows on which machine each call runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet.task import Clock

START = 1_800_000_000.0
"""When a world begins, seconds since the epoch: the morning of 15 January 2027."""
CALLS_AT_ONCE = 1_000_000
"""Calls at one moment, after which nothing else is to be expected than more of them."""


class VirtualClock(Clock):
    """
    @ivar machine: the name of the machine whose code runs now; empty outside.
    """

    def __init__(self, start: float = START) -> None:
        super().__init__()
        self.rightNow = start
        self.machine = ""
        self._at_once = 0

    def next_call(self) -> float | None:
        """Return when something will happen; C{None} when nothing will."""
        return self.calls[0].getTime() if self.calls else None

    def step(self, until: float) -> bool:
        """
        Go to the next moment at which a call is due and run what is due then; not beyond a time.

        @param until: seconds since the epoch.
        @return: whether there was one; otherwise the clock shows that time now.
        @raise RuntimeError: calls at one moment lead to ever more of them.
        """
        due = self.next_call()
        if due is None or due > until:
            self.rightNow = max(self.rightNow, until)
            return False
        self._count(due)
        self.rightNow = max(self.rightNow, due)
        self.advance(0)
        return True

    def _count(self, due: float) -> None:
        self._at_once = self._at_once + 1 if due <= self.rightNow else 0
        if self._at_once > CALLS_AT_ONCE:
            raise RuntimeError(f"the world stands still: {self.calls[0]} is due for ever")

    @contextmanager
    def running_on(self, machine: str) -> Iterator[None]:
        """Say whose code runs within."""
        before, self.machine = self.machine, machine
        try:
            yield
        finally:
            self.machine = before

    def call_on(self, machine: str, delay: float, call: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """Call later, on a machine."""
        return self.callLater(delay, self._call, machine, call, args, named)

    def _call(self, machine: str, call: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> None:
        with self.running_on(machine):
            call(*args, **named)
