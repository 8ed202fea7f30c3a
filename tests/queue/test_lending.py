"""What is due of several destinations is lent together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mailframe.address import Address
from mailframe.envelope import Envelope, Recipient
from mailframe.errors import Temporary
from mailframe.inline import now
from mailframe.queue.lending import DESTINATIONS, Lending
from mailframe.queue.memory import MemoryQueue
from mailframe.testing.queues import SMALL


class Counted:
    """A queue that knows how often it was asked, and fails those times that it is told to."""

    def __init__(self, destinations: int) -> None:
        self.queue = MemoryQueue(Clock())
        self.asked = 0
        self.failing: Collection[int] = ()
        for number in range(destinations):
            to = Recipient(Address("bob", f"d{number}.example"))
            now(self.queue.put(f"m{number}", Envelope(None, (to,)), SMALL, float(number)))

    async def lease(self, *arguments: Any) -> Sequence[Any]:
        self.asked += 1
        if self.asked in self.failing:
            raise Temporary("the disk is full")
        return await self.queue.lease(*arguments)


def lent(lending: Any, busy: Collection[str] = ()) -> list[str]:
    found = now(lending.lend(1000.0, 2000.0, 100, busy))
    return [each.envelope.recipients[0].address.domain for each in found]


def test_more_and_more_destinations_are_lent_for_as_long_as_there_are_as_many() -> None:
    queue: Any = Counted(40)
    lending, counts = Lending(queue), []
    while found := lent(lending):
        counts.append(len(found))
    assert counts == [1, 2, 4, 8, DESTINATIONS, 9]
    assert queue.asked == 1 + 2 + 4 + 8 + 2 * DESTINATIONS + 1, "then it asks for one again"


def test_those_due_longest_are_first_and_busy_ones_are_left() -> None:
    queue: Any = Counted(4)
    lending = Lending(queue)
    assert lent(lending, ["d1.example"]) == ["d0.example"]
    assert lent(lending, ["d1.example"]) == ["d2.example", "d3.example"]
    assert lent(lending, ["d1.example"]) == []


def test_what_was_lent_is_there_although_some_could_not_be() -> None:
    queue: Any = Counted(10)
    lending = Lending(queue)
    assert len(lent(lending)) == 1
    queue.failing = (3,)
    assert len(lent(lending)) == 1
    assert queue.asked == 3
    assert len(lent(lending)) == 1, "it is careful again"


def test_a_queue_that_does_not_work_is_told_as_it_is() -> None:
    queue: Any = Counted(1)
    queue.failing = (1,)
    with pytest.raises(Temporary, match="the disk is full"):
        lent(Lending(queue))


def test_one_that_is_slow_is_waited_for() -> None:
    slow: Deferred[Any] = Deferred()

    class Slow:
        async def lease(self, *_arguments: Any) -> Any:
            return await slow

    queue: Any = Slow()
    lending = Deferred.fromCoroutine(Lending(queue).lend(1000.0, 2000.0, 100, ()))
    assert not lending.called
    slow.callback(["lent"])
    assert lending.result == ["lent"]
