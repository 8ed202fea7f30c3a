"""The network of a test world: sockets as Python's are, and Twisted's transports on them."""

from __future__ import annotations

import errno
import socket
from random import Random
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.error import ConnectError, ConnectionRefusedError, TimeoutError
from twisted.internet.interfaces import IReactorFDSet, IReactorTCP, IReactorTime
from twisted.internet.protocol import ClientFactory, Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from mailframe.testing.happenings import Happenings, WorldFailed
from mailframe.testing.memory_reactor import MemoryReactor
from mailframe.testing.network import Host, Network
from mailframe.testing.sockets import WINDOW, MemorySocket
from mailframe.testing.virtual_time import CALLS_AT_ONCE, VirtualClock

A, B = "192.0.2.1", "192.0.2.2"


class Pair:
    """Two hosts, a second apart."""

    def __init__(self) -> None:
        self.clock = VirtualClock(0.0)
        self.notes: list[str] = []
        self.network = Network(self.clock, Random(1), self.notes.append, latency=1.0)
        self.a, self.b = Host("a", (A,)), Host("b", (B, "2001:db8::2"))
        self.network.join(self.a)
        self.network.join(self.b)

    def after(self, seconds: float) -> None:
        end = self.clock.seconds() + seconds
        while self.clock.step(end):
            pass

    def listen(self, port: int = 25, family: int = socket.AF_INET) -> MemorySocket:
        listener = MemorySocket(self.network, self.b, family)
        listener.bind(("::" if family == socket.AF_INET6 else "", port))
        listener.listen(5)
        return listener

    def begin(self, to: str = B, port: int = 25) -> MemorySocket:
        client = MemorySocket(self.network, self.a, socket.AF_INET)
        client.setblocking(False)
        assert client.connect_ex((to, port)) == errno.EINPROGRESS
        assert client.connect_ex((to, port)) == errno.EALREADY
        return client

    def connected(self) -> tuple[MemorySocket, MemorySocket]:
        """A client's and a server's socket, two seconds later."""
        listener = self.listen()
        client = self.begin()
        self.after(2)
        server, _address = listener.accept()
        listener.close()
        return client, server


def fails(call: Any, *arguments: Any) -> int:
    with pytest.raises(OSError, match=r".+") as caught:
        call(*arguments)
    assert caught.value.errno is not None
    return caught.value.errno


# --- sockets --------------------------------------------------------------------------------------------------------


def test_a_connection_takes_a_round_trip() -> None:
    pair = Pair()
    listener, client = pair.listen(), pair.begin()
    assert not listener.readable
    assert fails(listener.accept) == errno.EWOULDBLOCK
    pair.after(1)
    assert listener.readable
    assert not client.writable
    pair.after(1)
    assert client.writable
    assert client.connect_ex((B, 25)) == errno.EISCONN
    assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    server, address = listener.accept()
    assert address == client.getsockname()
    assert client.getpeername() == server.getsockname() == (B, 25)
    assert pair.notes == ["a connects to 192.0.2.2 port 25"]
    assert client.fileno() == -1


def test_octets_arrive_whole_in_order_and_after_a_while() -> None:
    pair = Pair()
    client, server = pair.connected()
    assert fails(server.recv, 100) == errno.EWOULDBLOCK
    client.send(b"one")
    client.send(b"two")
    assert not server.readable
    pair.after(1)
    assert server.readable
    assert (server.recv(4), server.recv(100)) == (b"onet", b"wo")


def test_packets_do_not_overtake_each_other() -> None:
    pair = Pair()
    client, server = pair.connected()
    pair.network.latency = (0.0, 10.0)
    for number in range(20):
        client.send(b"%d " % number)
    pair.after(10)
    assert server.recv(1000) == b"".join(b"%d " % number for number in range(20))


def test_nobody_can_send_more_than_is_read() -> None:
    pair = Pair()
    client, server = pair.connected()
    assert client.send(b"x" * (WINDOW + 1)) == WINDOW
    assert not client.writable
    assert fails(client.send, b"x") == errno.EWOULDBLOCK
    assert client.send(b"") == 0
    pair.after(1)
    server.recv(10)
    assert client.send(b"x" * 11) == 10


