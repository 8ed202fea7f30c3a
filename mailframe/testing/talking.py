"""A conversation by hand with a server of a test world: a line said, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from mailframe.net.client_tls import ClientTLS
from mailframe.site import TCP, Site

CONNECT_SECONDS = 30.0


class Talk(Protocol):
    """
    One connection to a server, of any protocol with lines.

    @ivar heard: all that the server has said.
    @ivar closed: the server has closed the connection, or we have.
    """

    transport: Any

    def __init__(self, name: str, settle: Callable[[], None]) -> None:
        self.name = name
        self.heard = ""
        self.closed = False
        self._settle = settle
        self._told = 0

    def hear(self) -> str:
        """Let the network settle, and return what the server has said since the last time, with line feeds alone."""
        self._settle()
        news, self._told = self.heard[self._told :], len(self.heard)
        return news.replace("\r\n", "\n")

    def say(self, *lines: str) -> str:
        """Send lines in one piece, and return what the server says to them."""
        self.transport.write("".join(f"{line}\r\n" for line in lines).encode())
        return self.hear()

    def start_tls(self) -> None:
        """Begin TLS, once the server has agreed to it."""
        self.transport.startTLS(ClientTLS().to(self.name))
        self._settle()

    def close(self) -> None:
        """Hang up."""
        self.transport.loseConnection()
        self._settle()

    # --- called by Twisted ----------------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Keep what the server says."""
        self.heard += data.decode("utf-8", "surrogateescape")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note the end."""
        self.closed = True


async def call(site: Site, addresses: Sequence[str], port: int, talk: Talk, tls: bool) -> Talk:
    """
    Connect to a server.

    @param addresses: its IP addresses; the first one is used.
    @param tls: TLS begins before all else.
    @raise twisted.internet.error.ConnectError: there is no connection to be had.
    """
    factory: Any = ClientFactory.forProtocol(lambda: talk)
    factory.noisy = False
    if tls:
        factory = TLSMemoryBIOFactory(ClientTLS().to(talk.name), True, factory, site.clock)
    await site.connect(TCP(addresses[0], port), factory, CONNECT_SECONDS)
    return talk
