"""Connections whose sockets are watched beside the reactor: all that can happen to them, over loopback."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from twisted.internet import reactor as real_reactor
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, IReadDescriptor
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.tcp import Port
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogEvent
from twisted.python.failure import Failure
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailframe.net.sockets import EVENTS, SHORT_OCTETS, Sockets, sockets_of

MUCH = 10_000_000
"""Octets that no socket takes at once."""


class Noting(Protocol):
    """Notes what it hears and how it ended."""

    transport: Any

    def __init__(self) -> None:
        self.heard = b""
        self.ends: list[type[BaseException]] = []

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        assert reason.type is not None
        self.ends.append(reason.type)


@implementer(IHalfCloseableProtocol)
class Patient(Noting):
    """Can be told that the client sends no more."""

    told = False

    def readConnectionLost(self) -> None:
        self.told = True

    def writeConnectionLost(self) -> None:
        """Never: we do not half-close."""


class Side:
    """A port whose connections L{Sockets} have, and a reactor that does nothing by itself."""

    def __init__(self) -> None:
        self.reactor = MemoryReactorClock()
        self.sockets = Sockets(self.reactor)
        self.made: list[Any] = []
        self.kind: type[Noting] = Noting
        self.port = Port(0, Factory.forProtocol(self.make), 50, "127.0.0.1", self.reactor)
        self.port.startListening()
        self.reactor.removeReader(self.port)
        self.sockets.serve(self.port)
        self.clients: list[socket.socket] = []

    def make(self) -> Noting:
        made = self.kind()
        self.made.append(made)
        return made

    def connect(self, kind: type[Noting] = Noting) -> tuple[socket.socket, Any]:
        self.kind = kind
        client = socket.create_connection(self.port.socket.getsockname())
        client.settimeout(10)
        self.clients.append(client)
        self.port.doRead()
        return client, self.made[-1]

    @property
    def is_watched(self) -> bool:
        return self.sockets in self.reactor.getReaders()

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.sockets.connectionLost(connectionDone)
        self.port.connectionLost(connectionDone)


@pytest.fixture
def side() -> Iterator[Side]:
    side = Side()
    yield side
    side.close()


def reset(client: socket.socket) -> None:
    """End a connection with RST."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def test_it_is_what_a_reactor_watches(side: Side) -> None:
    side.connect()
    assert verifyObject(IReadDescriptor, side.sockets)
    assert side.sockets.logPrefix() == "sockets"
    assert side.sockets.fileno() >= 0


def test_the_reactor_watches_as_long_as_there_is_a_connection(side: Side) -> None:
    assert not side.is_watched
    (first, _), (second, _) = side.connect(), side.connect()
    assert side.is_watched
    first.close()
    side.sockets.doRead()
    assert side.is_watched
    second.close()
    side.sockets.doRead()
    assert not side.is_watched
    side.connect()
    assert side.is_watched


def test_all_that_are_ready_are_served(side: Side) -> None:
    pairs = [side.connect() for _ in range(3)]
    for number, (client, _) in enumerate(pairs):
        client.sendall(b"%d" % number)
    side.sockets.doRead()
    assert [noting.heard for _, noting in pairs] == [b"0", b"1", b"2"]
    side.sockets.doRead()
    assert [noting.heard for _, noting in pairs] == [b"0", b"1", b"2"]


def test_what_the_kernel_does_not_take_is_written_when_there_is_room(side: Side) -> None:
    client, noting = side.connect()
    noting.transport.write(b"x" * MUCH)
    left = MUCH
    while left:
        side.sockets.doRead()
        left -= len(client.recv(1 << 20))
    side.sockets.doRead()
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.recv(1)


def test_a_connection_that_we_close_ends_when_all_is_written(side: Side) -> None:
    client, noting = side.connect()
    noting.transport.write(b"x" * MUCH)
    noting.transport.loseConnection()
    read = 0
    while not noting.ends:
        side.sockets.doRead()
        if not noting.ends:
            read += len(client.recv(1 << 20))
    while piece := client.recv(1 << 20):
        read += len(piece)
    assert (read, noting.ends) == (MUCH, [ConnectionDone])
    assert not side.is_watched


def test_who_is_not_read_may_send_all_the_same(side: Side) -> None:
    client, noting = side.connect()
    noting.transport.pauseProducing()
    client.sendall(b"later")
    side.sockets.doRead()
    assert noting.heard == b""
    noting.transport.resumeProducing()
    side.sockets.doRead()
    assert noting.heard == b"later"


def test_octets_and_the_end_that_come_together_are_told_one_after_the_other(side: Side) -> None:
    client, noting = side.connect()
    client.sendall(b"last words")
    client.close()
    side.sockets.doRead()
    side.sockets.doRead()
    assert (noting.heard, noting.ends) == (b"last words", [ConnectionDone])