def test_the_end_comes_after_what_was_sent() -> None:
    pair = Pair()
    client, server = pair.connected()
    client.send(b"bye")
    client.shutdown(socket.SHUT_RD)
    client.shutdown(socket.SHUT_WR)
    client.shutdown(socket.SHUT_RDWR)
    assert fails(client.send, b"more") == errno.EPIPE
    server.send(b"still here")
    pair.after(1)
    assert (server.recv(100), server.recv(100)) == (b"bye", b"")
    assert client.recv(100) == b"still here"
    client.close()
    client.close()
    server.close()
    pair.after(5)
    assert not server.writable or server.closed


def test_whoever_closes_without_reading_breaks_the_connection() -> None:
    pair = Pair()
    client, server = pair.connected()
    client.send(b"unread")
    pair.after(1)
    server.close()
    pair.after(1)
    assert client.readable
    assert fails(client.recv, 100) == errno.ECONNRESET
    assert fails(client.send, b"more") == errno.ECONNRESET
    client.close()


def test_what_comes_for_a_closed_socket_is_answered_with_a_reset() -> None:
    pair = Pair()
    client, server = pair.connected()
    server.close()
    client.send(b"too late")
    pair.after(1)
    assert client.recv(100) == b""
    pair.after(1)
    assert fails(client.send, b"more") == errno.ECONNRESET


def test_linger_of_zero_breaks_the_connection() -> None:
    pair = Pair()
    client, server = pair.connected()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"")
    client.close()
    pair.after(1)
    assert fails(server.recv, 1) == errno.ECONNRESET


def test_a_socket_that_is_closed_while_it_connects_resets_the_other_end() -> None:
    pair = Pair()
    listener, client = pair.listen(), pair.begin()
    client.close()
    pair.after(3)
    server, _address = listener.accept()
    assert fails(server.recv, 1) == errno.ECONNRESET


def test_a_listener_that_closes_breaks_what_nobody_accepted() -> None:
    pair = Pair()
    listener, client = pair.listen(), pair.begin()
    pair.after(2)
    listener.close()
    assert fails(client.recv, 1) == errno.ECONNRESET
    refused = pair.begin()
    pair.after(2)
    assert refused.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
    assert refused.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    assert pair.notes[-1] == "192.0.2.2 refuses a"


def test_sockets_that_are_not_connected_say_so() -> None:
    pair = Pair()
    lonely = MemorySocket(pair.network, pair.a, socket.AF_INET)
    assert fails(lonely.shutdown, socket.SHUT_RDWR) == errno.ENOTCONN
    assert fails(lonely.send, b"x") == errno.EPIPE
    assert not lonely.writable
    assert lonely.connect_ex(("2001:db8::2", 25)) == errno.ENETUNREACH
    lonely.close()


def test_an_address_is_had_by_one() -> None:
    pair = Pair()
    pair.listen(25)
    for address in ((B, 25), ("", 25), ("::", 25)):
        assert fails(MemorySocket(pair.network, pair.b, socket.AF_INET).bind, address) == errno.EADDRINUSE
    assert fails(MemorySocket(pair.network, pair.b, socket.AF_INET).bind, (A, 26)) == errno.EADDRNOTAVAIL
    local = MemorySocket(pair.network, pair.b, socket.AF_INET)
    local.bind(("127.0.0.1", 0))
    local.listen(5)
    assert local.getsockname()[1] > 32768
    assert (
        fails(MemorySocket(pair.network, pair.b, socket.AF_INET).bind, ("", local.getsockname()[1])) == errno.EADDRINUSE
    )


def test_a_socket_for_ipv6_takes_clients_of_ipv4_too() -> None:
    pair = Pair()
    listener = pair.listen(family=socket.AF_INET6)
    client = pair.begin()
    pair.after(2)
    _server, address = listener.accept()
    assert address == ("::ffff:192.0.2.1", client.getsockname()[1], 0, 0)


