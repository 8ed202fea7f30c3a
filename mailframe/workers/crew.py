"""The workers of a server, as the process that starts them sees them."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailframe.workers.channel import Channel, Given
from mailframe.workers.fellows import Fellows
from mailframe.workers.orders import CHANNEL, FIRST_PORT, SERVING, SHARED, Orders, family
from mailframe.workers.shares import Shares

AGAIN_SECONDS = 1.0
"""How long after the end of a worker that had been serving another one takes its place."""
MOST_AGAIN_SECONDS = 60.0
"""The same at the most, for one that ends again and again: each time twice as long."""
KILL_SECONDS = 10.0
"""How much longer than its conversations may go on a worker has to stop, before it is killed."""

_log = Logger()


class CannotWork(OSError):
    """A worker has ended before it served anybody."""


@frozen
class Output:
    """
    Where what workers log goes.

    @ivar log: a descriptor; C{None} is a pipe to us, which we log.
    @ivar errors: the same, for what Python itself has to say.
    """

    log: int | None = None
    errors: int | None = None


class Worker(ProcessProtocol):
    """One worker process, from its start to its end."""

    transport: Any

    def __init__(self, crew: Crew, place: int) -> None:
        self.serving: Deferred[CannotWork | None] = Deferred()
        self.ended: Deferred[None] = Deferred()
        self.channel = Channel(self._heard)
        self.place = place
        self._crew = crew
        self._line = b""

    def _heard(self, topic: str, what: list[Any]) -> None:
        if topic == SERVING:
            self._serves(None)
        else:
            self._crew.heard(self, topic, what)

    def childDataReceived(self, _descriptor: int, data: bytes) -> None:
        """Log what it logs, where it cannot do that itself."""
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            _log.info("{worker} {line}", worker=self.transport.pid, line=line.decode("utf-8", "replace"))

    def _serves(self, error: CannotWork | None) -> None:
        if not self.serving.called:
            self.serving.callback(error)  # nobody waits for one that takes another's place

    def signal(self, name: str) -> None:
        """Send it a signal, if it is still there."""
        try:
            self.transport.signalProcess(name)
        except ProcessExitedAlready:
            pass  # it is about to tell us

    def processEnded(self, reason: Failure) -> None:
        """Tell the crew."""
        self._crew.ended(self, reason)
        self._serves(CannotWork(f"A worker has ended before it served anybody, its log says why: {reason.value}"))
        self.ended.callback(None)


@define(eq=False)
class Crew:
    """
    Starts workers, starts another one for each that ends, and passes on what they tell each other.

    @ivar number: how many.
    @ivar orders: what they are told when they start.
    @ivar fellows: those of this process.
    @ivar output: where their logs go.
    """

    reactor: Any
    number: int
    orders: Orders
    fellows: Fellows
    output: Output = Output()
    _shares: Any = field(default=None, init=False)
    _ports: Sequence[Any] = field(default=(), init=False)
    _workers: list[Worker] = field(factory=list, init=False)
    _again: dict[IDelayedCall, None] = field(factory=dict, init=False)
    _pause: float = field(default=AGAIN_SECONDS / 2, init=False)
    _stopping: bool = field(default=False, init=False)

    async def start(self, ports: Sequence[Any]) -> None:
        """
        Start all of them, and wait until they serve.

        @param ports: what this process has bound, in the order of C{listen}; it accepts nobody at those that L{serves}.
        @raise CannotWork: one of them could not.
        """
        self.orders = evolve(self.orders, ports=[family(port.getHost()) for port in ports])
        self._ports = [port for port in ports if self.serves(port)]
        self._stopping, self.fellows.say = False, self._tell_all
        self._shares = Shares(self.fellows.locks.descriptor)
        self._shares.clear()
        started = [self._start(place) for place in range(self.number)]
        for worker in started:
            if (error := await worker.serving) is not None:
                raise error

    def serves(self, port: Any) -> bool:
        """Whether workers accept clients at a port, and nobody else."""
        return family(port.getHost()) is not None

    def _start(self, place: int) -> Worker:
        worker, orders = Worker(self, place), evolve(self.orders, place=place)
        command = [sys.executable, "-P", "-m", "mailframe.workers.worker", orders.as_text()]
        ours, its = socket.socketpair()
        with ours, its:
            self.reactor.spawnProcess(
                worker, command[0], command, _environment(), childFDs=self._descriptors(its.fileno())
            )
            ours.setblocking(False)
            self.reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, Given(worker.channel))
        self._workers.append(worker)
        return worker

    def _descriptors(self, channel: int) -> Mapping[int, int | str]:
        """Return what a worker has open, by the number that it knows it by."""
        log, errors = self.output.log, self.output.errors
        return {
            0: "w",
            1: "r" if log is None else log,
            2: "r" if errors is None else errors,
            CHANNEL: channel,
            SHARED: self.fellows.locks.descriptor,
            **{FIRST_PORT + number: port.fileno() for number, port in enumerate(self._ports)},
        }

    # --- what workers say -----------------------------------------------------------------------------------------

    def heard(self, worker: Worker, topic: str, what: list[Any]) -> None:
        """Pass on what a worker tells the others, of which this process is one."""
        for other in self._workers:
            if other is not worker:
                other.channel.tell(topic, what)
        self.fellows.hear(topic, what)

    def _tell_all(self, topic: str, what: list[Any]) -> None:
        for worker in self._workers:
            worker.channel.tell(topic, what)

    def ended(self, worker: Worker, reason: Failure) -> None:
        """Have another one take its place."""
        self._workers.remove(worker)
        self._shares.leave(worker.place)
        if self._stopping:
            return
        if worker.serving.called:
            self._pause = AGAIN_SECONDS / 2
        _log.error("worker {worker} has ended: {reason}", worker=worker.transport.pid, reason=str(reason.value))
        self._replace(worker.place)

    def _replace(self, place: int) -> None:
        """Start a worker in some time, and later and later if that does not work."""

        def start() -> None:
            del self._again[again]
            try:
                self._start(place)
            except OSError as error:  # no memory, or no process, for one more
                _log.error("a worker could not be started: {error}", error=str(error))
                self._replace(place)

        self._pause = min(self._pause * 2, MOST_AGAIN_SECONDS)
        _log.info("another worker starts in {seconds:g} s", seconds=self._pause)
        again = self.reactor.callLater(self._pause, start)
        self._again[again] = None

    # --- the end --------------------------------------------------------------------------------------------------

    async def stop(self, seconds: float) -> None:
        """
        Let them finish, and end.

        @param seconds: how long conversations may go on.
        """
        self._stopping = True
        for again in list(self._again):
            again.cancel()
        self._again.clear()
        workers = list(self._workers)
        for worker in workers:
            worker.signal("TERM")
        late = self.reactor.callLater(seconds + KILL_SECONDS, self._kill)
        await DeferredList([worker.ended for worker in workers])
        if late.active():
            late.cancel()
        self.fellows.say = None

    def _kill(self) -> None:
        for worker in self._workers:
            _log.error("worker {worker} did not stop, and is killed", worker=worker.transport.pid)
            worker.signal("KILL")


def _environment() -> dict[str, str]:
    """Return the environment of a worker: it finds the same modules as this process."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
