"""The reactor of one machine in a test world: Twisted's own TCP transports, on sockets in memory and virtual time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet import tcp
from twisted.internet.address import UNIXAddress
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IDelayedCall,
    IHalfCloseableDescriptor,
    IReactorFDSet,
    IReactorTCP,
    IReactorTime,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.testing.network import Host, Network
from mailframe.testing.sockets import MemorySocket

LOOPBACK = "127.0.0.1"

_log = Logger()


class MemoryServer(tcp.Server):
    """A connection that was accepted here."""

    reactor: Any

    def startTLS(self, ctx: Any, normal: bool = True) -> None:
        """Begin TLS."""
        super().startTLS(ctx, normal)
        _in_virtual_time(self)


class MemoryPort(tcp.Port):
    """Listens."""

    reactor: Any
    transport = MemoryServer

    def createInternetSocket(self) -> Any:
        """Return a socket in memory."""
        return self.reactor.new_socket(self.addressFamily)


class MemoryClient(tcp.Client):
    """A connection that was begun here."""

    reactor: Any

    def createInternetSocket(self) -> Any:
        """Return a socket in memory."""
        return self.connector.reactor.new_socket(self.addressFamily)

    def startTLS(self, ctx: Any, normal: bool = True) -> None:
        """Begin TLS."""
        super().startTLS(ctx, normal)
        _in_virtual_time(self)


def _in_virtual_time(transport: Any) -> None:
    """Let a TLS connection gather small writes by the right clock: C{startTLS} gives it that of the real reactor."""
    transport.protocol._aggregator._clock = transport.reactor


class MemoryConnector(tcp.Connector):
    """Connects."""

    def _makeTransport(self) -> tcp.Client:
        return MemoryClient(self.host, self.port, self.bindAddress, self, self.reactor)


class _UNIXServer(MemoryServer):
    def getHost(self) -> UNIXAddress:
        return UNIXAddress(self.server.getHost().name)

    def getPeer(self) -> UNIXAddress:
        return UNIXAddress(b"")


class UNIXPort(MemoryPort):
    """A port whose address is a path: inside it is one of the loopback."""

    transport = _UNIXServer
    path: str

    def getHost(self) -> UNIXAddress:
        """Return the path."""
        return UNIXAddress(self.path)

    def _buildAddr(self, _address: object) -> UNIXAddress:
        return UNIXAddress(b"")


@implementer(IReactorTCP, IReactorFDSet, IReactorTime)
class MemoryReactor:
    """
    What an application may ask of a reactor, as far as servers do.

    @ivar running: whether its calls are run; they are not any more once the machine has crashed.
    """

    def __init__(self, network: Network, host: Host) -> None:
        self.network = network
        self.host = host
        self.running = True
        self._clock = network.clock
        self._readers: dict[Any, None] = {}
        self._writers: dict[Any, None] = {}
        self._paths: dict[str, int] = {}
        self._looking = False
        host.look = self.look

    # --- time -----------------------------------------------------------------------------------------------------

    def seconds(self) -> float:
        """Return the virtual time, seconds since the epoch."""
        return self._clock.seconds()

    def callLater(self, delay: float, callable: Callable[..., Any], *args: object, **kw: object) -> IDelayedCall:
        """Call later, as long as this machine runs."""
        call: IDelayedCall = self._clock.call_on(self.host.name, delay, self._call, callable, args, kw)
        return call

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """Return the calls of all machines."""
        return self._clock.getDelayedCalls()

    def callWhenRunning(self, callable: Callable[..., Any], *args: object, **kw: object) -> None:
        """Call at once: it runs."""
        callable(*args, **kw)

    def _call(self, call: Callable[..., Any], args: Sequence[object], named: dict[str, object]) -> None:
        if self.running:
            call(*args, **named)

    # --- connections ----------------------------------------------------------------------------------------------

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        """Listen on an address of this machine, or on all."""
        made = MemoryPort(port, factory, backlog, interface, self)
        made.startListening()
        return made

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: Any,
        timeout: float = 30,
        bindAddress: tuple[str, int] | None = None,  # noqa: N803 - Twisted's word
    ) -> Any:
        """Connect to an IP address."""
        connector = MemoryConnector(host, port, factory, timeout, bindAddress, self)
        connector.connect()
        return connector

    def listenUNIX(self, address: str, factory: Any, backlog: int = 50, mode: int = 0o666, **_more: object) -> Any:
        """Listen on a path: of this machine, not of the file system."""
        made = UNIXPort(0, factory, backlog, LOOPBACK, self)
        made.path = address
        made.startListening()
        self._paths[address] = made.socket.getsockname()[1]
        return made

    def connectUNIX(self, address: str, factory: Any, timeout: float = 30, **_more: object) -> Any:
        """Connect to a path of this machine."""
        return self.connectTCP(LOOPBACK, self._paths.get(address, 1), factory, timeout)

    def new_socket(self, family: int) -> MemorySocket:
        """Return a socket of this machine."""
        return MemorySocket(self.network, self.host, family)

    # --- descriptors ----------------------------------------------------------------------------------------------

    def addReader(self, reader: Any) -> None:
        """Call its C{doRead} when there is something to read."""
        self._readers[reader] = None
        self.look()

    def addWriter(self, writer: Any) -> None:
        """Call its C{doWrite} when there is room."""
        self._writers[writer] = None
        self.look()

    def removeReader(self, reader: Any) -> None:
        """Do not call its C{doRead}."""
        self._readers.pop(reader, None)

    def removeWriter(self, writer: Any) -> None:
        """Do not call its C{doWrite}."""
        self._writers.pop(writer, None)

    def removeAll(self) -> list[Any]:
        """Forget all descriptors, and return them."""
        removed = list({**self._readers, **self._writers})
        self._readers.clear()
        self._writers.clear()
        return removed

    def getReaders(self) -> list[Any]:
        """Return those that read."""
        return list(self._readers)

    def getWriters(self) -> list[Any]:
        """Return those that write."""
        return list(self._writers)

    def look(self) -> None:
        """Look at all sockets, soon: something may have happened."""
        if not self._looking and self.running:
            self._looking = True
            self.callLater(0, self._turn)

    def _turn(self) -> None:
        self._looking = False
        again = False
        for reader in self.getReaders():
            if reader in self._readers and reader.socket.readable:
                self._let(reader, reader.doRead, reads=True)
                again = True
        for writer in self.getWriters():
            if writer in self._writers and writer.socket.writable:
                self._let(writer, writer.doWrite, reads=False)
                again = True
        if again:
            self.look()

    def _let(self, descriptor: Any, act: Callable[[], Any], reads: bool) -> None:
        """Let a descriptor read or write, and end it as a reactor does when that fails."""
        try:
            why = act()
        except Exception as error:
            _log.failure("a connection failed")
            why = error
        if not why:
            return
        self.removeReader(descriptor)
        half = reads and isinstance(why, ConnectionDone) and IHalfCloseableDescriptor.providedBy(descriptor)
        if half:
            descriptor.readConnectionLost(Failure(why))
            return
        self.removeWriter(descriptor)
        descriptor.connectionLost(Failure(why if isinstance(why, Exception) else ConnectionLost()))

    def crash(self) -> None:
        """Stop as a process does that is killed: no call is run any more, and its sockets are closed."""
        self.running = False
        self.removeAll()
        for each in list(self.host.sockets):
            each.close()
