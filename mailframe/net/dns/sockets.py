"""One question to one server: a UDP socket for each, which makes its port hard to guess (RFC 5452 9.2), or TCP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, connectProtocol
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol, connectionDone
from twisted.protocols.basic import Int16StringReceiver
from twisted.python.failure import Failure

PORT = 53


class Unreachable(Exception):
    """The server does not answer at all."""


class Exchange(Protocol):
    """
    Sends octets to a server and returns those of the first reply that C{accepts} it; others are ignored.

    Cancelling the Deferred gives up, and leaves nothing behind.
    """

    def __call__(
        self, server: str, port: int, message: bytes, accepts: Callable[[bytes], bool], by_tcp: bool
    ) -> Deferred[bytes]: ...


@define(eq=False)
class Sockets:
    """
    The L{Exchange} of the real world.

    @ivar reactor: provides C{IReactorUDP}, C{IReactorTCP} and C{IReactorTime}.
    """

    reactor: Any

    def __call__(
        self, server: str, port: int, message: bytes, accepts: Callable[[bytes], bool], by_tcp: bool
    ) -> Deferred[bytes]:
        """Ask."""
        return (self._stream if by_tcp else self._datagram)(server, port, message, accepts)

    def _datagram(self, server: str, port: int, message: bytes, accepts: Callable[[bytes], bool]) -> Deferred[bytes]:
        asking = _Datagram(server, port, message, accepts)
        try:
            self.reactor.listenUDP(0, asking, "::" if ":" in server else "", maxPacketSize=65535)
        except CannotListenError as error:  # no sockets left
            asking.answered.errback(Unreachable(str(error)))
        return asking.answered

    def _stream(self, server: str, port: int, message: bytes, accepts: Callable[[bytes], bool]) -> Deferred[bytes]:
        endpoint = TCP6ClientEndpoint if ":" in server else TCP4ClientEndpoint
        asking = _Stream(message, accepts)
        connecting = connectProtocol(endpoint(self.reactor, server, port), asking)
        asking.connecting = connecting
        connecting.addErrback(asking.failed)
        return asking.answered


class _Datagram(DatagramProtocol):
    transport: Any

    def __init__(self, server: str, port: int, message: bytes, accepts: Callable[[bytes], bool]) -> None:
        self.server, self.port, self.message, self.accepts = server, port, message, accepts
        self.answered: Deferred[bytes] = Deferred(lambda _answered: self._close())

    def startProtocol(self) -> None:
        # Connected, so that the system passes only what comes from this address and port.
        self.transport.connect(self.server, self.port)
        try:
            self.transport.write(self.message)
        except OSError as error:  # no route
            self._end(Failure(Unreachable(str(error))))

    def datagramReceived(self, datagram: bytes, addr: object) -> None:
        if self.accepts(datagram):
            self._end(datagram)

    def connectionRefused(self) -> None:
        self._end(Failure(Unreachable("refused")))

    def stopProtocol(self) -> None:
        # The epoll reactor takes a refusal for the end of the socket, and says only this.
        self._end(Failure(Unreachable("refused")))

    def _end(self, result: bytes | Failure) -> None:
        if not self.answered.called:
            self._close()
            self.answered.callback(result)

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.stopListening()


class _Stream(Int16StringReceiver):
    transport: Any
    connecting: Deferred[Any]
    given_up = False

    def __init__(self, message: bytes, accepts: Callable[[bytes], bool]) -> None:
        self.message, self.accepts = message, accepts
        self.answered: Deferred[bytes] = Deferred(lambda _answered: self._close())

    def connectionMade(self) -> None:
        self.transport.write(len(self.message).to_bytes(2, "big") + self.message)

    def stringReceived(self, string: bytes) -> None:
        if self.accepts(string) and not self.answered.called:
            self.answered.callback(string)
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.failed(reason)

    def failed(self, failure: Failure) -> None:
        if not (self.answered.called or self.given_up):
            self.answered.errback(Unreachable(failure.getErrorMessage()))

    def _close(self) -> None:
        self.given_up = True
        self.connecting.cancel()
        if self.transport is not None:
            self.transport.abortConnection()
