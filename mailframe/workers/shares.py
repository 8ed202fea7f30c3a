"""Clients shared out among workers: whoever has more of them than another one lets that one go first.

All workers listen at the same ports, and without this whichever wakes up first has them all: in a quiet hour that is
the same one again and again, and sessions of mail programs last for hours.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from mailframe.config import WORKERS

YIELD_SECONDS = 0.001
"""How long another one may take to accept a client before we do."""

_OCTETS = 8
_NOBODY = -1


@define(eq=False)
class Shares:
    """
    How many clients each worker has. It lasts as long as the process: to close the file would end the locks that the
    process has on it (fcntl(2)).

    @ivar descriptor: of a file that all of them have open.
    """

    descriptor: int
    _clients: memoryview = field(init=False)

    def __attrs_post_init__(self) -> None:
        os.truncate(self.descriptor, WORKERS * _OCTETS)
        self._clients = memoryview(mmap.mmap(self.descriptor, WORKERS * _OCTETS)).cast("q")

    def clear(self) -> None:
        """There are no workers."""
        for place in range(WORKERS):
            self.leave(place)

    def leave(self, place: int) -> None:
        """There is no worker of that place any more."""
        self._clients[place] = _NOBODY

    def have(self, place: int, clients: int) -> bool:
        """Tell how many clients the worker of a place has; return whether another one has fewer."""
        self._clients[place] = clients
        return any(_NOBODY < other < clients for other in self._clients)


def accept_in_turn(port: Any, clock: IReactorTime, shares: Shares, place: int, clients: Callable[[], int]) -> None:
    """
    Let a port accept one client at a time, and others first who have fewer.

    @param port: Twisted's C{tcp.Port}.
    @param place: of this worker.
    @param clients: returns how many it has.
    """
    accept, has_waited = port.doRead, False

    def accept_one() -> None:
        nonlocal has_waited
        if shares.have(place, clients()) and not has_waited:
            has_waited = True
            port.stopReading()
            clock.callLater(YIELD_SECONDS, go_on)
            return
        has_waited = False
        port.numberAccepts = 1  # Twisted counts up again
        accept()
        shares.have(place, clients())

    def go_on() -> None:
        if port.connected:
            port.startReading()

    port.doRead = accept_one
