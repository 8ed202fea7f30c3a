"""Deadlines: each happens at its time or not at all, and nothing is left of them."""

from __future__ import annotations

import weakref

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.deadlines import Deadline


class DeadlineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.happened: list[str] = []

    def deadline(self, name: str, seconds: float = 60) -> Deadline:
        return Deadline(self.clock, seconds, lambda: self.happened.append(name))

    def test_it_happens_when_its_time_is_over(self) -> None:
        self.deadline("a")
        self.clock.advance(59.9)
        self.assertEqual(self.happened, [])
        self.clock.advance(0.1)
        self.assertEqual(self.happened, ["a"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_is_cancelled_does_not_happen(self) -> None:
        self.deadline("a").cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(60)
        self.assertEqual(self.happened, [])

    def test_those_that_began_later_happen_later(self) -> None:
        self.deadline("a")
        self.clock.advance(10)
        self.deadline("b")
        self.clock.advance(50)
        self.assertEqual(self.happened, ["a"])
        self.clock.advance(10)
        self.assertEqual(self.happened, ["a", "b"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_those_that_wait_equally_long_share_a_timer(self) -> None:
        for _ in range(100):
            self.deadline("a")
        self.deadline("b", 30)
        self.assertEqual(len(self.clock.getDelayedCalls()), 2)
        self.clock.advance(60)
        self.assertEqual(self.happened, ["b"] + ["a"] * 100)

    def test_when_the_first_was_cancelled_the_next_one_happens_at_its_own_time(self) -> None:
        first = self.deadline("a")
        self.clock.advance(10)
        self.deadline("b")
        first.cancel()
        self.clock.advance(50)
        self.assertEqual(self.happened, [])
        self.clock.advance(9.9)
        self.assertEqual(self.happened, [])
        self.clock.advance(0.1)
        self.assertEqual(self.happened, ["b"])

    def test_to_cancel_one_that_has_happened_does_no_harm(self) -> None:
        first = self.deadline("a")
        self.clock.advance(10)
        self.deadline("b")
        self.clock.advance(50)
        first.cancel()
        first.cancel()
        self.clock.advance(10)
        self.assertEqual(self.happened, ["a", "b"])

    def test_what_happens_may_cancel_others_and_begin_new_ones(self) -> None:
        def happen() -> None:
            other.cancel()
            self.deadline("new")

        Deadline(self.clock, 60, happen)
        other = self.deadline("other")
        self.clock.advance(60)
        self.assertEqual(self.happened, [])
        self.clock.advance(60)
        self.assertEqual(self.happened, ["new"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_fails_keeps_no_other_from_happening(self) -> None:
        def fail() -> None:
            raise ZeroDivisionError

        Deadline(self.clock, 60, fail)
        self.deadline("a")
        self.clock.advance(60)
        self.assertEqual(self.happened, ["a"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_times_that_no_sum_hits_exactly_are_reached_all_the_same(self) -> None:
        for _ in range(1000):
            self.deadline("a", 0.1)
            self.clock.advance(0.1 / 3)
        self.clock.advance(0.1)
        self.assertEqual(len(self.happened), 1000)

    def test_the_clock_is_forgotten_with_the_last_deadline(self) -> None:
        clock = Clock()
        gone = weakref.ref(clock)
        Deadline(clock, 60, self.fail).cancel()
        del clock
        self.assertIsNone(gone())

    def test_who_cancels_is_kept_by_nothing(self) -> None:
        class Waiting:
            def begin(self, clock: Clock) -> None:
                self.deadline = Deadline(clock, 60, self.late)

            def late(self) -> None:
                raise AssertionError

        waiting = Waiting()
        waiting.begin(self.clock)
        gone = weakref.ref(waiting)
        waiting.deadline.cancel()
        del waiting
        self.assertIsNone(gone())
