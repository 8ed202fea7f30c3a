"""One machine of a test world: its addresses, and the server that runs on it."""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random
from typing import Any

from attrs import define, evolve, field
from twisted.internet.defer import Deferred

from mailframe.config import Server
from mailframe.interfaces import IKeepsFiles, IKeepsQueue, IRelocatable
from mailframe.net import connecting
from mailframe.service import ServerService
from mailframe.site import Site, inline
from mailframe.testing.memory_reactor import MemoryReactor
from mailframe.testing.network import Host, Network
from mailframe.testing.programs import FakePrograms

WELL_KNOWN = "certificates"


@define(eq=False)
class Machine:
    """
    @ivar server: what runs on it; its data stands in the world's directory, whatever the configuration says.
    @ivar host: its place in the network.
    @ivar reactor: its reactor; another one after each restart.
    @ivar service: what runs the server; C{None} while it does not run.
    """

    server: Server
    host: Host
    network: Network
    random: Random
    resolver: Any
    roots: Any
    programs: FakePrograms
    reactor: MemoryReactor = field(init=False)
    service: ServerService | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.reactor = MemoryReactor(self.network, self.host)

    @property
    def name(self) -> str:
        """Its host name."""
        return self.server.hostname

    @property
    def site(self) -> Site:
        """The world as its server sees it."""
        asks_nobody = self.server.nameservers is not None and not self.server.nameservers
        return Site(
            self.name,
            self.reactor,
            inline,
            self.random.randbytes,
            None if asks_nobody else self.resolver,
            connecting.by(self.reactor),
            spawn=self.programs,
            roots=self.roots,
        )

    def start(self) -> Deferred[None]:
        """Start the server; fires when it serves."""
        if self.service is not None:
            raise RuntimeError(f"{self.name} runs already")
        self.reactor = MemoryReactor(self.network, self.host)
        self.service = ServerService(self.server, self.reactor, self.site)
        self.service.failed = lambda failure: None  # whoever waits for it to serve is told
        serving = self.service.when_serving()
        with self.network.clock.running_on(self.name):
            self.service.startService()
        return serving

    def stop(self) -> Deferred[None]:
        """Stop the server as SIGTERM does; fires when it has stopped."""
        service, self.service = self._running(), None
        with self.network.clock.running_on(self.name):
            return service.stopService()

    def crash(self) -> None:
        """
        Stop the server as SIGKILL does: nothing of it runs any more, its connections end, its files are closed.

        What its parts know in memory is lost to nobody but them: build the server anew, as a new process does.
        """
        self._running()
        self.service = None
        self.reactor.crash()
        for part in self.server.run:
            if IKeepsFiles.providedBy(part):
                Deferred.fromCoroutine(_closed(part))

    @property
    def queue(self) -> Any:
        """
        The delivery queue of its server; while it runs.

        @raise LookupError: it has none.
        """
        for part in self.server.run:
            if IKeepsQueue.providedBy(part):
                return part.queue
        raise LookupError(f"{self.name} has no queue")

    def _running(self) -> ServerService:
        if self.service is None:
            raise RuntimeError(f"{self.name} does not run")
        return self.service


async def _closed(part: Any) -> None:
    await part.stop()


def settled_in(server: Server, directory: str, issue: Callable[[str, str], str]) -> Server:
    """
    Return a server in one process with its files in a directory: the same one as long as they are there already.

    @param issue: gets a host name and a directory, puts a certificate there and returns the directory.
    @raise ValueError: a part keeps files elsewhere and cannot be told otherwise.
    """
    parts: list[Any] = [each for each in server.run if IKeepsFiles.providedBy(each)]
    for number, part in enumerate(parts):
        if _is_within(part.directory, directory):
            continue
        if not IRelocatable.providedBy(part):
            raise ValueError(f"{part!r} keeps its files in {part.directory}: give it a folder in {directory}")
        part.keep_in(os.path.join(directory, server.hostname, f"data{number or ''}"))
    server = evolve(server, workers=0) if server.workers else server
    if server.certificates is None or os.path.exists(server.certificates):
        return server
    return evolve(server, certificates=issue(server.hostname, os.path.join(directory, server.hostname, WELL_KNOWN)))


def _is_within(path: str, directory: str) -> bool:
    return os.path.commonpath([os.path.abspath(path), directory]) == directory
