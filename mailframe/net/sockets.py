"""The sockets of connections, in an epoll of their own: to the reactor one descriptor, whose sockets are served here.

Twisted's reactor sets up the context of its old log around each event of each descriptor. Nothing here uses it, and for
the short commands of mail protocols it costs more than reading the socket. So connections have this for their reactor,
where an event is a call and no more. All else, errors and ends of connections among it, is as Twisted does it.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from operator import itemgetter
from typing import Any, TypeAlias

from attrs import define, field
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.tcp import Client, Connector, Port, Server
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.net.accepting import Accepted, Accepting

EVENTS = 64
"""Sockets that are served before the reactor has its turn."""
SHORT_OCTETS = 8 * 1024
"""Who says more at a time is served before others are read."""

_HAS_EPOLL = hasattr(select, "epoll")
_IN, _OUT, _GONE = (select.EPOLLIN, select.EPOLLOUT, select.EPOLLHUP | select.EPOLLERR) if _HAS_EPOLL else (1, 4, 24)
_ALL_WRITTEN = ConnectionDone()
"""The end of a connection that we have closed."""
PLAIN_TCP = (Accepted, Client, Server)
"""Transports of which we know how they read, and how they keep what is written."""
_READ_OCTETS = Server.bufferSize
_Read: TypeAlias = "tuple[int, int, Any, bytes]"
"""How many octets were read, the descriptor, its transport, and the octets; none are the end."""
_SIZE = itemgetter(0)

_log = Logger()


def sockets_of(reactor: Any) -> Sockets | None:
    """Return what connections may have for their reactor, if that one watches descriptors of the system, on Linux."""
    return Sockets(reactor) if isinstance(reactor, PosixReactorBase) and _HAS_EPOLL else None


@implementer(IReadDescriptor)
@define(eq=False)
class Sockets:
    """
    What Twisted's TCP connections ask of a reactor. It opens nothing before there is one, so a process may fork first.

    @ivar reactor: watches us as long as there is a connection.
    """

    reactor: Any
    _epoll: Any = field(default=None, init=False)
    _sockets: dict[int, Any] = field(factory=dict, init=False)
    _awaited: dict[int, int] = field(factory=dict, init=False)

    def serve(self, port: Any) -> None:
        """
        Take the connections that a port will accept.

        @param port: one of Twisted's.
        """
        if type(port) is Port:
            Accepting.take_over(port, self)
            return
        transport = port.transport

        def accepted(socket: Any, protocol: Any, peer: Any, port: Any, number: int, _reactor: Any) -> Any:
            return transport(socket, protocol, peer, port, number, self)

        port.transport = accepted

    # --- what connections ask of a reactor --------------------------------------------------------------------------

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: Any,
        timeout: float = 30.0,
        bindAddress: Any = None,  # noqa: N803 - Twisted's word
    ) -> Any:
        """Connect to an IP address."""
        connector = Connector(host, port, factory, timeout, bindAddress, self)
        connector.connect()
        return connector

    def callLater(self, delay: float, callable: Any, *args: Any, **kw: Any) -> Any:
        """Call something in so many seconds."""
        return self.reactor.callLater(delay, callable, *args, **kw)

    def addReader(self, reader: Any) -> None:
        """Call C{doRead} when there is something to be read."""
        self._await_more(reader, _IN)

    def addWriter(self, writer: Any) -> None:
        """Call C{doWrite} when something can be written."""
        self._await_more(writer, _OUT)

    def removeReader(self, reader: Any) -> None:
        """Call C{doRead} no more."""
        self._await_less(reader, _IN)

    def removeWriter(self, writer: Any) -> None:
        """Call C{doWrite} no more."""
        self._await_less(writer, _OUT)

    def _await_more(self, socket: Any, event: int) -> None:
        number = socket.fileno()
        awaited = self._awaited.get(number)
        if awaited is None:
            self._begin(number, socket, event)
        elif not awaited & event:
            self._epoll.modify(number, awaited | event)
            self._awaited[number] = awaited | event

    def _await_less(self, socket: Any, event: int) -> None:
        number = socket.fileno()
        awaited = self._awaited.get(number, 0)
        if awaited == event:
            self._forget(number)
        elif awaited & event:
            self._epoll.modify(number, awaited & ~event)
            self._awaited[number] = awaited & ~event

    def _begin(self, number: int, socket: Any, event: int) -> None:
        if self._epoll is None:
            self._epoll = select.epoll()
        self._epoll.register(number, event)
        if not self._sockets:
            self.reactor.addReader(self)
        self._sockets[number], self._awaited[number] = socket, event

    def _forget(self, number: int) -> None:
        self._epoll.unregister(number)
        del self._sockets[number], self._awaited[number]
        if not self._sockets:
            self.reactor.removeReader(self)

    # --- what the reactor asks --------------------------------------------------------------------------------------

    def fileno(self) -> int:
        """Return the descriptor that is ready when any of the sockets is."""
        number: int = self._epoll.fileno()
        return number

    def logPrefix(self) -> str:
        """Return what Twisted's old log calls us."""
        return "sockets"

    def doRead(self) -> None:
        """
        Serve the sockets that are ready, and those that are so by then.

        While some are served others have mostly said something, and a turn of the reactor in between takes longer than
        to serve one of them. So it has its turn when enough were served, or there was but one: with ten clients a tenth
        less to do for a message, and what is committed is committed together.
        """
        left = EVENTS
        while left > 0:
            ready = self._epoll.poll(0, left)
            self._serve_ready(ready)
            left = left - len(ready) if len(ready) > 1 else 0

    def _serve_ready(self, ready: list[tuple[int, int]]) -> None:
        """
        Serve sockets by their descriptors and events.

        All are read before any is served, and those that have said little are served first. So the kernel and Python
        each do the same again and again, and of commands the same ones follow each other: with code and data still in
        the processor's caches that is a good part quicker than in turns. Of big messages it is the octets themselves
        that should still be there.
        """
        sockets = self._sockets
        read: list[_Read] = []
        others: list[tuple[int, Any, int]] = []
        for number, events in ready:
            socket: Any = sockets.get(number)
            if events != _IN or type(socket) not in PLAIN_TCP or not socket.connected:
                others.append((number, socket, events))
                continue
            try:
                data = socket.socket.recv(_READ_OCTETS)
            except BlockingIOError:
                continue
            except OSError:
                others.append((number, socket, _GONE))
                continue
            if len(data) <= SHORT_OCTETS:
                read.append((len(data), number, socket, data))
            else:
                self._hear_all([(0, number, socket, data)])
        for number, socket, events in others:
            if socket is not None and sockets.get(number) is socket:  # serving another one has not ended it
                self._serve(socket, events)
        read.sort(key=_SIZE)
        self._hear_all(read)

    def _hear_all(self, read: list[_Read]) -> None:
        watched: Callable[[int], Any] = self._sockets.get
        for _octets, number, socket, data in read:
            if watched(number) is not socket:
                continue  # serving another one has ended it
            if not data:
                self._end(socket, CONNECTION_DONE)
                continue
            try:
                socket.protocol.dataReceived(data)
            except BaseException as problem:
                self._failed(socket, problem)

    def _serve(self, socket: Any, events: int) -> None:
        try:
            why = self._read_and_write(socket, events)
        except BaseException as problem:
            self._failed(socket, problem)
        else:
            if why is not None:
                self._end(socket, why)

    def _failed(self, socket: Any, problem: BaseException) -> None:
        """This ends this connection, and no other, as the reactor does it."""
        _log.failure("a connection has failed")
        self._end(socket, problem)

    def _read_and_write(self, socket: Any, events: int) -> BaseException | None:
        """Read and write as Twisted does; return why the connection is over, if it is."""
        if events & _GONE and not events & _IN:
            return CONNECTION_LOST
        why: BaseException | None = socket.doRead() if events & _IN else None
        if why is None and events & _OUT:
            why = socket.doWrite()
            return _ALL_WRITTEN if why is CONNECTION_DONE else why
        return why

    def _end(self, socket: Any, why: BaseException) -> None:
        try:
            self.removeReader(socket)
            if why is CONNECTION_DONE:  # the other end sends no more, and may still read
                socket.readConnectionLost(Failure(why))
            else:
                self.removeWriter(socket)
                socket.connectionLost(Failure(CONNECTION_DONE if why is _ALL_WRITTEN else why))
        except BaseException:
            _log.failure("a connection could not be ended")

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends, and with it all connections."""
        for number, socket in list(self._sockets.items()):
            if self._sockets.get(number) is socket:  # ending another one has not ended it
                self._end(socket, CONNECTION_LOST)
