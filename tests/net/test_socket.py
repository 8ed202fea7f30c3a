"""Conversations over sockets of the system: what is said there, and the end, waits for no turn of the reactor."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.protocol import connectionDone
from twisted.internet.tcp import Server
from twisted.internet.testing import MemoryReactorClock

from mailframe.net.conversation import LINGER_SECONDS, Conversation

MUCH = b"x" * 10_000_000
"""Octets that no socket takes at once."""


class Said(Conversation):
    """Says something, and that is all."""

    def __init__(self, reactor: MemoryReactorClock, words: bytes) -> None:
        self.ended: list[Any] = []
        super().__init__(reactor, self.ended.append)
        self.words = words

    async def converse(self) -> None:
        self.write(self.words)


@pytest.fixture
def reactor() -> MemoryReactorClock:
    return MemoryReactorClock()


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as port, socket.create_connection(port.getsockname()) as client:
        server, _address = port.accept()
        with server:
            client.settimeout(10)
            yield server, client


def serve(reactor: Any, server: socket.socket, words: bytes, kind: type[Said] = Said) -> Said:
    said = kind(reactor, words)
    said.makeConnection(Server(server, said, ("127.0.0.1", 2), None, 1, reactor))  # type: ignore[arg-type]  # a socket is all it needs
    return said


def write(reactor: MemoryReactorClock) -> None:
    """Let those write who wait for it, as a reactor does."""
    for transport in list(reactor.writers):
        if transport.doWrite():
            transport.connectionLost(connectionDone)


def received(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(1_000_000), b""))


def test_the_last_words_and_the_end_are_sent_at_once(
    reactor: MemoryReactorClock, sockets: tuple[socket.socket, socket.socket]
) -> None:
    server, client = sockets
    said = serve(reactor, server, b"bye\r\n")
    assert received(client) == b"bye\r\n"
    assert said.ended == [said]
    assert not reactor.readers
    assert not reactor.writers
    assert reactor.getDelayedCalls() == []


def test_what_a_client_has_not_read_is_sent_before_the_end(
    reactor: MemoryReactorClock, sockets: tuple[socket.socket, socket.socket]
) -> None:
    server, client = sockets
    said = serve(reactor, server, MUCH)
    assert not said.ended
    client.setblocking(False)
    octets = 0
    while not said.ended:
        octets += len(client.recv(1_000_000))
        write(reactor)
    client.settimeout(10)
    assert octets + len(received(client)) == len(MUCH)
    assert reactor.getDelayedCalls() == []


def test_what_is_said_later_comes_after_what_the_kernel_did_not_take(
    reactor: MemoryReactorClock, sockets: tuple[socket.socket, socket.socket]
) -> None:
    class Answering(Said):
        async def converse(self) -> None:
            self.write(MUCH)
            while True:
                self.write(await self.pull(lambda: self.inbox.take(10) or None, 60))

    server, client = sockets
    said = serve(reactor, server, b"", Answering)
    said.dataReceived(b"first")
    octets = bytearray()
    while not octets.endswith(b"first"):
        octets += client.recv(1_000_000)
        write(reactor)
    assert octets == MUCH + b"first"
    assert not reactor.writers
    said.dataReceived(b"second")
    assert client.recv(100) == b"second"
    said.connectionLost()


def test_a_client_that_does_not_read_is_cut_off(
    reactor: MemoryReactorClock, sockets: tuple[socket.socket, socket.socket]
) -> None:
    said = serve(reactor, sockets[0], MUCH)
    reactor.advance(LINGER_SECONDS - 1)
    assert not said.ended
    reactor.advance(1)
    assert said.ended == [said]


def test_a_client_that_has_reset_the_connection_is_forgotten(
    reactor: MemoryReactorClock, sockets: tuple[socket.socket, socket.socket]
) -> None:
    server, client = sockets
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    said = serve(reactor, server, b"bye\r\n")
    write(reactor)
    assert said.ended == [said]
    assert reactor.getDelayedCalls() == []
