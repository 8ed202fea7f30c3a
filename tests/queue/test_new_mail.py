"""What is new goes at once where it may, without the queue being read, and never before what waits already."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from zope.interface import implementer

from mailframe.address import Address
from mailframe.delivery.routes import Route
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Delivered, Delivery, Outcome, Retry
from mailframe.interfaces import IDeliveryQueue
from mailframe.queue.concurrency import Limits
from mailframe.queue.memory import MemoryQueue
from mailframe.queue.passing import PassesOn
from mailframe.queue.runner import RECIPIENTS, Runner
from mailframe.site import Site
from mailframe.spool import Message

MESSAGE = Message.from_bytes(b"Subject: hello\r\n\r\n")
ONE_AT_A_TIME = Limits(first=1, most=1)


@implementer(IDeliveryQueue)
@define(eq=False)
class Plain(PassesOn):
    """A queue that can do no more than it must."""

    source: Any

    async def put(self, id: str, envelope: Envelope, message: Message, due: float) -> None:
        await self.queue.put(id, envelope, message, due)


@define(eq=False)
class Sending:
    """A runner whose deliveries end when they are told to."""

    clock: Clock = field(factory=Clock)
    under_way: dict[str, Deferred[Outcome]] = field(factory=dict)
    asked: list[str] = field(factory=list)
    runner: Any = None
    queue: Any = None

    def start(self, queue: Any = None, **options: Any) -> None:
        self.clock.advance(1_000_000)
        self.queue = MemoryQueue(self.clock)
        routes = [Route("other@a.example", self._other), Route("*", self._deliver)]
        self.runner = Runner(self.queue if queue is None else queue(self.queue), routes, **options)
        done(self.runner.start(Site("mx.example.org", self.clock, random=bytes)))

    def put(self, id: str, *to: str) -> Deferred[None]:
        recipients = tuple(Recipient(Address.parse(each)) for each in to or ("ann@a.example",))
        envelope = Envelope(None, recipients)
        return Deferred.fromCoroutine(self.runner.put(id, envelope, MESSAGE, self.clock.seconds()))

    def end(self, id: str, outcome: Outcome | None = None) -> None:
        self.under_way.pop(id).callback(outcome or Delivered())

    def _other(self, delivery: Delivery) -> Deferred[Outcome]:
        return self._deliver(delivery)

    def _deliver(self, delivery: Delivery) -> Deferred[Outcome]:
        self.asked.append(delivery.id)
        self.under_way[delivery.id] = Deferred()
        return self.under_way[delivery.id]

    def left(self) -> list[str]:
        """Return what is due now."""
        return [each.id for each in done(self.queue.lease(self.clock.seconds(), 1e9, 100))]


def done(call: Any) -> Any:
    """Return what a call comes to at once."""
    results: list[Any] = []
    Deferred.fromCoroutine(call).addCallback(results.append)
    [result] = results
    return result


@pytest.fixture
def sending() -> Iterator[Sending]:
    made = Sending()
    yield made
    while made.under_way:
        made.end(next(iter(made.under_way)))
    done(made.runner.stop())
    assert made.clock.getDelayedCalls() == []


def test_what_is_new_goes_without_the_queue_being_read(sending: Sending) -> None:
    sending.start()
    with mock.patch.object(MemoryQueue, "lease") as lease, mock.patch.object(MemoryQueue, "next_due") as next_due:
        for number in range(20):
            sending.put(f"m{number}", f"ann@d{number % 3}.example")
            sending.end(f"m{number}")
    lease.assert_not_called()
    next_due.assert_not_called()
    assert len(sending.asked) == 20


def test_what_is_new_goes_after_what_waits(sending: Sending) -> None:
    sending.start(limits=ONE_AT_A_TIME)
    for number in range(4):
        sending.put(f"m{number}")
    sending.end("m0")
    sending.put("m4")
    for number in range(1, 5):
        sending.end(f"m{number}")
    sending.put("m5")
    assert sending.asked == ["m0", "m1", "m2", "m3", "m4", "m5"]


def test_what_is_new_goes_after_what_waits_for_a_place_anywhere(sending: Sending) -> None:
    sending.start(deliveries=2)
    for number in range(5):
        sending.put(f"m{number}", f"ann@d{number}.example")
    sending.end("m0")
    sending.put("m5", "ann@d5.example")
    for number in range(1, 6):
        sending.end(f"m{number}")
    assert sending.asked == ["m0", "m1", "m2", "m3", "m4", "m5"]


def test_what_has_more_ways_than_there_are_places_goes_one_after_the_other(sending: Sending) -> None:
    sending.start(limits=ONE_AT_A_TIME)
    sending.put("m1", "ann@a.example", "other@a.example")
    sending.put("m2")
    assert sending.asked == ["m1"]
    sending.end("m1")
    assert sending.asked == ["m1", "m1"]
    sending.end("m1")
    sending.end("m2")


def test_what_finds_all_places_taken_when_it_is_written_waits_for_one(sending: Sending) -> None:
    sending.start(deliveries=1)
    writing: Deferred[None] = Deferred()
    put_and_lend = MemoryQueue.put_and_lend

    async def slow(*args: Any) -> Any:
        await writing
        return await put_and_lend(sending.queue, *args)

    with mock.patch.object(MemoryQueue, "put_and_lend", side_effect=slow):
        sending.put("m1", "ann@a.example")
        sending.put("m2", "ann@b.example")
        writing.callback(None)
    assert sending.asked == ["m1"]
    sending.end("m1")
    assert sending.asked == ["m1", "m2"]


def test_what_is_written_when_the_runner_stops_is_given_back(sending: Sending) -> None:
    sending.start()
    writing: Deferred[None] = Deferred()
    put_and_lend = MemoryQueue.put_and_lend

    async def slow(*args: Any) -> Any:
        await writing
        return await put_and_lend(sending.queue, *args)

    with mock.patch.object(MemoryQueue, "put_and_lend", side_effect=slow):
        sending.put("m1")
        done(sending.runner.stop())
        writing.callback(None)
    assert sending.asked == []
    assert sending.left() == ["m1"]


def test_what_goes_to_very_many_goes_to_some_of_them_at_a_time(sending: Sending) -> None:
    sending.start(limits=ONE_AT_A_TIME)
    sending.put("m1", *(f"r{number}@a.example" for number in range(RECIPIENTS + 1)))
    sending.end("m1")
    sending.end("m1")
    assert sending.asked == ["m1", "m1"]


def test_a_queue_that_cannot_lend_so_is_read(sending: Sending) -> None:
    sending.start(Plain, limits=ONE_AT_A_TIME)
    for number in range(3):
        sending.put(f"m{number}")
    sending.end("m0")
    assert sending.asked == ["m0", "m1"]
    stopped = Deferred.fromCoroutine(sending.runner.stop())
    sending.end("m1")
    assert stopped.called
    assert sending.left() == ["m2"]


def test_what_is_to_be_tried_again_goes_when_its_time_has_come_and_nothing_else_happens(sending: Sending) -> None:
    sending.start()
    sending.put("m1")
    sending.end("m1", Retry("4.2.2"))
    sending.clock.advance(86400)
    assert sending.asked == ["m1", "m1"]


def test_a_worker_remembers_nothing_of_where_mail_goes(sending: Sending) -> None:
    sending.start()
    done(sending.runner.stop())
    sending.put("m1")
    assert not sending.runner._windows._own
    assert sending.left() == ["m1"]
