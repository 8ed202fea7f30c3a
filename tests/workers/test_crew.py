"""Workers are started, replaced when they end, told what others tell, and stopped; on a clock, without processes."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from typing import Any, cast
from unittest.mock import Mock

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure

from mailframe.inline import now
from mailframe.workers.crew import AGAIN_SECONDS, KILL_SECONDS, MOST_AGAIN_SECONDS, CannotWork, Crew, Output, Worker
from mailframe.workers.fellows import Fellows
from mailframe.workers.orders import CHANNEL, FIRST_PORT, SERVING, SHARED, Orders

ORDERS = Orders(config=None, data="/data", offset=2000, log_json=False)


class Transport:
    """Of a process: keeps the signals that it is sent."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.signals: list[str] = []
        self.is_gone = False

    def signalProcess(self, name: str) -> None:
        if self.is_gone:
            raise ProcessExitedAlready
        self.signals.append(name)


class Reactor(Clock):
    """Starts processes that do nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.workers: list[Any] = []
        self.orders: list[Orders] = []
        self.descriptors: list[Mapping[int, Any]] = []

    def spawnProcess(
        self,
        worker: Worker,
        executable: str,
        arguments: list[str],
        env: Any,
        childFDs: Any,  # noqa: N803  Twisted names it
    ) -> None:
        assert arguments[0] == executable
        assert "PYTHONPATH" in env
        worker.transport = Transport(100 + len(self.workers))
        self.workers.append(worker)
        self.orders.append(Orders.from_text(arguments[-1]))
        self.descriptors.append(childFDs)

    def adoptStreamConnection(self, descriptor: int, family: int, factory: Any) -> None:
        assert family == socket.AF_UNIX
        factory.buildProtocol(None).makeConnection(StringTransport())


class Port:
    def __init__(self, address: Any, descriptor: int) -> None:
        self.address = address
        self.descriptor = descriptor

    def getHost(self) -> Any:
        return self.address

    def fileno(self) -> int:
        return self.descriptor


@pytest.fixture
def logged() -> Iterator[list[LogEvent]]:
    """What is logged in this test."""
    events: list[LogEvent] = []
    observer = cast(ILogObserver, events.append)
    globalLogPublisher.addObserver(observer)
    yield events
    globalLogPublisher.removeObserver(observer)


TO_PIPES = Output()
PORTS = [
    Port(IPv4Address("TCP", "127.0.0.1", 25), 11),
    Port(UNIXAddress("/run/lmtp"), 12),
    Port(IPv6Address("TCP", "::1", 25), 13),
]


def crew_of(number: int, output: Output = TO_PIPES) -> tuple[Crew, Reactor]:
    reactor = Reactor()
    return Crew(reactor, number, ORDERS, Fellows(False, reactor), output), reactor


def started(number: int, ports: list[Port] = PORTS) -> tuple[Crew, Reactor]:
    crew, reactor = crew_of(number)
    starting = Deferred.fromCoroutine(crew.start(ports))
    for worker in reactor.workers:
        assert not starting.called
        serve(worker)
    assert starting.called
    return crew, reactor


def serve(worker: Worker) -> None:
    worker.channel.lineReceived(f'["{SERVING}", []]'.encode())


def end(worker: Any, status: int = 1) -> None:
    worker.transport.is_gone = True
    worker.processEnded(Failure(ProcessTerminated(status) if status else ProcessDone(0)))


def told(worker: Worker) -> bytes:
    octets: bytes = worker.channel.transport.value()
    worker.channel.transport.clear()
    return octets


def test_it_has_started_when_all_of_them_serve() -> None:
    _crew, reactor = started(3)
    assert len(reactor.workers) == 3


def test_a_worker_gets_the_tcp_ports_and_its_orders() -> None:
    crew, reactor = started(1)
    assert reactor.orders == [
        Orders(
            config=None,
            data="/data",
            offset=2000,
            log_json=False,
            ports=(int(socket.AF_INET), None, int(socket.AF_INET6)),
        )
    ]
    [descriptors] = reactor.descriptors
    assert [descriptors[FIRST_PORT], descriptors[FIRST_PORT + 1]] == [11, 13]
    assert descriptors.keys() == {0, 1, 2, CHANNEL, SHARED, FIRST_PORT, FIRST_PORT + 1}
    assert descriptors[SHARED] == crew.fellows.locks.descriptor
    assert [crew.serves(port) for port in PORTS] == [True, False, True]


def test_each_has_a_place_of_its_own_which_another_one_takes_over() -> None:
    _crew, reactor = started(3)
    end(reactor.workers[1])
    reactor.advance(AGAIN_SECONDS)
    assert [orders.place for orders in reactor.orders] == [0, 1, 2, 1]


def test_a_worker_logs_where_this_process_does_or_is_logged_here() -> None:
    for output, expected in ((TO_PIPES, ("r", "r")), (Output(7, 2), (7, 2))):
        crew, reactor = crew_of(1, output)
        Deferred.fromCoroutine(crew.start(PORTS))
        assert (reactor.descriptors[0][1], reactor.descriptors[0][2]) == expected


def test_what_a_worker_writes_into_its_pipe_is_logged_line_by_line(logged: list[LogEvent]) -> None:
    _crew, reactor = started(1)
    for piece in (b"one\ntw", b"o \xff\nthr"):
        reactor.workers[0].childDataReceived(1, piece)
    assert [each["line"] for each in logged] == ["one", "two \ufffd"]


def test_one_that_ends_before_it_serves_lets_the_start_fail() -> None:
    crew, reactor = crew_of(2)
    starting = Deferred.fromCoroutine(crew.start(PORTS))
    serve(reactor.workers[0])
    end(reactor.workers[1])
    reason = starting.addErrback(lambda failure: failure.value).result
    assert isinstance(reason, CannotWork)
    assert "its log says why" in str(reason)


def test_what_one_tells_reaches_the_others_and_this_process() -> None:
    crew, reactor = started(3)
    heard: list[Any] = []
    crew.fellows.listen("mailboxes", heard.append)
    reactor.workers[1].channel.lineReceived(b'["mailboxes", [4]]')
    assert heard == [[4]]
    assert [told(worker) for worker in reactor.workers] == [b'["mailboxes", [4]]\n', b"", b'["mailboxes", [4]]\n']
    crew.fellows.tell("people")
    reactor.advance(0)
    assert [told(worker) for worker in reactor.workers] == [b'["people", []]\n'] * 3


def test_another_one_takes_the_place_of_one_that_ends() -> None:
    _crew, reactor = started(2)
    end(reactor.workers[0], status=-9)
    reactor.advance(AGAIN_SECONDS - 0.1)
    assert len(reactor.workers) == 2
    reactor.advance(0.1)
    assert len(reactor.workers) == 3


def test_one_that_ends_again_and_again_is_started_more_and_more_rarely() -> None:
    _crew, reactor = started(1)
    end(reactor.workers[0])
    pauses = [AGAIN_SECONDS]
    for _ in range(8):
        reactor.advance(pauses[-1])
        end(reactor.workers[-1])
        [again] = reactor.getDelayedCalls()
        pauses.append(again.getTime() - reactor.seconds())
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert pauses[-1] == MOST_AGAIN_SECONDS
    ends = [worker.serving.result for worker in reactor.workers]
    assert not any(isinstance(each, Failure) for each in ends), "it would be logged as an error that nobody has seen"
    reactor.advance(pauses[-1])
    serve(reactor.workers[-1])
    end(reactor.workers[-1])
    [again] = reactor.getDelayedCalls()
    assert again.getTime() - reactor.seconds() == AGAIN_SECONDS


def test_where_no_process_can_be_started_it_is_tried_again(logged: list[LogEvent]) -> None:
    _crew, reactor = started(1)
    spawn = reactor.spawnProcess
    reactor.spawnProcess = Mock(side_effect=OSError("no more processes"))  # type: ignore[method-assign]  # full
    end(reactor.workers[0])
    reactor.advance(AGAIN_SECONDS)
    assert [each["error"] for each in logged if "error" in each] == ["no more processes"]
    reactor.spawnProcess = spawn  # type: ignore[method-assign]  # not any more
    reactor.advance(2 * AGAIN_SECONDS)
    assert len(reactor.workers) == 2


def test_they_are_told_to_stop_and_waited_for() -> None:
    crew, reactor = started(3)
    end(reactor.workers[0])
    stopping = Deferred.fromCoroutine(crew.stop(5.0))
    assert [worker.transport.signals for worker in reactor.workers] == [[], ["TERM"], ["TERM"]]
    end(reactor.workers[1], status=0)
    assert not stopping.called
    end(reactor.workers[2], status=0)
    assert stopping.called
    assert reactor.getDelayedCalls() == []
    assert len(reactor.workers) == 3


def test_one_that_does_not_stop_is_killed() -> None:
    crew, reactor = started(1)
    stopping = Deferred.fromCoroutine(crew.stop(5.0))
    reactor.advance(5.0 + KILL_SECONDS)
    assert reactor.workers[0].transport.signals == ["TERM", "KILL"]
    end(reactor.workers[0], status=-9)
    assert stopping.called


def test_one_that_has_just_ended_is_not_signalled() -> None:
    crew, reactor = started(1)
    reactor.workers[0].transport.is_gone = True
    stopping = Deferred.fromCoroutine(crew.stop(5.0))
    end(reactor.workers[0], status=0)
    assert stopping.called


def test_nobody_is_there_to_be_stopped_before_the_start() -> None:
    crew, _reactor = crew_of(1)
    now(crew.stop(5.0))


@pytest.mark.parametrize(
    "orders", [ORDERS, Orders(config="/m\u00e4il.py", data="d", offset=0, log_json=True, ports=[2])]
)
def test_orders_arrive_as_they_were_given(orders: Orders) -> None:
    assert Orders.from_text(orders.as_text()) == orders
