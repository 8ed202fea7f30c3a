"""The control socket: what the C{mailframe} command may ask, and what happens to nonsense."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver, StringTransport
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailframe.address import Address
from mailframe.administration import Administered
from mailframe.control import CONNECTIONS, REQUEST_OCTETS, REQUEST_SECONDS, control_factory
from mailframe.errors import AlreadyExists, NoSuchAccount
from mailframe.interfaces import IAccounts
from mailframe.net.conversation import LINGER_SECONDS


@implementer(IAccounts)
class Accounts:
    """Accounts in a dictionary; passwords can be seen."""

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}
        self.targets: dict[str, list[str]] = {}
        self.hold: Deferred[None] | None = None

    async def add_account(self, address: Address, password: str) -> None:
        if self.hold is not None:
            await self.hold
        if str(address) in self.passwords:
            raise AlreadyExists(f"{address} is there already")
        self.passwords[str(address)] = password

    async def set_password(self, address: Address, password: str) -> None:
        if str(address) not in self.passwords:
            raise NoSuchAccount
        self.passwords[str(address)] = password

    async def remove_account(self, address: Address) -> None:
        del self.passwords[str(address)]

    async def accounts(self) -> Sequence[Address]:
        return [Address.parse(address) for address in sorted(self.passwords)]

    async def add_alias(self, address: Address, targets: Sequence[Address]) -> None:
        self.targets[str(address)] = [str(target) for target in targets]

    async def remove_alias(self, address: Address) -> None:
        del self.targets[str(address)]

    async def aliases(self) -> Sequence[tuple[Address, Sequence[Address]]]:
        return [(Address.parse(each), [Address.parse(to) for to in targets]) for each, targets in self.targets.items()]


class Wire(StringTransport):
    """A transport that tells its protocol of its end."""

    def loseConnection(self) -> None:
        super().loseConnection()

    def abortConnection(self) -> None:
        self.aborted = True
        self.loseConnection()


class ControlTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.accounts = Accounts()
        self.clock = Clock()
        self.factory = control_factory(Administered(accounts=self.accounts), self.clock)
        self.protocol, self.wire = self.connect()
        self.events = EventLoggingObserver()
        globalLogPublisher.addObserver(self.events)
        self.addCleanup(globalLogPublisher.removeObserver, self.events)

    def connect(self) -> tuple[Any, Wire]:
        protocol: Any = self.factory.buildProtocol(None)
        wire = Wire()
        protocol.makeConnection(wire)
        return protocol, wire

    def send(self, octets: bytes) -> list[dict[str, Any]]:
        self.wire.clear()
        self.protocol.dataReceived(octets)
        return [json.loads(line) for line in self.wire.value().split(b"\r\n")[:-1]]

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        [answer] = self.send(json.dumps({"do": do, **arguments}).encode() + b"\r\n")
        return answer

    def test_accounts_come_and_go(self) -> None:
        self.assertEqual(self.ask("user add", address="ann@example.org", password="secret"), {"ok": None})
        self.assertEqual(self.accounts.passwords, {"ann@example.org": "secret"})
        self.assertEqual(self.ask("user password", address="ann@example.org", password="other"), {"ok": None})
        self.assertEqual(self.accounts.passwords, {"ann@example.org": "other"})
        self.assertEqual(self.ask("user list"), {"ok": ["ann@example.org"]})
        self.assertEqual(self.ask("user remove", address="ann@example.org"), {"ok": None})
        self.assertEqual(self.ask("user list"), {"ok": []})

    def test_aliases_come_and_go(self) -> None:
        targets = ["ann@example.org", "bob@example.org"]
        self.assertEqual(self.ask("alias add", address="team@example.org", targets=targets), {"ok": None})
        self.assertEqual(self.ask("alias list"), {"ok": [["team@example.org", targets]]})
        self.assertEqual(self.ask("alias remove", address="team@example.org"), {"ok": None})
        self.assertEqual(self.ask("alias list"), {"ok": []})

    def test_what_cannot_be_done_is_told(self) -> None:
        self.ask("user add", address="ann@example.org", password="secret")
        again = self.ask("user add", address="ann@example.org", password="x")
        self.assertEqual(again, {"error": "ann@example.org is there already"})
        self.assertEqual(self.ask("user password", address="no@example.org", password="x"), {"error": "NoSuchAccount"})

    def test_bad_requests_are_told_what_is_wrong(self) -> None:
        cases: list[tuple[str, dict[str, Any], str]] = [
            ("user ad", {}, "no such action"),
            ("user add", {"password": "x"}, "an address is missing"),
            ("user add", {"address": 1, "password": "x"}, "an address is missing"),
            ("user add", {"address": "ann", "password": "x"}, "'ann': an address has the form local-part@domain"),
            ("user add", {"address": "a@b", "password": ""}, "a password has 1 to 1024 characters"),
            ("user add", {"address": "a@b", "password": "x" * 1025}, "a password has 1 to 1024 characters"),
            ("user add", {"address": "a@b", "password": "x\0"}, "a password has no NUL"),
            ("user add", {"address": "a@b"}, "a password has 1 to 1024 characters"),
            ("alias add", {"address": "a@b", "targets": []}, "an alias needs at least one target"),
            ("alias add", {"address": "a@b", "targets": "c@d"}, "an alias needs at least one target"),
            ("alias add", {"address": "a@b", "targets": ["c"]}, "'c': an address has the form"),
        ]
        for do, arguments, what in cases:
            self.assertIn(what, self.ask(do, **arguments)["error"])
        self.assertEqual(self.accounts.passwords, {})

    def test_what_the_server_has_not_is_told(self) -> None:
        self.protocol = control_factory(Administered(), self.clock).buildProtocol(None)
        self.wire = Wire()
        self.protocol.makeConnection(self.wire)
        self.assertEqual(self.ask("user list"), {"error": "this server has no accounts that can be changed here"})

    def test_nonsense_is_answered_and_the_next_request_served(self) -> None:
        for octets in (b"\r\n", b"GET / HTTP/1.1\r\n", b"[]\r\n", b'{"do": 1}\r\n', b"\xff\r\n", b"[" * 5000 + b"\r\n"):
            [answer] = self.send(octets)
            self.assertIn("not a request", answer["error"])
        [answer] = self.send(b"x" * (REQUEST_OCTETS + 1) + b"\r\n")
        self.assertIn("not a request", answer["error"])
        self.assertEqual(self.ask("user list"), {"ok": []})

    def test_a_fault_of_ours_is_logged_and_not_shown(self) -> None:
        answer = self.ask("user remove", address="no@example.org")
        self.assertEqual(answer, {"error": "the server failed at this; its log says how"})
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_passwords_are_not_logged(self) -> None:
        self.ask("user add", address="ann@example.org", password="secret")
        self.assertTrue(self.events)
        self.assertNotIn("secret", repr(list(self.events)))

    def test_too_many_at_once_are_turned_away(self) -> None:
        *more, last = [self.connect()[1] for _ in range(CONNECTIONS)]
        self.assertEqual([wire.value() for wire in more], [b""] * (CONNECTIONS - 1))
        self.assertIn(b"too many", last.value())
        self.assertTrue(last.disconnecting)

    def test_a_silent_client_is_let_go(self) -> None:
        self.clock.advance(REQUEST_SECONDS)
        self.assertTrue(self.wire.disconnecting)

    def test_stopping_lets_a_request_end(self) -> None:
        self.accounts.hold = Deferred()
        self.assertEqual(self.send(b'{"do": "user add", "address": "a@b", "password": "x"}\r\n'), [])
        stopped = self.factory.stop(10)
        self.assertNoResult(stopped)
        self.accounts.hold.callback(None)
        self.assertIn(b'{"ok": null}', self.wire.value())
        self.protocol.connectionLost()
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopping_cuts_off_what_takes_too_long(self) -> None:
        self.accounts.hold = Deferred()
        self.send(b'{"do": "user add", "address": "a@b", "password": "x"}\r\n')
        stopped = self.factory.stop(10)
        self.clock.advance(10)
        self.assertTrue(self.wire.aborted)
        self.protocol.connectionLost()
        self.accounts.hold.callback(None)
        self.successResultOf(stopped)
        self.clock.advance(LINGER_SECONDS)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopping_with_nobody_there_is_done_at_once(self) -> None:
        self.successResultOf(control_factory(Administered(accounts=self.accounts), self.clock).stop(10))
