"""Waiting for what others give us, in whatever way they give it, and not for ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import CoroutineType, coroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

from mailframe.deadlines import Deadline

E = TypeVar("E")


def in_time(call: Callable[[E], Any], event: E, clock: IReactorTime, seconds: float) -> Awaitable[Any]:
    """
    Call a function of a user's; its answer is to be awaited, whether it comes at once, by a coroutine or by a Deferred.

    @return: raises Twisted's C{TimeoutError} if there is no answer within C{seconds}; it was cancelled.
    """
    answer = call(event)
    if type(answer) is CoroutineType:  # which most are
        return _bounded(answer, clock, seconds)
    if isinstance(answer, Deferred):
        if not answer.called or answer.paused:  # a timer costs more than most answers, which are there at once
            answer.addTimeout(seconds, clock)
        return answer
    return _bounded(_awaited(answer), clock, seconds) if isinstance(answer, Awaitable) else _given(answer)


async def _given(answer: Any) -> Any:
    return answer


async def _awaited(answer: Awaitable[Any]) -> Any:
    return await answer


@coroutine
def _bounded(steps: Coroutine[Any, Any, Any], clock: IReactorTime, seconds: float) -> Generator[Any, Any, Any]:
    """
    Run a coroutine as a part of the one that waits for it, and cancel what it waits for when its time is over.

    A Deferred of its own would do the same, and costs more than most hooks do: here one that never waits costs
    nothing, and one that waits costs a L{Deadline}.
    """
    try:
        waiting = steps.send(None)
    except StopIteration as done:
        return done.value
    late = False

    def cut() -> None:
        nonlocal late
        late = True
        waiting.cancel()

    deadline = Deadline(clock, seconds, cut)
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
        deadline.cancel()
