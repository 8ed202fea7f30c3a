"""Running a coroutine from the events of a connection.

Twisted runs coroutines by a Deferred of their own and another one for each wait; with several waits a message that was
a good part of all the work. Here a wait for the client is a flag.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Coroutine, Generator
from contextvars import copy_context
from functools import partial
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

_log = Logger()


@types.coroutine
def park() -> Generator[None, Any, Any]:
    """Wait for L{Running.go_on}, and return what it is given: what is yielded is no Deferred."""
    return (yield)


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
        self._in_context: Callable[..., Any] = copy_context().run
        self._send = partial(self._in_context, coroutine.send)  # type: ignore[call-arg]  # the rest comes later
        self._stepping = False

    def go_on(self, arrived: Any = None) -> None:
        """
        Run up to where it waits again.

        @param arrived: what it waited for.
        """
        self._run(self._send, arrived)

    def fail(self, problem: Exception) -> None:
        """The same, but this is raised where it waited."""
        self._run(partial(self._in_context, self._coroutine.throw), problem)

    def _run(self, resume: Callable[[Any], Any], arrived: Any) -> None:
        self.parked = False
        while True:
            try:
                waiting = resume(arrived)
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
            resume, arrived = self._resume(results[0])

    def _resume(self, result: Any) -> tuple[Callable[[Any], Any], Any]:
        """Return how to go on with what a Deferred has brought."""
        if isinstance(result, Failure):
            return partial(self._in_context, result.throwExceptionIntoGenerator), self._coroutine
        return self._send, result

    def _end(self) -> None:
        finish = self._finish
        # They lead back to whoever has us: in a cycle they, and all he has, would wait for the garbage collector.
        del self._finish, self._coroutine, self._send
        finish()

    def _arrived(self, result: Any, results: list[Any]) -> None:
        if self._stepping:
            results.append(result)
        else:
            self._run(*self._resume(result))
