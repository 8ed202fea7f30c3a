"""Waiting for answers however they are given, and no longer than allowed."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, TimeoutError, ensureDeferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.waiting import in_time


class InTimeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()

    def ask(self, call: Any) -> Deferred[Any]:
        async def asking() -> Any:
            return await in_time(call, 7, self.clock, 10)

        return ensureDeferred(asking())

    def test_an_answer_at_once(self) -> None:
        assert self.successResultOf(self.ask(lambda given: given + 1)) == 8
        assert self.successResultOf(self.ask(lambda given: succeed(given + 1))) == 8
        assert self.clock.getDelayedCalls() == []

    def test_a_coroutine_that_does_not_wait_costs_no_timer(self) -> None:
        async def answer(given: int) -> int:
            return given + int(await succeed(1))

        assert self.successResultOf(self.ask(answer)) == 8
        assert self.clock.getDelayedCalls() == []

    def test_whatever_else_can_be_awaited_may_wait(self) -> None:
        waiting: Deferred[int] = Deferred()

        class Answer:
            def __await__(self) -> Generator[Any, Any, int]:
                return int((yield waiting)) + 1

        asked = self.ask(lambda given: Answer())
        self.assertNoResult(asked)
        waiting.callback(1)
        assert self.successResultOf(asked) == 2
        assert self.clock.getDelayedCalls() == []

    def test_a_coroutine_may_wait_several_times(self) -> None:
        one: Deferred[int] = Deferred()
        two: Deferred[int] = Deferred()

        async def answer(given: int) -> int:
            return given + await one + await two

        asked = self.ask(answer)
        one.callback(1)
        self.assertNoResult(asked)
        two.callback(2)
        assert self.successResultOf(asked) == 10
        assert self.clock.getDelayedCalls() == []

    def test_a_coroutine_may_overcome_failures(self) -> None:
        waiting: Deferred[int] = Deferred()

        async def answer(given: int) -> int:
            try:
                await waiting
            except ValueError:
                return given
            return 0

        asked = self.ask(answer)
        waiting.errback(ValueError("no"))
        assert self.successResultOf(asked) == 7

    def test_what_it_raises_comes_out(self) -> None:
        waiting: Deferred[int] = Deferred()

        async def answer(_given: int) -> int:
            return await waiting

        asked = self.ask(answer)
        waiting.errback(ValueError("no"))
        self.failureResultOf(asked, ValueError)
        assert self.clock.getDelayedCalls() == []

    def test_who_takes_too_long_is_cancelled(self) -> None:
        cancelled: list[Any] = []

        async def coroutine(_given: int) -> Any:
            return await Deferred(cancelled.append)

        def deferred(_given: int) -> Any:
            return Deferred(cancelled.append)

        for call in (coroutine, deferred):
            asked = self.ask(call)
            self.clock.advance(9)
            self.assertNoResult(asked)
            self.clock.advance(1)
            self.failureResultOf(asked, TimeoutError)
        assert len(cancelled) == 2

    def test_a_cancellation_by_others_is_none_of_ours(self) -> None:
        waiting: Deferred[int] = Deferred()

        async def answer(_given: int) -> int:
            return await waiting

        asked = self.ask(answer)
        waiting.cancel()
        self.failureResultOf(asked, CancelledError)
