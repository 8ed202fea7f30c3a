"""What is said about the TLS of a connection, on transports as they really are."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.interfaces import ITLSTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.test.iosim import connect, makeFakeClient, makeFakeServer
from twisted.trial.unittest import TestCase

from mailframe.net.conversation import Conversation
from mailframe.net.tls import TLSInfo, tls_info
from mailframe.testing.tls import NAME, client_context, server_context
from mailframe.testing.transcript import Wire


class Listener(Protocol):
    """Keeps what it receives."""

    received = b""

    def dataReceived(self, data: bytes) -> None:
        self.received += data


def protected(protocol: Protocol, context: Any, is_client: bool, clock: Clock) -> Any:
    factory = TLSMemoryBIOFactory(context, is_client, Factory(), clock)
    return factory.protocol(factory, protocol)


def test_plain_text_is_told_as_such() -> None:
    assert tls_info(StringTransport()) is None
    assert tls_info(None) is None
    assert tls_info(Wire()) is None


def test_the_wire_of_transcripts_looks_protected_once_tls_has_started() -> None:
    wire = Wire()
    wire.startTLS(object())
    assert tls_info(wire) == TLSInfo("TLSv1.3", "TLS_AES_256_GCM_SHA384")
    assert tls_info(Wire(tls=True)) == tls_info(wire)


def test_version_cipher_and_the_name_asked_for_are_known() -> None:
    client, server, clock = Listener(), Listener(), Clock()
    client_end = protected(client, client_context(), is_client=True, clock=clock)
    server_end = protected(server, server_context(), is_client=False, clock=clock)
    pump = connect(server_end, makeFakeServer(server_end), client_end, makeFakeClient(client_end))
    client_end.write(b"hello")
    clock.advance(0)  # Twisted gathers small writes
    pump.flush()
    assert server.received == b"hello"
    info = tls_info(server.transport)
    assert info is not None
    assert info.version == "TLSv1.3"
    assert "AES" in info.cipher or "CHACHA" in info.cipher
    assert info.server_name == NAME


def test_a_connection_whose_handshake_has_not_happened_is_no_trouble() -> None:
    server, clock = Listener(), Clock()
    server_end = protected(server, server_context(), is_client=False, clock=clock)
    server_end.makeConnection(makeFakeServer(server_end))
    info = tls_info(server.transport)
    assert info is not None
    assert (info.cipher, info.server_name) == ("", "")


class Upgrading(Conversation):
    """Starts TLS when told to, then gives long answers, waiting for the client to read each piece."""

    info: TLSInfo | None = None

    async def converse(self) -> None:
        line = await self.pull(lambda: self.inbox.line(512), 10)
        assert line == b"STARTTLS"
        self.write(b"go\r\n")
        await self.start_tls(server_context())
        assert await self.pull(lambda: self.inbox.line(512), 10) == b"MORE"
        self.info = self.tls
        for _ in range(40):
            self.write(b"x" * 50_000)
            await self.drained(10)


class UpgradingClient(Protocol):
    """Asks for TLS with a command sent ahead in plain text, as an attacker would inject it, and reads all."""

    transport: ITLSTransport

    def __init__(self) -> None:
        self.secret = False
        self.octets = 0
        self.lost: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(b"STARTTLS\r\nINJECTED\r\n")

    def dataReceived(self, data: bytes) -> None:
        if self.secret:
            self.octets += len(data)
            return
        assert data == b"go\r\n"
        self.secret = True
        self.transport.startTLS(client_context())
        self.transport.write(b"MORE\r\n")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


class StartTLSOnTCP(TestCase):
    async def test_a_plain_connection_becomes_a_protected_one_with_back_pressure(self) -> None:
        server, client = Upgrading(reactor), UpgradingClient()
        ended: Deferred[Any] = Deferred()
        server.on_end = ended.callback
        factory = Factory.forProtocol(lambda: server)
        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
        try:
            await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port), client)
            await client.lost
            await ended
        finally:
            await port.stopListening()
        assert client.octets == 40 * 50_000
        assert server.info is not None
        assert server.info.server_name == NAME