def test_a_client_that_sends_no_more_may_still_read(side: Side) -> None:
    client, patient = side.connect(Patient)
    client.shutdown(socket.SHUT_WR)
    side.sockets.doRead()
    assert (patient.told, patient.ends) == (True, [])
    patient.transport.write(b"answer")
    side.sockets.doRead()
    assert client.recv(100) == b"answer"


def test_a_reset_is_an_end_that_was_not_clean(side: Side) -> None:
    client, noting = side.connect()
    reset(client)
    side.sockets.doRead()
    assert noting.ends == [ConnectionLost]


def test_so_it_is_while_nobody_reads(side: Side) -> None:
    client, noting = side.connect()
    noting.transport.write(b"x" * MUCH)
    noting.transport.pauseProducing()
    side.sockets.doRead()
    reset(client)
    side.sockets.doRead()
    assert noting.ends == [ConnectionLost]
    assert not side.is_watched


class Polled:
    """An epoll after whose first answer something happens."""

    def __init__(self, epoll: Any, then: Callable[[], None], more: Sequence[tuple[int, int]] = ()) -> None:
        self.epoll, self.then, self.more = epoll, then, more

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        events = [*self.epoll.poll(timeout, most), *self.more]
        then, self.then, self.more = self.then, lambda: None, ()
        then()
        return events

    def __getattr__(self, name: str) -> Any:
        return getattr(self.epoll, name)


def test_a_reset_that_comes_just_before_the_socket_is_read_is_one_too(side: Side) -> None:
    client, noting = side.connect()
    ready = [(noting.transport.fileno(), select.EPOLLIN)]
    side.sockets._epoll = Polled(side.sockets._epoll, lambda: reset(client), ready)
    side.sockets.doRead()
    assert noting.ends == [ConnectionLost]


def test_a_socket_with_nothing_to_be_read_after_all_is_left_alone(side: Side) -> None:
    client, noting = side.connect()
    nothing = [(noting.transport.fileno(), select.EPOLLIN)]
    side.sockets._epoll = Polled(side.sockets._epoll, lambda: None, nothing)
    side.sockets.doRead()
    client.sendall(b"now")
    side.sockets.doRead()
    assert (noting.heard, noting.ends) == (b"now", [])


def test_who_has_said_little_is_served_first(side: Side) -> None:
    order: list[bytes] = []

    class Ordered(Noting):
        def dataReceived(self, data: bytes) -> None:
            order.append(data)

    pairs = [side.connect(Ordered) for _ in range(4)]
    for (client, _), text in zip(pairs, (b"MAIL FROM:<>", b"DATA", b"x" * 4096, b"QUIT"), strict=True):
        client.sendall(text)
    side.sockets.doRead()
    assert order in ([b"DATA", b"QUIT", b"MAIL FROM:<>", b"x" * 4096], [b"QUIT", b"DATA", b"MAIL FROM:<>", b"x" * 4096])


def test_however_many_are_ready_the_reactor_has_its_turn(side: Side) -> None:
    pairs = [side.connect() for _ in range(EVENTS + 1)]
    for client, _ in pairs:
        client.sendall(b"x")
    side.sockets.doRead()
    assert sum(noting.heard == b"x" for _, noting in pairs) == EVENTS
    side.sockets.doRead()
    assert all(noting.heard == b"x" for _, noting in pairs)


def test_who_speaks_while_others_are_served_is_served_before_the_reactor_has_its_turn(side: Side) -> None:
    pairs = [side.connect() for _ in range(3)]
    for client, _ in pairs[:2]:
        client.sendall(b"x")
    side.sockets._epoll = Polled(side.sockets._epoll, lambda: pairs[2][0].sendall(b"y"))
    side.sockets.doRead()
    assert [noting.heard for _, noting in pairs] == [b"x", b"x", b"y"]


def test_those_who_answer_each_answer_do_not_keep_the_reactor_from_it(side: Side) -> None:
    class Endless(Noting):
        def dataReceived(self, data: bytes) -> None:
            super().dataReceived(data)
            for client, _ in pairs:
                client.sendall(b"x")

    pairs = [side.connect(Endless) for _ in range(2)]
    for client, _ in pairs:
        client.sendall(b"x")
    side.sockets.doRead()
    assert sum(len(noting.heard) for _, noting in pairs) >= EVENTS
    side.sockets.doRead()


def test_who_says_much_is_served_before_others_are_read(side: Side) -> None:
    class Closing(Noting):
        def dataReceived(self, data: bytes) -> None:
            super().dataReceived(data)
            for _, other in pairs:
                if other is not self:
                    other.transport.connectionLost(connectionDone)

    pairs = [side.connect(Closing) for _ in range(2)]
    for client, _ in pairs:
        client.sendall(b"x" * (SHORT_OCTETS + 1))
    side.sockets.doRead()
    assert sorted((len(noting.heard), len(noting.ends)) for _, noting in pairs) == [(0, 1), (SHORT_OCTETS + 1, 0)]


