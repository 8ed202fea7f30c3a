"""Services built from a runner, and combinations that would leave mail lying."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from mailframe.delivery.discard import discard
from mailframe.delivery.relay import ToMX
from mailframe.delivery.routes import Route
from mailframe.queue.memory import MemoryQueue
from mailframe.queue.runner import Runner
from mailframe.smtp import MX

HERE, AWAY = Route("example.org", discard), Route("*", ToMX())


def test_a_runner_brings_its_routes_and_is_the_queue() -> None:
    runner = Runner(MemoryQueue(Clock()), [HERE, AWAY])
    mx = MX(runner)
    assert mx.routes is runner.routes
    assert mx.queue is runner
    assert MX(runner, queue=runner).queue is runner


def test_another_queue_than_the_runner_is_refused() -> None:
    queue = MemoryQueue(Clock())
    with pytest.raises(ValueError, match="leave queue= out"):
        MX(Runner(queue, [HERE]), queue=queue)


def test_routes_to_other_servers_need_a_queue() -> None:
    with pytest.raises(ValueError, match="a route needs a queue: give Runner"):
        MX([HERE, AWAY])
    assert MX([HERE]).queue is None


def test_a_route_that_the_runner_does_not_have_is_refused() -> None:
    runner = Runner(MemoryQueue(Clock()), [AWAY])
    with pytest.raises(ValueError, match=r"the runner that is the queue has no route for 'example\.net'"):
        MX([Route("example.net", ToMX())], queue=runner)
    assert MX([HERE], queue=runner).queue is runner
    assert MX([HERE, AWAY], queue=runner).queue is runner


def test_a_queue_without_routes_may_be_any() -> None:
    queue = MemoryQueue(Clock())
    assert MX([AWAY], queue=queue).queue is queue
    with pytest.raises(TypeError, match="wanted a target"):
        MX(queue)
