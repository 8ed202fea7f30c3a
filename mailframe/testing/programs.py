"""Programs of a test world: functions of their input, on its clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from attrs import define, field
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import IProcessProtocol
from twisted.python.failure import Failure

from mailframe.site import Program

Act: TypeAlias = Callable[[Program, bytes], tuple[int, bytes] | None]
"""What a program does with its input: exit status and output; C{None} hangs until it is killed."""


@define(eq=False)
class FakePrograms:
    """
    The C{spawn} of a L{mailframe.site.Site}::

        Site("mx.example.org", clock, spawn=FakePrograms({"/bin/true": lambda program, data: (0, b"")}))

    @ivar acts: by the file of the program; another one cannot be started.
    @ivar running: those that hang.
    @ivar started: all that were started, in order, each with its input.
    """

    acts: dict[str, Act] = field(factory=dict)
    running: list[FakeProcess] = field(factory=list, init=False)
    started: list[tuple[Program, bytes]] = field(factory=list, init=False)

    def __call__(self, protocol: IProcessProtocol, program: Program, /) -> Any:
        """Start one."""
        if program.arguments[0] not in self.acts:
            raise FileNotFoundError(2, "No such file or directory", program.arguments[0])
        process: Any = FakeProcess(self, protocol, program)
        protocol.makeConnection(process)
        return process


@define(eq=False)
class FakeProcess:
    """
    One run of a program: an C{IProcessTransport}, as far as it is used.

    @ivar killed: how often it was told to end.
    """

    programs: FakePrograms
    protocol: Any
    program: Program
    killed: int = 0
    _input: bytearray = field(factory=bytearray, init=False)
    _reading: bool = field(default=True, init=False)
    _over: bool = field(default=False, init=False)

    def registerProducer(self, producer: Any, _streaming: bool) -> None:
        """Take all of the input."""
        while self._reading and not self._over:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """There is no more of it."""

    def write(self, data: bytes) -> None:
        """Take some of it."""
        self._input += data

    def closeStdin(self) -> None:
        """Act."""
        self._reading = False
        data = bytes(self._input)
        self.programs.started.append((self.program, data))
        done = self.programs.acts[self.program.arguments[0]](self.program, data)
        if done is None:
            self.programs.running.append(self)
        else:
            self.protocol.outReceived(done[1])
            self.end(ProcessTerminated(done[0], None, done[0] << 8) if done[0] else ProcessDone(0))

    def signalProcess(self, signal: str) -> None:
        """End it."""
        self.killed += 1
        if self._over:
            raise ProcessExitedAlready
        self.end(ProcessTerminated(None, 9, 9))

    def loseConnection(self) -> None:
        """Its pipes are closed with it."""

    def end(self, reason: Exception) -> None:
        """Tell that it has ended."""
        self._over = True
        if self in self.programs.running:
            self.programs.running.remove(self)
        self.protocol.processExited(Failure(reason))
        self.protocol.processEnded(Failure(reason))
