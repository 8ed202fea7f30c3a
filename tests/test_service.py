"""A running server: nobody is let in too early, everything ends in time, and nothing is left over."""

from __future__ import annotations

import json
import os
import socket
import stat
import tempfile
import threading
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from twisted.application.service import MultiService
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from mailframe.auth.memory import MemoryAccounts
from mailframe.config import Server, Service, over_tls
from mailframe.interfaces import IKeepsFiles, IKeepsQueue, IPart
from mailframe.net.certificates import CertificateError, make_self_signed
from mailframe.net.conversation import Conversation
from mailframe.net.sockets import Sockets
from mailframe.queue.memory import MemoryQueue
from mailframe.service import ServerService, make_directory, real_site
from mailframe.site import Site

LOOPBACK = "tcp:0:interface=127.0.0.1"


class Echo(Conversation):
    """Answers each line with itself; C{wait} waits for the test."""

    factory: Any

    async def converse(self) -> None:
        self.write(b"hello\r\n")
        while True:
            line = await self.pull(lambda: self.inbox.line(100), 60)
            if line == b"wait":
                await self.factory.hold
            self.write(line + b"\r\n")


class EchoFactory(Factory):
    noisy = False

    def __init__(self, site: Site) -> None:
        self.site = site
        self.open: set[Echo] = set()
        self.hold: Deferred[None] = Deferred()
        self.empty: Deferred[None] | None = None

    def buildProtocol(self, addr: Any) -> Any:
        echo = Echo(self.site.clock, self.ended)
        echo.factory = self
        self.open.add(echo)
        return echo

    def ended(self, echo: Echo) -> None:
        self.open.discard(echo)
        if self.empty is not None and not self.open:
            self.empty.callback(None)

    async def stop(self, seconds: float) -> None:
        if self.open:
            self.empty = Deferred()
            late = self.site.clock.callLater(seconds, self.abort)
            for echo in list(self.open):
                echo.stop()
            await self.empty
            if late.active():
                late.cancel()

    def abort(self) -> None:
        for echo in list(self.open):
            echo.abort()


class Echoing(Service):
    """The service that tests listen with."""

    def __init__(self) -> None:
        self.made: list[EchoFactory] = []

    def factory(self, site: Site, tls: Any = None, implicit_tls: bool = False) -> Any:
        self.made.append(EchoFactory(site))
        return self.made[-1]


@implementer(IPart)
class Part:
    """Tells when it is started and stopped, and starts when the test lets it."""

    def __init__(self, name: str, told: list[str], ready: Awaitable[None] | Exception | None = None) -> None:
        self.name, self.told, self.ready = name, told, ready

    async def start(self, site: Site) -> None:
        self.told.append(f"start {self.name}")
        if isinstance(self.ready, Exception):
            raise self.ready
        if self.ready is not None:
            await self.ready

    async def stop(self) -> None:
        self.told.append(f"stop {self.name}")
        if self.name == "broken":
            raise RuntimeError("cannot stop")


@implementer(IKeepsFiles)
class Data(MemoryAccounts, Part):
    """Has a directory, and no accounts yet."""

    def __init__(self, directory: str) -> None:
        MemoryAccounts.__init__(self)
        Part.__init__(self, "data", [])
        self.directory = directory


@implementer(IKeepsFiles, IKeepsQueue)
class Queues(Part):
    """Has a directory, and a queue."""

    def __init__(self, directory: str) -> None:
        Part.__init__(self, "data", [])
        self.directory = directory
        self.queue = MemoryQueue(Clock())


class Client(Protocol):
    """Gathers what it is told."""

    transport: ITCPTransport

    def __init__(self) -> None:
        self.heard = b""
        self.gone: Deferred[None] = Deferred()
        self.waiting: list[tuple[bytes, Deferred[None]]] = []

    def dataReceived(self, data: bytes) -> None:
        self.heard += data
        for text, waiting in list(self.waiting):
            if text in self.heard:
                self.waiting.remove((text, waiting))
                waiting.callback(None)

    def hear(self, text: bytes) -> Deferred[None]:
        waiting: Deferred[None] = Deferred()
        self.waiting.append((text, waiting))
        self.dataReceived(b"")
        return waiting.addTimeout(10, reactor)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.gone.callback(None)


def pause() -> Deferred[None]:
    """Let the reactor turn often enough for anything on loopback to arrive."""
    return deferLater(reactor, 0.05, lambda: None)


