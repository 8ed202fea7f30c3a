"""Programs that run beside the server: fed and read as they come along, within limits, and ended with all theirs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall, IProcessProtocol, IProcessTransport, IPullProducer
from twisted.internet.process import Process
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.site import Program, Site, Spawn

OUTPUT = 4096
"""Octets of a program's output that are kept: the first ones."""
DRAIN_SECONDS = 1.0
"""How long what is left of a program's process group may hold its output open after the program itself has ended."""


@frozen
class Ended:
    """
    How a program ended.

    @ivar status: its exit status; C{None} when a signal has ended it.
    @ivar signal: that signal, or 0.
    @ivar output: what it wrote first, to standard output and standard error.
    @ivar late: it took too long.
    """

    status: int | None
    signal: int
    output: bytes
    late: bool = False


@implementer(IPullProducer)
class _Running(ProcessProtocol):
    """One program, from its start to its end; it is given its input piece by piece as it takes it."""

    transport: Any

    def __init__(self, site: Site, pieces: Iterator[bytes], seconds: float, output: int) -> None:
        self.ended: Deferred[Ended] = Deferred(lambda _ended: self._give_up())
        self._clock = site.clock
        self._pieces = pieces
        self._kept = bytearray()
        self._most = output
        self._late = False
        self._broken: OSError | None = None
        self._given_up = False
        self.timer: IDelayedCall = site.clock.callLater(seconds, self._too_long)

    # --- its input ------------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Begin to feed it."""
        self.transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        """Give the next piece."""
        try:
            piece = next(self._pieces, None)
        except OSError as error:
            # It must not take what it has for the whole.
            self._broken = error
            self._kill()
            return
        if piece is None:
            self.transport.unregisterProducer()
            self.transport.closeStdin()
        else:
            self.transport.write(piece)

    def stopProducing(self) -> None:
        """It wants no more: it need not read all."""

    # --- what it says, and its end --------------------------------------------------------------------------------

    def outReceived(self, data: bytes) -> None:
        """Keep the beginning; the rest is read and dropped, so that the program can go on."""
        self._kept += data[: max(0, self._most - len(self._kept))]

    def errReceived(self, data: bytes) -> None:
        """Errors are as good."""
        self.outReceived(data)

    def processExited(self, reason: Failure) -> None:
        """It has ended; what it has started need not have."""
        self._stop_timer()
        self.timer = self._clock.callLater(DRAIN_SECONDS, self._drop_rest)

    def processEnded(self, reason: Failure) -> None:
        """All is over, and all output was read."""
        self._stop_timer()
        if self._given_up:
            return
        if self._broken is not None:
            self.ended.errback(self._broken)
            return
        ended: Any = reason.value
        self.ended.callback(Ended(ended.exitCode, ended.signal or 0, bytes(self._kept), self._late))

    def _stop_timer(self) -> None:
        if self.timer.active():
            self.timer.cancel()

    def _give_up(self) -> None:
        self._given_up = True
        self._kill()

    def _too_long(self) -> None:
        self._late = True
        self._kill()

    def _drop_rest(self) -> None:
        self._kill()
        self.transport.loseConnection()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")


def run(site: Site, program: Program, pieces: Iterator[bytes], seconds: float, output: int = OUTPUT) -> Deferred[Ended]:
    """
    Run a program.

    @param pieces: its input.
    @param seconds: how long it may take: then its process group is killed, as it is when the Deferred is cancelled.
    @param output: octets of its output that are kept.
    @raise OSError: it cannot be started.
    """
    running = _Running(site, pieces, seconds, output)
    try:
        site.spawn(running, program)
    except OSError:
        running.timer.cancel()
        raise
    return running.ended


class _GroupLeader(Process):
    """
    A process that leads a group of its own, so that all it has started ends with it.

    Twisted's own way to start it forks this process, with its threads and all its memory, and a program that cannot be
    started looks like one that failed; that of the standard library has neither fault.
    """

    def __init__(self, reactor: Any, protocol: IProcessProtocol, program: Program) -> None:
        self._program = program
        self._group = 0
        arguments, environment = list(program.arguments), dict(program.environment)
        super().__init__(  # type: ignore[no-untyped-call]  # Twisted has no types here
            reactor, arguments[0], arguments, environment, program.directory, protocol
        )

    def _trySpawnInsteadOfFork(
        self, path: Any, uid: Any, gid: Any, executable: Any, args: Any, environment: Any, kwargs: Any
    ) -> bool:
        program, pipes = self._program, kwargs["fdmap"]
        process = subprocess.Popen(
            args,
            stdin=pipes[0],
            stdout=pipes[1],
            stderr=pipes[2],
            env=environment,
            cwd=path,
            user=program.uid,
            group=program.gid,
            extra_groups=None if program.uid is None else program.groups,
            start_new_session=True,
        )
        process.returncode = 0  # the reactor waits for it, not this object
        self.pid = self._group = process.pid
        self.status = -1
        return True

    def signalProcess(self, signalID: Any) -> None:  # noqa: N803 - Twisted's name
        """Send a signal to all of the group, also when its leader has ended."""
        try:
            os.killpg(self._group, signal.Signals[f"SIG{signalID}"])
        except (ProcessLookupError, PermissionError):  # the latter is what some systems say of one that has ended
            raise ProcessExitedAlready() from None


def by(reactor: Any) -> Spawn:
    """Return the L{Spawn} that uses a reactor."""

    def spawn(protocol: IProcessProtocol, program: Program, /) -> IProcessTransport:
        started: IProcessTransport = _GroupLeader(reactor, protocol, program)
        return started

    return spawn
