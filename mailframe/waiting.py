"""Waiting for what others give us, in whatever way they give it, and not for ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from types import CoroutineType, coroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

E = TypeVar("E")


async def in_time(call: Callable[[E], Any], event: E, clock: IReactorTime, seconds: float) -> Any:
    """
    Call a function of a user's and wait for its answer: given at once, by a coroutine or by a Deferred.

    @raise twisted.internet.defer.TimeoutError: it did not answer within C{seconds}; it was cancelled.
    """
    answer = call(event)
    if isinstance(answer, Deferred):
        if not answer.called or answer.paused:  # a timer costs more than most answers, which are there at once
            answer.addTimeout(seconds, clock)
        return await answer
    if type(answer) is not CoroutineType and not isinstance(answer, Awaitable):
        return answer
    return await _bounded(answer, clock, seconds)


@coroutine
def _bounded(answer: Awaitable[Any], clock: IReactorTime, seconds: float) -> Generator[Any, Any, Any]:
    """
    Run a coroutine as a part of the one that waits for it, and cancel what it waits for when its time is over.

    A Deferred of its own would do the same, and costs more than most hooks do: here one that never waits costs
    nothing, and one that waits costs a timer.
    """
    steps: Any = answer.__await__()
    late = False

    def cut() -> None:
        nonlocal late
        late = True
        waiting.cancel()

    try:
        waiting = next(steps)
    except StopIteration as done:
        return done.value
    timer = clock.callLater(seconds, cut)
    try:
        while True:
            try:
                result = yield waiting
            except BaseException as error:
                waiting = steps.throw(error)
            else:
                waiting = steps.send(result)
    except StopIteration as done:
        return done.value
    except CancelledError as error:
        if late:
            raise TimeoutError(seconds, "no answer in time") from error
        raise
    finally:
        if timer.active():
            timer.cancel()