# --- what happens to the network ------------------------------------------------------------------------------------


def test_packets_wait_where_the_network_is_cut() -> None:
    pair = Pair()
    client, server = pair.connected()
    pair.network.cut("a", "b")
    client.send(b"one")
    pair.after(60)
    client.send(b"two")
    pair.after(60)
    assert not server.readable
    assert pair.network.in_flight == 0
    pair.network.cut("b")
    pair.network.heal("a")
    pair.after(60)
    assert not server.readable
    pair.network.heal(B)
    pair.after(1)
    assert server.recv(100) == b"onetwo"


def test_a_host_talks_to_itself_whatever_is_cut() -> None:
    pair = Pair()
    pair.listen()
    pair.network.cut("b")
    client = MemorySocket(pair.network, pair.b, socket.AF_INET)
    client.connect_ex(("127.0.0.1", 25))
    pair.after(0)
    assert client.writable


def test_connections_break_by_chance() -> None:
    pair = Pair()
    client, server = pair.connected()
    pair.network.breaks = 1.0
    client.send(b"x")
    pair.after(1)
    assert fails(client.recv, 1) == fails(server.recv, 1) == errno.ECONNRESET
    assert pair.notes[-1] == "the connection of 192.0.2.2 and 192.0.2.1 breaks"
    pair.network.breaks = 0.0
    pair.network.reset("a")
    server.arrived(b"nobody cares any more")
    assert fails(server.recv, 1) == errno.ECONNRESET


def test_hosts_may_refuse_or_hang() -> None:
    pair = Pair()
    listener = pair.listen()
    pair.network.hang("b")
    hanging = pair.begin()
    pair.after(2)
    assert hanging.writable
    assert not listener.readable
    pair.network.refuse("b")
    refused = pair.begin()
    pair.after(2)
    assert refused.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
    pair.network.heal("b")
    assert listener.readable


def test_names_that_are_unknown_are_told_with_those_that_are() -> None:
    pair = Pair()
    with pytest.raises(LookupError, match="'c' is no host of this network, which has a, b"):
        pair.network.cut("c")
    with pytest.raises(LookupError, match="which has nobody"):
        Network(pair.clock, Random(1)).heal("c")
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 address"):
        pair.network.join(Host("c", ("c",)))


# --- the reactor ----------------------------------------------------------------------------------------------------


class Talk(Protocol):
    transport: Any

    def __init__(self) -> None:
        self.heard = b""
        self.ended: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        if b"fail" in data:
            raise ZeroDivisionError

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended = reason


class Serving(Factory):
    noisy = False

    def __init__(self) -> None:
        self.made: list[Talk] = []
        self.addresses: list[Any] = []

    def buildProtocol(self, addr: Any) -> Talk:
        self.addresses.append(addr)
        self.made.append(Talk())
        return self.made[-1]


class Calling(ClientFactory):
    noisy = False

    def __init__(self) -> None:
        self.made = Talk()
        self.failed: Failure | None = None

    def buildProtocol(self, addr: Any) -> Talk:
        return self.made

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self.failed = reason


class Reactors(Pair):
    def __init__(self) -> None:
        super().__init__()
        self.here, self.there = MemoryReactor(self.network, self.a), MemoryReactor(self.network, self.b)
        self.serving, self.calling = Serving(), Calling()


def test_it_is_a_reactor() -> None:
    reactor = Reactors().here
    for interface in (IReactorTCP, IReactorTime, IReactorFDSet):
        assert verifyObject(interface, reactor)
    called: list[int] = []
    reactor.callWhenRunning(called.append, 1)
    call = reactor.callLater(5, called.append, 2)
    assert call.getTime() == 5.0
    assert list(reactor.getDelayedCalls()) == [call]
    assert called == [1]


