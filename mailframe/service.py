"""Running a server: ports bound first, parts started, clients let in, and all of it ended in the other order.

twistd calls C{privilegedStartService} as root and C{startService} as the user it becomes; the reactor runs after both.
So ports are bound in the first, with nobody let in, and clients that knock early wait until every part has started.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any

from attrs import evolve
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.endpoints import UNIXServerEndpoint, serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from mailframe.config import OverTLS, Server
from mailframe.control import SOCKET_MODE, control_factory
from mailframe.interfaces import IPart
from mailframe.net import connecting, programs
from mailframe.net.dns.resolver import Resolver
from mailframe.net.door import Door
from mailframe.net.server_tls import ServerTLS
from mailframe.net.sockets import Sockets, sockets_of
from mailframe.randomness import Randomness
from mailframe.site import Site
from mailframe.workers.crew import CannotWork, Crew

SOCKET_PATH_OCTETS = 107
"""A UNIX socket cannot have a longer path (unix(7))."""

_log = Logger()


def _tell(failure: Failure) -> None:
    _log.failure("the server could not be started", failure=failure)


class ServerService(Service):
    """
    Runs a L{Server}; as often as it is started and stopped, nothing of it is left over.

    @ivar owner: user and group id that the server will run as, for directories made before; C{None} is who we are.
    @ivar failed: called when starting failed, after everything was stopped again.
    """

    def __init__(self, server: Server, reactor: Any, site: Site | None = None, crew: Crew | None = None) -> None:
        """
        @param crew: the workers that serve clients; C{None} does so in this process.
        """
        if server.workers and crew is None:
            raise ValueError("workers= are for `twistd mailframe`: in another program, the server has one process")
        self.crew = crew
        self.server = server
        self.reactor = reactor
        self.site = real_site(server, reactor) if site is None else site
        if self.site.journal is None:
            self.site = evolve(self.site, journal=server.journal)
        self.owner: tuple[int, int] | None = None
        self.failed: Callable[[Failure], object] = _tell
        self._prepared = False
        self._doors: list[Door] = []
        self._parts: list[IPart] = []
        self._starting: Deferred[None] | None = None
        self._waiting: list[Deferred[None]] = []

    def privilegedStartService(self) -> None:
        """
        Make directories, read certificates, bind ports.

        @raise twisted.internet.error.CannotListenError: a port cannot be had; none is kept then.
        @raise mailframe.net.certificates.CertificateError: there are none to use.
        @raise OSError: a directory cannot be made.
        """
        for directory in self.server.directories:
            make_directory(directory, self.owner)
        tls, sockets = self._tls(), sockets_of(self.reactor)
        try:
            for endpoint, service in self.server.listen:
                self._bind(endpoint, service, tls, sockets)
        except BaseException:
            for door in self._doors:
                Deferred.fromCoroutine(door.close())
            self._doors.clear()
            raise
        self._prepared = True

    def startService(self) -> None:
        """Start the parts, then let clients in."""
        Service.startService(self)
        if not self._prepared:
            self.privilegedStartService()  # embedded in an application that had no need to call it
        self._starting = Deferred.fromCoroutine(self._start())

    def stopService(self) -> Deferred[None]:
        """Stop listening, let conversations end, stop the parts; fires when all is done."""
        Service.stopService(self)
        return Deferred.fromCoroutine(self._stop())

    def when_serving(self) -> Deferred[None]:
        """Fire once clients are let in, or with the reason why they never will be; call it before the start."""
        self._waiting.append(Deferred())
        return self._waiting[-1]

    def addresses(self) -> list[Any]:
        """Return where it listens: the C{IAddress} of each port, in the order of C{listen}."""
        return [port.getHost() for port in self.ports()]

    def ports(self) -> list[Any]:
        """Return the C{IListeningPort}s, in the order of C{listen}."""
        return [door.port for door in self._doors]

    def clients(self) -> int:
        """Return how many conversations there are."""
        return sum(len(door.factory.conversations) for door in self._doors)

    def endpoint(self, description: str) -> IStreamServerEndpoint:
        """Return where something is to listen; called for each of C{listen}, in their order."""
        endpoint: IStreamServerEndpoint = serverFromString(self.reactor, description)
        return endpoint

    # --- starting ---------------------------------------------------------------------------------------------------

    def _tls(self) -> ServerTLS | None:
        if self.server.certificates is None:
            return None
        tls = ServerTLS(self.server.certificates, self.server.hostname, self.site.clock)
        tls.load()
        return tls

    def _bind(self, endpoint: str, service: Any, tls: ServerTLS | None, sockets: Sockets | None) -> None:
        if isinstance(service, OverTLS):
            assert tls is not None, "Server has seen to it that there are certificates"
            factory: Any = service.service.factory(self.site, tls, implicit_tls=True)
            door = Door(f"{type(service.service).__name__} over TLS", factory)
            listening: Any = TLSMemoryBIOFactory(tls, False, factory, self.reactor)
        else:
            listening = factory = service.factory(self.site, tls)
            door = Door(type(service).__name__, factory)
        door.bind(self.endpoint(endpoint), listening, sockets)
        self._doors.append(door)

    async def _start(self) -> None:
        try:
            await self._start_parts()
            await self._let_in()
        except CancelledError:
            self._tell_waiting(Failure())
        except Exception:
            failure = Failure()
            await self._end()
            self.failed(failure)
            self._tell_waiting(failure)
        else:
            self._tell_waiting(None)

    async def _start_parts(self) -> None:
        for part in self.server.run:
            self._parts.append(part)
            await part.start(self.site)
            if not self.running:
                raise CancelledError("the server was stopped while it started")

    async def _let_in(self) -> None:
        ports = self.ports()
        if not self.site.is_worker:
            self._bind_control()
        if self.crew is not None:
            await self._start_crew(self.crew, ports)
        for door in self._doors:
            if self.crew is None or not self.crew.serves(door.port):
                await door.open()
        if not self.site.is_worker:  # whoever has started it says so for all
            self._say_who_serves()

    def _say_who_serves(self) -> None:
        doors = ", ".join(str(door) for door in self._doors) or "nobody"
        workers = "" if self.crew is None else f" with {self.crew.number} workers"
        _log.info("{hostname} serves {doors}{workers}", hostname=self.server.hostname, doors=doors, workers=workers)

    async def _start_crew(self, crew: Crew, ports: Sequence[Any]) -> None:
        try:
            await crew.start(ports)
        except CannotWork:
            if not self.running:
                raise CancelledError("the server was stopped while it started") from None
            raise

    def _bind_control(self) -> None:
        path, administered = self.server.control, self.server.administered
        if path is None or not administered:
            return
        if len(os.fsencode(path)) > SOCKET_PATH_OCTETS:
            raise ValueError(f"{path}: too long for a socket: the path of the data may have a few octets less")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # of a server that was killed: the data has a lock, and now it is ours
        factory = control_factory(administered, self.site.clock)
        door = Door("control", factory)
        door.bind(UNIXServerEndpoint(self.reactor, path, mode=SOCKET_MODE), factory)
        self._doors.append(door)

    def _tell_waiting(self, result: Any) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(result)  # a Failure makes it fail

    # --- stopping ---------------------------------------------------------------------------------------------------

    async def _stop(self) -> None:
        for door in self._doors:
            await door.close()
        if self.crew is not None:
            await self.crew.stop(self.server.stop_seconds)
        if self._starting is not None:
            await self._starting
        await self._end()
        _log.info("{hostname} has stopped", hostname=self.server.hostname)

    async def _end(self) -> None:
        doors, self._doors = self._doors, []
        self._prepared = False
        await _all(door.close() for door in doors)
        await _all(_stopped(door.factory, self.server.stop_seconds) for door in doors)
        if self.crew is not None:
            await self.crew.stop(self.server.stop_seconds)
        while self._parts:
            part = self._parts.pop()
            try:
                await part.stop()
            except Exception:
                _log.failure("{part!r} did not stop cleanly", part=part)


async def _stopped(factory: Any, seconds: float) -> None:
    await factory.stop(seconds)


async def _all(coroutines: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Wait until all have ended; log those that failed."""
    results = await DeferredList([Deferred.fromCoroutine(each) for each in coroutines], consumeErrors=True)
    for success, result in results:
        if not success:
            _log.failure("a port did not stop cleanly", failure=result)


def make_directory(directory: str, owner: tuple[int, int] | None) -> None:
    """
    Make a directory for data, with its parents, for its owner alone; one that is there stays as it is.

    @param owner: user and group id, or C{None} for who we are.
    """
    try:
        os.makedirs(directory, 0o700)
    except FileExistsError:
        return
    if owner is not None:
        os.chown(directory, *owner)


def real_site(server: Server, reactor: Any) -> Site:
    """Return the world as it is: real time, threads, and the DNS."""
    asks_nobody = server.nameservers is not None and not server.nameservers
    return Site(
        server.hostname,
        clock=reactor,
        random=Randomness(),
        in_thread=partial(deferToThreadPool, reactor, reactor.getThreadPool()),
        connect=connecting.by(reactor),
        spawn=programs.by(reactor),
        resolver=None if asks_nobody else Resolver.of(reactor, server.nameservers),
    )
