"""Who is let in, who is told that there is no room, and that stopping leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailframe.net.conversation import LINGER_SECONDS, Conversation, ConversationOver
from mailframe.net.listening import ConnectionLimits, ConversationFactory, Peer, TooMany
from mailframe.testing.transcript import Wire


class Echo(Conversation):
    """Answers each line with itself."""

    async def converse(self) -> None:
        self.write(b"hello\r\n")
        while True:
            self.write(await self.pull(lambda: self.inbox.line(100), 60) + b"\r\n")

    async def sorry(self, reason: ConversationOver) -> None:
        self.write(b"bye\r\n")


def at(host: str) -> IAddress:
    kind = IPv6Address if ":" in host else IPv4Address
    return kind("TCP", host, 50000) if host else UNIXAddress("")


class Counting(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.factory = self.make()

    def make(self, **limits: int) -> ConversationFactory:
        built: list[tuple[str, int]] = []
        self.built = built

        def build(host: str, port: int) -> Conversation:
            built.append((host, port))
            return Echo(self.clock)

        return ConversationFactory(self.clock, build, b"421 no room\r\n", ConnectionLimits(**limits))

    def connect(self, host: str = "192.0.2.1") -> tuple[Any, Wire]:
        """Return the protocol and its transport."""
        protocol, wire = self.factory.buildProtocol(at(host)), Wire(host)
        assert protocol is not None
        protocol.makeConnection(wire)
        return protocol, wire

    def lose(self, protocol: Any, reason: type[Exception] = ConnectionDone) -> None:
        protocol.connectionLost(Failure(reason()))

    def test_a_client_is_served(self) -> None:
        _protocol, wire = self.connect()
        self.assertEqual(wire.value(), b"hello\r\n")
        self.assertEqual(self.built, [("192.0.2.1", 50000)])

    def test_one_client_too_many_is_told_so(self) -> None:
        self.factory = self.make(connections=2)
        self.connect("192.0.2.1")
        self.connect("192.0.2.2")
        _protocol, wire = self.connect("192.0.2.3")
        self.assertEqual(wire.value(), b"421 no room\r\n")
        self.assertTrue(wire.disconnecting)
        self.assertEqual(len(self.built), 2)

    def test_one_connection_too_many_from_an_address_is_told_so_and_others_are_served(self) -> None:
        self.factory = self.make(per_address=2)
        for _ in range(2):
            self.connect("192.0.2.1")
        self.assertEqual(self.connect("192.0.2.1")[1].value(), b"421 no room\r\n")
        self.assertEqual(self.connect("192.0.2.2")[1].value(), b"hello\r\n")

    def test_all_addresses_of_an_ipv6_network_count_together(self) -> None:
        self.factory = self.make(per_address=1)
        self.connect("2001:db8:0:1::1")
        self.assertEqual(self.connect("2001:db8:0:1:ffff::2")[1].value(), b"421 no room\r\n")
        self.assertEqual(self.connect("2001:db8:0:2::1")[1].value(), b"hello\r\n")

    def test_this_machine_has_a_limit_of_its_own(self) -> None:
        self.factory = self.make(per_address=1, per_loopback=2)
        for host in ("127.0.0.1", ""):
            for _ in range(2):
                self.assertEqual(self.connect(host)[1].value(), b"hello\r\n")
            self.assertEqual(self.connect(host)[1].value(), b"421 no room\r\n")

    def test_who_goes_makes_room(self) -> None:
        self.factory = self.make(per_address=1)
        protocol, _wire = self.connect()
        self.lose(protocol)
        self.assertEqual(self.connect()[1].value(), b"hello\r\n")

    def test_nothing_is_remembered_of_those_who_went(self) -> None:
        protocol, _wire = self.connect()
        self.lose(protocol)
        self.assertEqual((self.factory.conversations, dict(self.factory._per_address)), ({}, {}))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_client_that_does_not_listen_to_the_refusal_is_cut_off(self) -> None:
        self.factory = self.make(connections=1)
        self.connect()
        protocol, wire = self.connect()
        self.clock.advance(LINGER_SECONDS - 1)
        self.assertFalse(wire.aborted)
        self.clock.advance(1)
        self.assertTrue(wire.aborted)
        self.lose(protocol, ConnectionAborted)
        self.assertEqual(self.factory.refused, set())

    def test_a_client_that_listens_to_the_refusal_leaves_nothing_behind(self) -> None:
        self.factory = self.make(connections=1)
        conversation, _wire = self.connect()
        protocol, _wire = self.connect()
        self.lose(protocol)
        self.lose(conversation)
        self.assertEqual((self.factory.refused, self.clock.getDelayedCalls()), (set(), []))

    def test_refusing_is_bounded_too(self) -> None:
        self.factory = self.make(connections=2)
        for _ in range(4):
            self.connect()
        self.assertIsNone(self.factory.buildProtocol(at("192.0.2.9")))

    def test_a_refusal_that_never_connected_is_forgotten(self) -> None:
        refused = TooMany(self.factory)
        refused.connectionLost()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    # --- stopping ---------------------------------------------------------------------------------------------------

    def test_stopping_with_nobody_there_is_over_at_once(self) -> None:
        self.successResultOf(self.factory.stop(10))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopping_says_goodbye_and_waits_until_all_have_gone(self) -> None:
        protocols = [self.connect() for _ in range(2)]
        stopped = self.factory.stop(10)
        for protocol, wire in protocols:
            self.assertEqual(wire.value(), b"hello\r\nbye\r\n")
            self.assertTrue(wire.disconnecting)
            self.assertNoResult(stopped)
            self.lose(protocol)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_has_not_gone_in_time_is_cut_off(self) -> None:
        protocol, wire = self.connect()
        stopped = self.factory.stop(5)
        self.clock.advance(5)
        self.assertTrue(wire.aborted)
        self.lose(protocol, ConnectionAborted)
        self.successResultOf(stopped)

    def test_who_is_being_refused_is_cut_off_and_waited_for(self) -> None:
        self.factory = self.make(connections=1)
        conversation, _wire = self.connect()
        protocol, wire = self.connect()
        stopped = self.factory.stop(5)
        self.assertTrue(wire.aborted)
        self.lose(conversation)
        self.assertNoResult(stopped)
        self.lose(protocol, ConnectionAborted)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopping_twice_is_stopping_once(self) -> None:
        self.assertIs(self.factory.stop(5), self.factory.stop(1))

    def test_nobody_comes_in_while_it_stops(self) -> None:
        self.connect()
        self.factory.stop(5)
        self.assertIsNone(self.factory.buildProtocol(at("192.0.2.1")))


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("192.0.2.1", Peer("192.0.2.1", False)),
        ("127.0.0.2", Peer("127.0.0.2", True)),
        ("::1", Peer("::/64", True)),
        ("::ffff:192.0.2.1", Peer("192.0.2.1", False)),
        ("::ffff:127.0.0.1", Peer("127.0.0.1", True)),
        ("2001:db8::1", Peer("2001:db8::/64", False)),
        ("fe80::1%eth0", Peer("fe80::/64", False)),
        ("", Peer("", True)),
        ("not an address", Peer("not an address", False)),
    ],
)
def test_connections_are_counted_for_a_peer(host: str, peer: Peer) -> None:
    assert Peer.of(host) == peer


@pytest.mark.parametrize("limits", [{"connections": 0}, {"per_address": -1}, {"per_loopback": 0}])
def test_a_limit_that_lets_nobody_in_is_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be >= 1"):
        ConnectionLimits(**limits)


def test_a_limit_is_a_number() -> None:
    with pytest.raises(TypeError):
        ConnectionLimits(connections="many")  # type: ignore[arg-type]  # what is tested
