"""Connections as a port accepts them: over loopback, with a reactor that does nothing by itself."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.tcp import Port
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogEvent

from mailframe.net.accepting import MORE
from mailframe.net.sockets import Sockets


class Listening:
    """A port, and those whom its connections were made for."""

    def __init__(self, interface: str = "127.0.0.1") -> None:
        self.reactor = MemoryReactorClock()
        self.sockets = Sockets(self.reactor)
        self.made: list[Any] = []
        self.lets_in = True
        self.port: Any = Port(0, Factory.forProtocol(self.make), 200, interface, self.reactor)
        self.port.startListening()
        self.port.stopReading()
        self.sockets.serve(self.port)
        self.port.startReading()
        self.clients: list[socket.socket] = []

    def make(self) -> Any:
        if not self.lets_in:
            raise ZeroDivisionError
        self.made.append(Protocol())
        return self.made[-1]

    def connect(self) -> socket.socket:
        self.clients.append(socket.create_connection(self.port.socket.getsockname()[:2]))
        self.clients[-1].settimeout(10)
        return self.clients[-1]

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.sockets.connectionLost(connectionDone)
        assert not self.port.connected


@pytest.fixture
def listening() -> Iterator[Listening]:
    listening = Listening()
    yield listening
    listening.close()


def test_who_connects_is_known_by_his_address(listening: Listening) -> None:
    client = listening.connect()
    listening.sockets.doRead()
    transport = listening.made[0].transport
    assert transport.getPeer() == IPv4Address("TCP", *client.getsockname())
    assert transport.getHost() == IPv4Address("TCP", *client.getpeername())
    assert repr(transport) == "<connection 1 from 127.0.0.1>"
    assert transport.logPrefix() == "Protocol,1,127.0.0.1"


def test_so_it_is_over_ipv6() -> None:
    listening = Listening("::1")
    client = listening.connect()
    listening.sockets.doRead()
    transport = listening.made[0].transport
    assert transport.getPeer() == IPv6Address("TCP", "::1", client.getsockname()[1])
    assert transport.getHost() == IPv6Address("TCP", "::1", client.getpeername()[1])
    listening.close()


def test_small_answers_are_sent_at_once(listening: Listening) -> None:
    listening.connect()
    listening.sockets.doRead()
    assert listening.made[0].transport.getTcpNoDelay()


def test_however_many_come_together_are_accepted_soon(listening: Listening) -> None:
    for _ in range(4 * MORE):
        listening.connect()
    listening.port.doRead()
    assert len(listening.made) == MORE
    listening.port.doRead()
    assert len(listening.made) == 3 * MORE
    listening.port.doRead()
    assert len(listening.made) == 4 * MORE
    listening.port.doRead()
    listening.connect()
    listening.port.doRead()
    assert len(listening.made) == 4 * MORE + 1


def test_who_is_not_wanted_is_hung_up_on(listening: Listening) -> None:
    client = listening.connect()
    listening.port.factory.buildProtocol = lambda address: None
    listening.sockets.doRead()
    assert client.recv(10) == b""
    assert not listening.made


def test_a_connection_that_cannot_be_served_is_the_only_one(listening: Listening, logged: list[LogEvent]) -> None:
    listening.lets_in = False
    client = listening.connect()
    listening.sockets.doRead()
    assert client.recv(10) == b""
    assert [each["log_format"] for each in logged] == ["a connection could not be served"]
    listening.lets_in = True
    listening.connect()
    listening.sockets.doRead()
    assert len(listening.made) == 1


class Exhausted:
    """A listening socket of a process that may not open anything more."""

    def __init__(self, listening: socket.socket) -> None:
        self.listening = listening
        self.asked = 0

    def accept(self) -> Any:
        self.asked += 1
        raise OSError(errno.EMFILE if self.asked == 1 else errno.EAGAIN, "")

    _accept = accept

    def __getattr__(self, name: str) -> Any:
        return getattr(self.listening, name)


def test_what_cannot_be_accepted_is_left_to_twisted(listening: Listening) -> None:
    listening.connect()
    listening.port.socket = exhausted = Exhausted(listening.port.socket)
    listening.sockets.doRead()
    assert exhausted.asked == 2
    assert not listening.made
    listening.port.socket = exhausted.listening
    listening.sockets.doRead()
    assert len(listening.made) == 1
