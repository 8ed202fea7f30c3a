"""The resolver on real sockets of the loopback interface: a whole server, forgers, and servers that are not there."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorUDP, ITCPTransport, IUDPTransport
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from twisted.names import authority, common, dns, server
from twisted.trial.unittest import TestCase

from mailframe.net.dns import MX, NoRecords, NoSuchName, Resolver
from mailframe.net.dns.messages import answers_to, query, question
from mailframe.net.dns.sockets import Sockets, Unreachable

NAME = "example.org"
DATAGRAM_OCTETS = 8192
LONG = [b"x" * 250 + b"%d" % number for number in range(20)]

ZONE: Any = (
    dns.Record_SOA(b"ns.example.org", b"h.example.org", 1, minimum=60, ttl=60),
    {
        b"example.org": [
            dns.Record_SOA(b"ns.example.org", b"h.example.org", 1, minimum=60, ttl=60),
            dns.Record_MX(10, b"mx.example.org", ttl=60),
            dns.Record_TXT(b"v=spf1 ", b"-all", ttl=60),
        ],
        b"mx.example.org": [dns.Record_A("127.0.0.1", ttl=60), dns.Record_AAAA("::1", ttl=60)],
        b"www.example.org": [dns.Record_CNAME(b"mx.example.org", ttl=60)],
        b"long.example.org": [dns.Record_TXT(text, ttl=60) for text in LONG],
    },
)


class Zone(authority.BindAuthority):
    """A zone made of records instead of a file."""

    soa: Any

    def __init__(self) -> None:
        common.ResolverBase.__init__(self)
        self._cache: dict[str, Any] = {}
        self.soa, self.records = (b"example.org", ZONE[0]), ZONE[1]


class Shortened(DatagramProtocol):
    """Answers every question by "too long, ask by TCP"."""

    transport: IUDPTransport

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        asked = dns.Message()
        asked.fromStr(datagram)
        answer = dns.Message(asked.id, answer=1, trunc=1)
        answer.queries = asked.queries
        self.transport.write(answer.toStr(), addr)


class Answering(DatagramProtocol):
    """Answers with what a function makes of the question."""

    transport: IUDPTransport

    def __init__(self, answers: Callable[[bytes], list[bytes]]) -> None:
        self.answers = answers

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        for answer in self.answers(datagram):
            self.transport.write(answer, addr)


class SocketTests(TestCase):
    timeout = 10

    async def both(self, by_udp: DatagramProtocol, by_tcp: Any) -> int:
        """Listen with both on one port."""
        for _ in range(20):
            udp: Any = IReactorUDP(reactor).listenUDP(0, by_udp, "127.0.0.1", DATAGRAM_OCTETS)
            number: int = udp.getHost().port
            try:
                tcp = reactor.listenTCP(number, by_tcp, interface="127.0.0.1")
            except CannotListenError:
                await udp.stopListening()
                continue
            self.addCleanup(tcp.stopListening)
            self.addCleanup(udp.stopListening)
            return number
        raise AssertionError("no free port")

    def resolver(self, port: int) -> Resolver:
        return Resolver.of(reactor, ["127.0.0.1"], port=port)

    def exchange(self, port: int, by_tcp: bool = False, address: str = "127.0.0.1") -> Deferred[bytes]:
        asked = question(NAME, 15)
        return Sockets(reactor)(address, port, query(7, asked), lambda data: answers_to(data, 7, asked), by_tcp)

    async def demand_unreachable(self, exchange: Deferred[bytes]) -> None:
        await self.assertFailure(exchange, Unreachable)

    # --- a whole server -------------------------------------------------------------------------------------------

    async def test_a_real_server_answers(self) -> None:
        factory = server.DNSServerFactory(authorities=[Zone()])
        resolver = self.resolver(await self.both(dns.DNSDatagramProtocol(factory), factory))
        assert (await resolver.query("example.org", "MX")).records == (MX(10, "mx.example.org"),)
        assert (await resolver.query("example.org", "TXT")).records == (b"v=spf1 -all",)
        assert (await resolver.query("mx.example.org", "AAAA")).records == ("::1",)
        assert (await resolver.query("www.example.org", "A")).records == ("127.0.0.1",)
        await self.assertFailure(Deferred.fromCoroutine(resolver.query("no.example.org", "A")), NoSuchName)
        await self.assertFailure(Deferred.fromCoroutine(resolver.query("mx.example.org", "MX")), NoRecords)

    async def test_a_long_answer_comes_by_tcp(self) -> None:
        factory = server.DNSServerFactory(authorities=[Zone()])
        resolver = self.resolver(await self.both(Shortened(), factory))
        assert sorted((await resolver.query("long.example.org", "TXT")).records) == sorted(LONG)

    # --- forgers --------------------------------------------------------------------------------------------------

    async def test_replies_to_other_questions_are_ignored(self) -> None:
        def answers(asked: bytes) -> list[bytes]:
            good = asked[:2] + b"\x81\x80" + asked[4:10] + b"\0\0" + asked[12:-11]
            return [b"", b"\0\0" + good[2:], asked, good.replace(b"example", b"exbmple"), good, good]

        port = await self.both(Answering(answers), Factory.forProtocol(Protocol))
        got = await self.exchange(port)
        assert got[:4] == b"\0\x07\x81\x80"

    async def test_each_question_has_a_port_of_its_own(self) -> None:
        ports = set()

        class Noting(DatagramProtocol):
            transport: IUDPTransport

            def datagramReceived(self, datagram: bytes, addr: Any) -> None:
                ports.add(addr[1])
                self.transport.write(datagram[:2] + b"\x81\x80" + datagram[4:10] + b"\0\0" + datagram[12:-11], addr)

        port = await self.both(Noting(), Factory.forProtocol(Protocol))
        waiting = [self.exchange(port) for _ in range(10)]
        for each in waiting:
            await each
        assert len(ports) == 10

    async def test_a_wrong_reply_by_tcp_is_not_taken(self) -> None:
        class Wrong(Protocol):
            transport: ITCPTransport

            def dataReceived(self, data: bytes) -> None:
                self.transport.write(b"\0\x05hello")

        port = await self.both(Shortened(), Factory.forProtocol(Wrong))
        await self.demand_unreachable(self.exchange(port, by_tcp=True))

    # --- servers that are not there -------------------------------------------------------------------------------

    def free_port(self) -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            return port

    async def test_nobody_listens(self) -> None:
        await self.demand_unreachable(self.exchange(self.free_port()))
        await self.demand_unreachable(self.exchange(self.free_port(), by_tcp=True))

    async def test_nobody_listens_on_ipv6_either(self) -> None:
        await self.demand_unreachable(self.exchange(self.free_port(), address="::1"))
        await self.demand_unreachable(self.exchange(self.free_port(), by_tcp=True, address="::1"))

    async def test_a_server_that_hangs_up(self) -> None:
        class HangsUp(Protocol):
            transport: ITCPTransport

            def connectionMade(self) -> None:
                self.transport.loseConnection()

        port = await self.both(Shortened(), Factory.forProtocol(HangsUp))
        await self.demand_unreachable(self.exchange(port, by_tcp=True))

    async def test_who_gives_up_leaves_no_socket_behind(self) -> None:
        port = await self.both(DatagramProtocol(), Factory.forProtocol(Protocol))
        for by_tcp in (False, True):
            connecting = self.exchange(port, by_tcp)
            connecting.cancel()
            await self.assertFailure(connecting, CancelledError)
        talking = self.exchange(port, by_tcp=True)
        await self.turns(5)
        talking.cancel()
        await self.assertFailure(talking, CancelledError)
        await self.turns(5)

    async def turns(self, count: int) -> None:
        """Let the reactor work."""
        for _ in range(count):
            turn: Deferred[None] = Deferred()
            reactor.callLater(0.01, turn.callback, None)
            await turn

    async def test_a_machine_without_sockets_left(self) -> None:
        class Exhausted:
            def listenUDP(self, *_arguments: Any, **_options: Any) -> None:
                raise CannotListenError("", 0, OSError("too many files"))

        asked = Sockets(Exhausted())("127.0.0.1", 53, b"", lambda _data: True, False)
        await self.demand_unreachable(asked)

    async def test_no_route_and_refusals_as_other_reactors_tell_them(self) -> None:
        class Unwilling:
            """A reactor and a socket in one."""

            def listenUDP(self, _port: int, protocol: Any, *_arguments: Any, **_options: Any) -> None:
                self.protocol = protocol
                protocol.makeConnection(self)

            def connect(self, address: str, _port: int) -> None:
                self.address = address

            def write(self, _datagram: bytes) -> None:
                if self.address == "192.0.2.1":
                    raise OSError("no route")
                self.protocol.connectionRefused()

            def stopListening(self) -> None:
                pass

        for address in ("192.0.2.1", "192.0.2.2"):
            await self.demand_unreachable(Sockets(Unwilling())(address, 53, b"", lambda _data: True, False))