class ServiceTests(TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="mailframe-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.echoing = Echoing()
        self.told: list[str] = []

    def server(self, *parts: Any, listen: Any = None, **options: Any) -> Server:
        listen = [(LOOPBACK, self.echoing)] if listen is None else listen
        return Server("mx.example.org", run=parts, listen=listen, nameservers=(), **options)

    async def running(self, server: Server) -> ServerService:
        service = server.service(reactor)
        serving = service.when_serving()
        service.privilegedStartService()
        service.startService()
        self.addCleanup(lambda: service.stopService() if service.running else None)
        await serving
        return service

    async def client(self, service: ServerService, at: int = 0) -> Client:
        address = service.addresses()[at]
        client: Client = await connectProtocol(TCP4ClientEndpoint(reactor, address.host, address.port), Client())
        return client

    async def test_clients_are_served_until_it_stops(self) -> None:
        service = await self.running(self.server())
        client = await self.client(service)
        client.transport.write(b"one\r\n")
        await client.hear(b"hello\r\none\r\n")
        await service.stopService()
        await client.gone

    async def test_however_many_clients_there_are_the_reactor_watches_one_descriptor(self) -> None:
        def watched() -> int:
            return sum(isinstance(reader, Sockets) for reader in reactor.getReaders())

        service = await self.running(self.server())
        self.assertEqual(watched(), 1)
        for client in [await self.client(service) for _ in range(3)]:
            await client.hear(b"hello")
        self.assertEqual(watched(), 1)
        await service.stopService()
        self.assertEqual(watched(), 0)

    async def test_nobody_is_let_in_before_all_parts_have_started(self) -> None:
        ready: Deferred[None] = Deferred()
        service = self.server(Part("slow", self.told, ready)).service(reactor)
        serving = service.when_serving()
        service.privilegedStartService()
        client = await self.client(service)
        service.startService()
        await pause()
        self.assertEqual((client.heard, self.told), (b"", ["start slow"]))
        ready.callback(None)
        await serving
        await client.hear(b"hello")
        await service.stopService()

    async def test_parts_stop_in_the_other_order_also_when_one_fails_to(self) -> None:
        parts = [Part(name, self.told) for name in ("a", "broken", "c")]
        service = await self.running(self.server(*parts))
        await service.stopService()
        self.assertEqual(self.told, ["start a", "start broken", "start c", "stop c", "stop broken", "stop a"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    async def test_a_command_under_way_ends_before_the_server_does(self) -> None:
        service = await self.running(self.server(Part("store", self.told)))
        client = await self.client(service)
        client.transport.write(b"wait\r\n")
        await client.hear(b"hello")
        await pause()
        stopped = service.stopService()
        await pause()
        self.assertEqual((stopped.called, self.told), (False, ["start store"]))
        self.echoing.made[0].hold.callback(None)
        await client.hear(b"wait\r\n")
        await stopped
        self.assertEqual(self.told, ["start store", "stop store"])

    async def test_a_command_that_takes_too_long_is_cut_off(self) -> None:
        service = await self.running(self.server(stop_seconds=0.05))
        client = await self.client(service)
        client.transport.write(b"wait\r\n")
        await client.hear(b"hello")
        await pause()
        stopped = service.stopService()
        await client.gone
        self.assertFalse(client.heard.endswith(b"wait\r\n"))
        self.echoing.made[0].hold.callback(None)
        await stopped

    async def test_the_port_is_free_at_once_when_it_stops(self) -> None:
        service = await self.running(self.server())
        [address] = service.addresses()
        await service.stopService()
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind((address.host, address.port))

    async def test_a_port_that_is_taken_leaves_nothing_listening(self) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken = f"tcp:{other.getsockname()[1]}:interface=127.0.0.1"
            service = self.server(listen=[(LOOPBACK, self.echoing), (taken, self.echoing)]).service(reactor)
            self.assertRaises(CannotListenError, service.privilegedStartService)
        self.assertEqual(service.addresses(), [])

    async def test_when_a_part_cannot_start_everything_is_undone_and_told(self) -> None:
        parts = [Part("a", self.told), Part("b", self.told, RuntimeError("no")), Part("c", self.told)]
        service = self.server(*parts).service(reactor)
        failures: list[Failure] = []
        service.failed = failures.append
        serving = service.when_serving()
        service.startService()
        with self.assertRaises(RuntimeError):
            await serving
        self.assertEqual(self.told, ["start a", "start b", "stop b", "stop a"])
        self.assertEqual([str(failure.value) for failure in failures], ["no"])
        self.assertEqual(service.addresses(), [])
        await service.stopService()

    async def test_a_failed_start_is_logged_unless_somebody_wants_to_know(self) -> None:
        service = self.server(Part("b", self.told, RuntimeError("no"))).service(reactor)
        service.startService()
        await service.stopService()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    async def test_stopping_while_it_starts_waits_for_the_parts(self) -> None:
        ready: Deferred[None] = Deferred()
        service = self.server(Part("slow", self.told, ready), Part("late", self.told)).service(reactor)
        serving = service.when_serving()
        service.startService()
        stopped = service.stopService()
        await pause()
        self.assertFalse(stopped.called)
        ready.callback(None)
        await stopped
        with self.assertRaises(CancelledError):
            await serving
        self.assertEqual(self.told, ["start slow", "stop slow"])

    async def test_it_can_be_started_again_and_again(self) -> None:
        left = []
        service = self.server(Part("a", self.told)).service(reactor)
        for _ in range(3):
            serving = service.when_serving()
            service.startService()
            await serving
            client = await self.client(service)
            await client.hear(b"hello")
            await service.stopService()
            await client.gone
            await pause()
            left.append((threading.active_count(), len(os.listdir("/proc/self/fd"))))
        self.assertEqual(self.told, ["start a", "stop a"] * 3)
        self.assertEqual(left, left[:1] * 3)

    async def test_several_servers_run_in_one_application(self) -> None:
        application = MultiService()
        services = [self.server().service(reactor) for _ in range(2)]
        serving = [service.when_serving() for service in services]
        for service in services:
            service.setServiceParent(application)
        application.privilegedStartService()
        application.startService()
        for waiting in serving:
            await waiting
        for service in services:
            await (await self.client(service)).hear(b"hello")
        await application.stopService()

    async def test_clients_come_over_tls_and_over_unix_sockets(self) -> None:
        tls = self.folder / "tls"
        tls.mkdir()
        make_self_signed(tls / "me.pem", ["mx.example.org"], 1_800_000_000)
        path = str(self.folder / "lmtp")
        listen = [(LOOPBACK, over_tls(self.echoing)), (f"unix:{path}:mode=600", self.echoing)]
        service = await self.running(self.server(listen=listen, certificates=tls))
        [address, _unix] = service.addresses()
        over = wrapClientTLS(CertificateOptions(verify=False), TCP4ClientEndpoint(reactor, "127.0.0.1", address.port))
        await (await connectProtocol(over, Client())).hear(b"hello")
        await (await connectProtocol(UNIXClientEndpoint(reactor, path), Client())).hear(b"hello")

    async def test_without_certificates_it_does_not_start(self) -> None:
        service = self.server(certificates=self.folder / "none").service(reactor)
        self.assertRaises(CertificateError, service.privilegedStartService)

    async def test_the_data_gets_a_directory_and_a_control_socket_of_its_owner(self) -> None:
        data = str(self.folder / "deep" / "data")
        service = await self.running(self.server(Data(data), listen=[]))
        self.assertEqual(stat.S_IMODE(os.stat(data).st_mode), 0o700)
        control = os.path.join(data, "control")
        self.assertEqual(stat.S_IMODE(os.stat(control).st_mode), 0o600)
        client = await connectProtocol(UNIXClientEndpoint(reactor, control), Client())
        client.transport.write(b'{"do": "user list"}\r\n')
        await client.hear(b"\r\n")
        self.assertEqual(json.loads(client.heard), {"ok": []})
        await service.stopService()
        self.assertFalse(os.path.exists(control))

    async def test_a_queue_without_accounts_has_a_control_socket_too(self) -> None:
        data = str(self.folder / "data")
        service = await self.running(self.server(Queues(data), listen=[]))
        client = await connectProtocol(UNIXClientEndpoint(reactor, os.path.join(data, "control")), Client())
        client.transport.write(b'{"do": "user list"}\r\n')
        await client.hear(b"no accounts")
        await service.stopService()

    async def test_the_socket_of_a_killed_server_is_no_hindrance(self) -> None:
        data = str(self.folder / "data")
        os.mkdir(data)
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(os.path.join(data, "control"))
        await self.running(self.server(Data(data), listen=[]))

    async def test_a_path_too_long_for_a_socket_is_told(self) -> None:
        service = self.server(Data(str(self.folder / ("x" * 120))), listen=[]).service(reactor)
        service.failed = lambda failure: None
        serving = service.when_serving()
        service.startService()
        with self.assertRaisesRegex(ValueError, "too long for a socket"):
            await serving

    def test_a_directory_that_is_there_stays_as_it_is(self) -> None:
        make_directory(str(self.folder), (os.getuid() + 1, os.getgid()))
        self.assertEqual(os.stat(self.folder).st_uid, os.getuid())

    def test_a_new_directory_belongs_to_whom_the_server_will_be(self) -> None:
        # Only root can give something away.
        owner = (65534, 65534) if os.getuid() == 0 else (os.getuid(), os.getgid())
        make_directory(str(self.folder / "a" / "b"), owner)
        found = os.stat(self.folder / "a" / "b")
        self.assertEqual((found.st_uid, found.st_gid), owner)

    def test_the_real_site_asks_the_dns_unless_told_not_to(self) -> None:
        self.assertIsNone(real_site(Server("h", nameservers=()), reactor).resolver)
        self.assertIsNotNone(real_site(Server("h", nameservers=["127.0.0.1"]), reactor).resolver)