def test_a_client_that_sends_while_it_is_written_to_is_heard(side: Side) -> None:
    client, noting = side.connect()
    noting.transport.write(b"x" * 10)
    client.sendall(b"hello")
    side.sockets.doRead()
    assert (noting.heard, client.recv(100)) == (b"hello", b"x" * 10)


class Failing(Noting):
    """Cannot take what it is told, nor that it is over."""

    def dataReceived(self, data: bytes) -> None:
        raise ZeroDivisionError

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        raise ZeroDivisionError


def test_a_protocol_that_fails_ends_with_its_connection_and_no_other(side: Side, logged: list[LogEvent]) -> None:
    bad, failing = side.connect(Failing)
    good, noting = side.connect()
    bad.sendall(b"a")
    good.sendall(b"b")
    side.sockets.doRead()
    assert failing.ends == [ZeroDivisionError]
    assert (noting.heard, noting.ends) == (b"b", [])
    assert [each["log_format"] for each in logged] == ["a connection has failed", "a connection could not be ended"]
    assert side.is_watched


def test_so_does_one_that_fails_while_it_is_written_to(side: Side, logged: list[LogEvent]) -> None:
    client, failing = side.connect(Failing)
    failing.transport.write(b"x" * 10)
    client.sendall(b"hello")
    side.sockets.doRead()
    assert failing.ends == [ZeroDivisionError]
    assert [each["log_format"] for each in logged] == ["a connection has failed", "a connection could not be ended"]
    assert not side.is_watched


class Ending(Noting):
    """Ends another connection when it hears something."""

    other: Noting

    def dataReceived(self, data: bytes) -> None:
        self.other.transport.connectionLost(connectionDone)


def test_a_connection_that_was_ended_by_another_one_is_not_served(side: Side) -> None:
    (first, one), (second, two) = side.connect(Ending), side.connect(Ending)
    one.other, two.other = two, one
    first.sendall(b"a")
    second.sendall(b"b")
    side.sockets.doRead()
    assert (one.ends, two.ends) in (([ConnectionDone], []), ([], [ConnectionDone]))


def test_a_connection_can_be_aborted(side: Side) -> None:
    _client, noting = side.connect()
    noting.transport.abortConnection()
    side.reactor.advance(0)
    assert noting.ends == [ConnectionAborted]


def test_when_the_reactor_ends_all_connections_do(side: Side) -> None:
    notings = [side.connect()[1] for _ in range(3)]
    side.sockets.connectionLost(Failure(ConnectionLost()))
    assert [noting.ends for noting in notings] == [[ConnectionLost]] * 3
    assert not side.is_watched


def test_so_do_those_that_end_each_other_or_fail_to_end(side: Side, logged: list[LogEvent]) -> None:
    class Dragging(Noting):
        def connectionLost(self, reason: Failure = connectionDone) -> None:
            super().connectionLost(reason)
            for other in side.made:
                if not other.ends:
                    other.transport.connectionLost(reason)
            raise ZeroDivisionError

    notings = [side.connect(Dragging)[1] for _ in range(3)]
    last = side.connect(Failing)[1]
    side.sockets.connectionLost(Failure(ConnectionLost()))
    assert [noting.ends for noting in [*notings, last]] == [[ConnectionLost]] * 4
    assert {each["log_format"] for each in logged} == {"a connection could not be ended"}
    assert not side.is_watched


def test_a_connection_that_we_begin_is_watched_like_the_others(side: Side) -> None:
    noting = Noting()

    class Once(Factory[Noting]):
        def startedConnecting(self, connector: Any) -> None:
            """Twisted tells."""

        def buildProtocol(self, addr: Any) -> Noting:
            return noting

        def clientConnectionLost(self, connector: Any, reason: Failure) -> None:
            """Twisted tells."""

    with socket.create_server(("127.0.0.1", 0)) as server:
        side.sockets.connectTCP("127.0.0.1", server.getsockname()[1], Once())
        side.reactor.advance(0)  # Twisted begins then
        peer, _address = server.accept()
        with peer:
            side.sockets.doRead()
            peer.sendall(b"hello")
            side.sockets.doRead()
            assert noting.heard == b"hello"
            assert isinstance(noting.transport.getPeer(), IPv4Address)
            assert side.is_watched
        side.sockets.doRead()
    assert noting.ends == [ConnectionDone]


def test_only_a_reactor_of_real_descriptors_has_them() -> None:
    assert sockets_of(MemoryReactorClock()) is None
    assert isinstance(sockets_of(real_reactor), Sockets)
