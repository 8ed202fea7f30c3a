"""Running a coroutine from the events of a connection.

Twisted runs coroutines by a Deferred of their own and another one for each wait; with several waits a message that was
a good part of all the work. Here a wait for the client is a flag.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Coroutine, Generator
from contextvars import copy_context
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

_log = Logger()


@types.coroutine
def park() -> Generator[None, None, None]:
    """Wait for L{Running.go_on}: what is yielded is no Deferred."""
    yield


class Running:
    """
    One coroutine on its way; it may await Deferreds, and L{park}.

    @ivar parked: it waits for L{go_on}.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, None], finish: Callable[[], None]) -> None:
        """
        @param finish: called once when the coroutine has ended, in whatever way; what it raised is logged before.
        """
        self.parked = False
        self._coroutine = coroutine
        self._finish = finish
        self._context = copy_context()
        self._stepping = False

    def go_on(self, arrived: Any = None) -> None:
        """
        Run up to where it waits again.

        @param arrived: what it waited for; a L{Failure} is raised in it.
        """
        self.parked = False
        while True:
            try:
                if isinstance(arrived, Failure):
                    waiting = self._context.run(arrived.throwExceptionIntoGenerator, self._coroutine)
                else:
                    waiting = self._context.run(self._coroutine.send, arrived)
            except StopIteration:
                self._end()
                return
            except Exception:
                _log.failure("conversation failed")
                self._end()
                return
            if waiting is None:
                self.parked = True
                return
            # What is there already comes back at once, and must not run the coroutine from within itself.
            results: list[Any] = []
            self._stepping = True
            waiting.addBoth(self._arrived, results)
            self._stepping = False
            if not results:
                return
            arrived = results[0]

    def _end(self) -> None:
        finish = self._finish
        # They lead back to whoever has us: in a cycle they, and all he has, would wait for the garbage collector.
        del self._finish, self._coroutine
        finish()

    def _arrived(self, result: Any, results: list[Any]) -> None:
        if self._stepping:
            results.append(result)
        else:
            self.go_on(result)
