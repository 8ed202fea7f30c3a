"""A coroutine that is run by events."""

from __future__ import annotations

import gc
import types
import weakref
from collections.abc import Generator
from contextvars import ContextVar
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from mailframe.net.running import Running, park

NAME: ContextVar[str] = ContextVar("NAME", default="nobody")


class RunningTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.said: list[Any] = []

    def start(self, coroutine: Any) -> Running:
        running = Running(coroutine, lambda: self.said.append("finished"))
        running.go_on()
        return running

    def test_who_has_run_does_not_wait_for_the_garbage_collector(self) -> None:
        class Runner:
            def __init__(self) -> None:
                self.running = Running(self.run(), self.finish)

            async def run(self) -> None:
                await park()

            def finish(self) -> None:
                pass

        runner = Runner()
        gone = weakref.ref(runner)
        self.addCleanup(gc.enable)
        gc.disable()
        runner.running.go_on()
        runner.running.go_on()
        del runner
        assert gone() is None

    def test_it_waits_for_events_and_for_deferreds(self) -> None:
        waiting: Deferred[int] = Deferred()

        async def work() -> None:
            self.said.append(await succeed(1))
            await park()
            self.said.append(2)
            self.said.append(await waiting)

        running = self.start(work())
        assert running.parked
        running.go_on()
        assert (self.said, running.parked) == ([1, 2], False)
        waiting.callback(3)
        assert self.said == [1, 2, 3, "finished"]

    def test_failures_and_errors_are_raised_where_it_waits(self) -> None:
        async def work() -> None:
            for awaitable in (fail(KeyError("a")), park()):
                try:
                    await awaitable
                except KeyError as error:
                    self.said.append(error.args[0])

        self.start(work()).fail(KeyError("b"))
        assert self.said == ["a", "b", "finished"]

    def test_an_exception_that_is_a_result_is_not_raised(self) -> None:
        async def work() -> None:
            self.said.append(type(await succeed(KeyError("value"))))

        self.start(work())
        assert self.said == [KeyError, "finished"]

    def test_a_deferred_that_has_fired_already_may_be_yielded(self) -> None:
        @types.coroutine
        def old_style() -> Generator[Any, Any, Any]:
            return (yield succeed(7))

        async def work() -> None:
            self.said.append(await old_style())

        self.start(work())
        assert self.said == [7, "finished"]

    def test_many_results_that_are_there_already_do_not_pile_up(self) -> None:
        async def work() -> None:
            for number in range(5000):
                assert await succeed(number) == number

        self.start(work())
        assert self.said == ["finished"]

    def test_what_it_raises_is_logged(self) -> None:
        async def work() -> None:
            raise ValueError("oh")

        self.start(work())
        assert self.said == ["finished"]
        assert len(self.flushLoggedErrors(ValueError)) == 1

    def test_what_one_notes_in_a_context_is_not_seen_by_others(self) -> None:
        async def work(name: str) -> None:
            NAME.set(name)
            await park()
            self.said.append(NAME.get())

        both = [self.start(work(name)) for name in ("ann", "bob")]
        for running in both:
            running.go_on()
        assert self.said == ["ann", "finished", "bob", "finished"]
        assert NAME.get() == "nobody"