def test_transports_talk_and_end() -> None:
    pair = Reactors()
    port = pair.there.listenTCP(25, pair.serving)
    pair.here.connectTCP(B, 25, pair.calling)
    pair.after(2)
    [server] = pair.serving.made
    client = pair.calling.made
    client.transport.write(b"hello")
    server.transport.writeSequence([b"x" * 300_000, b"!"])
    pair.after(10)
    assert server.heard == b"hello"
    assert len(client.heard) == 300_001
    assert pair.here.getReaders() == [client.transport]
    assert pair.here.getWriters() == []
    assert client.transport.getPeer() == port.getHost() or client.transport.getPeer() == IPv4Address("TCP", B, 25)
    client.transport.loseConnection()
    pair.after(2)
    assert server.ended is not None
    assert client.ended is not None
    port.stopListening()
    pair.after(0)
    assert pair.there.removeAll() == []


def test_connecting_fails_as_it_does_outside() -> None:
    pair = Reactors()
    pair.here.connectTCP(B, 25, pair.calling)
    pair.after(2)
    assert pair.calling.failed is not None
    assert pair.calling.failed.check(ConnectionRefusedError)
    silent = Calling()
    pair.here.connectTCP("192.0.2.99", 25, silent, timeout=7)
    pair.after(7)
    assert silent.failed is not None
    assert silent.failed.check(TimeoutError)
    nowhere = Calling()
    pair.here.connectTCP("2001:db8::2", 25, nowhere)
    pair.after(0)
    assert nowhere.failed is not None
    assert nowhere.failed.check(ConnectError)


def test_paths_are_those_of_the_machine() -> None:
    pair = Reactors()
    port = pair.there.listenUNIX("/run/socket", pair.serving)
    assert port.getHost() == UNIXAddress("/run/socket")
    pair.there.connectUNIX("/run/socket", pair.calling)
    pair.after(0)
    assert pair.serving.addresses == [UNIXAddress(b"")]
    [server] = pair.serving.made
    assert server.transport.getHost() == UNIXAddress("/run/socket")
    assert server.transport.getPeer() == UNIXAddress(b"")
    elsewhere = Calling()
    pair.here.connectUNIX("/run/socket", elsewhere)
    pair.after(0)
    assert elsewhere.failed is not None


def test_a_protocol_that_fails_loses_its_connection() -> None:
    pair = Reactors()
    happenings = Happenings(pair.clock)
    happenings.start()
    pair.there.listenTCP(25, pair.serving)
    pair.here.connectTCP(B, 25, pair.calling)
    pair.after(2)
    pair.calling.made.transport.write(b"fail")
    pair.after(2)
    happenings.stop()
    assert pair.serving.made[0].ended is not None
    assert pair.calling.made.ended is not None
    with pytest.raises(WorldFailed, match="ZeroDivisionError"):
        happenings.check()


def test_a_machine_that_has_crashed_does_nothing_any_more() -> None:
    pair = Reactors()
    pair.there.listenTCP(25, pair.serving)
    pair.here.connectTCP(B, 25, pair.calling)
    pair.after(2)
    called: list[int] = []
    pair.there.callLater(1, called.append, 1)
    pair.there.crash()
    pair.after(5)
    assert called == []
    assert pair.serving.made[0].ended is None
    assert pair.calling.made.ended is not None


# --- time -----------------------------------------------------------------------------------------------------------


def test_time_stops_at_each_call() -> None:
    clock = VirtualClock(100.0)
    times: list[float] = []
    for delay in (1.0, 0.3, 2.5):
        clock.callLater(delay, lambda: times.append(clock.seconds()))
    assert clock.next_call() == 100.3
    while clock.step(102.0):
        pass
    assert times == [100.3, 101.0]
    assert clock.seconds() == 102.0
    assert clock.step(101.0) is False
    assert clock.seconds() == 102.0


def test_a_world_that_stands_still_is_noticed() -> None:
    clock = VirtualClock()

    def again() -> None:
        clock.callLater(0, lambda: None)

    clock._at_once = CALLS_AT_ONCE
    clock.callLater(0, again)
    with pytest.raises(RuntimeError, match="the world stands still"):
        clock.step(clock.seconds() + 1)
