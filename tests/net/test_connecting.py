"""Connections to other servers, over loopback."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IReactorUNIX, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, ServerFactory, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from mailframe.net import connecting
from mailframe.site import TCP, UNIX, unconnected
from tests.temporary import path_for


class Talking(Protocol):
    """Says one line and notes what it hears."""

    transport: ITCPTransport

    def __init__(self) -> None:
        self.heard = b""
        self.ended: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(b"hello\r\n")

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(None)


def talking() -> ServerFactory[Any]:
    factory: ServerFactory[Any] = ServerFactory()
    factory.protocol = Talking
    return factory


class ConnectingTests(TestCase):
    """Against a listening port of our own."""

    async def exchanged(self, port: Any, peer: TCP | UNIX) -> tuple[bytes, Any]:
        client = await connecting.by(reactor)(peer, Factory.forProtocol(Talking), 5.0)
        host = client.transport.getHost()
        await client.ended
        await port.stopListening()
        return client.heard, host

    async def test_tcp_from_an_address_of_choice(self) -> None:
        port: Any = reactor.listenTCP(0, talking(), interface="127.0.0.1")
        peer = TCP("127.0.0.1", port.getHost().port, source="127.0.0.2")
        heard, host = await self.exchanged(port, peer)
        assert (heard, host.host) == (b"hello\r\n", "127.0.0.2")

    async def test_ipv6(self) -> None:
        port: Any = reactor.listenTCP(0, talking(), interface="::1")
        heard, _host = await self.exchanged(port, TCP("::1", port.getHost().port))
        assert heard == b"hello\r\n"

    async def test_a_unix_socket(self) -> None:
        path = os.path.join(path_for(self), "s")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        port = IReactorUNIX(reactor).listenUNIX(path, Factory.forProtocol(Talking))
        heard, _host = await self.exchanged(port, UNIX(path))
        assert heard == b"hello\r\n"

    async def test_nobody_there_is_an_error(self) -> None:
        port: Any = reactor.listenTCP(0, ServerFactory(), interface="127.0.0.1")
        number = port.getHost().port
        await port.stopListening()
        await self.assertFailure(connecting.by(reactor)(TCP("127.0.0.1", number), Factory(), 5.0), ConnectError)

    async def test_a_site_without_a_network_reaches_nobody(self) -> None:
        await self.assertFailure(unconnected(TCP("192.0.2.1", 25), Factory(), 5.0), OSError)
