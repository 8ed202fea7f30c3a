"""Connections as they come in, over TCP: accepted and made with half of what Twisted does for each.

Its port goes through a generator and keeps back what it might log, and Python asks a listening socket of which kind it
is, for an enumeration each, whenever it accepts. Its connection makes two names for itself that only its old log wants.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.address import IPv6Address
from twisted.internet.tcp import Connection, Port, Server
from twisted.logger import Logger

MORE = 20
"""Connections that are accepted at a time beyond those of the last time, if all of these were there."""

_log = Logger()


class Accepted(Server):
    """Twisted's connection, which does not name itself before somebody asks."""

    def __init__(self, socket: Any, protocol: Any, peer: tuple[Any, ...], port: Any, number: int, reactor: Any) -> None:
        Connection.__init__(self, socket, protocol, reactor)
        if len(peer) != 2:
            self._addressType = IPv6Address
        self.server, self.client, self.sessionno, self.hostname = port, peer, number, peer[0]
        reactor.addReader(self)
        self.connected = 1

    def logPrefix(self) -> str:
        """Return what Twisted's old log calls it."""
        return f"{self._getLogPrefix(self.protocol)},{self.sessionno},{self.hostname}"

    def __repr__(self) -> str:
        return f"<connection {self.sessionno} from {self.hostname}>"


class Accepting(Port):
    """Twisted's port, which accepts itself and leaves what goes wrong to Twisted."""

    _kind: tuple[int, int, int]
    _most: int

    @classmethod
    def take_over(cls, port: Any, sockets: Any) -> None:
        """
        Make one of a port that listens: whoever has bound it asks nobody of which class it should be.

        @param port: a C{tcp.Port} that does not read.
        @param sockets: the reactor for it and for its connections.
        """
        listening = port.socket
        # An answer in two writes would else wait 40 ms for the client to acknowledge the first one. Linux hands this
        # on to what is accepted.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port.__class__ = cls
        port.reactor, port._most = sockets, MORE
        port._kind = listening.family, listening.type, listening.proto

    def doRead(self) -> None:
        """Accept who is there; of what cannot be had, a descriptor for example, Twisted knows what to do."""
        accept: Any = self.socket._accept  # type: ignore[union-attr]  # it has one while it listens
        for accepted in range(self._most):
            try:
                descriptor, peer = accept()
            except BlockingIOError:
                self._most = max(1, accepted)
                return
            except OSError:
                super().doRead()  # type: ignore[no-untyped-call]  # Twisted's has no annotations
                return
            try:
                self._let_in(socket.socket(*self._kind, descriptor), peer)
            except Exception:
                _log.failure("a connection could not be served")
        self._most += MORE

    def _let_in(self, connection: socket.socket, peer: tuple[Any, ...]) -> None:
        if len(peer) == 4:  # IPv6: the zone belongs to the address
            host, _service = socket.getnameinfo(peer, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
            peer = (host, *peer[1:])
        factory: Any = self.factory
        try:
            protocol = factory.buildProtocol(self._buildAddr(peer))  # type: ignore[no-untyped-call]  # neither has this
        except Exception:
            connection.close()
            raise
        if protocol is None:
            connection.close()
            return
        self.sessionno += 1
        protocol.makeConnection(Accepted(connection, protocol, peer, self, self.sessionno, self.reactor))
