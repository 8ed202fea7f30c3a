"""A listening port with nobody let in yet: clients that knock wait in the kernel's backlog until it is opened."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor, IStreamServerEndpoint

from mailframe.net.sockets import Sockets


@define(eq=False)
class Door:
    """
    @ivar name: for the log.
    @ivar factory: what serves those who come in; its C{stop} ends their conversations.
    @ivar port: the C{IListeningPort}; C{None} before it is bound and after it was closed.
    """

    name: str
    factory: Any
    port: Any = field(default=None, init=False)
    _binding: Deferred[Any] | None = field(default=None, init=False)

    def bind(self, endpoint: IStreamServerEndpoint, listening: Any, sockets: Sockets | None = None) -> None:
        """
        Bind the port and accept nobody.

        @param listening: the factory the port is for: C{factory}, or one around it.
        @param sockets: has the connections, where the reactor is not to.
        @raise twisted.internet.error.CannotListenError: the port cannot be had.
        """
        failures: list[Any] = []
        self._binding = endpoint.listen(listening)
        self._binding.addCallbacks(partial(self._hold, sockets), failures.append)
        if failures:  # all of Twisted's own endpoints know at once
            failures[0].raiseException()

    def _hold(self, sockets: Sockets | None, port: Any) -> None:
        self.port = port
        if _can_wait(port):
            port.stopReading()
            if sockets is not None:
                sockets.serve(port)

    async def open(self) -> None:
        """Accept clients."""
        await self._bound()
        if _can_wait(self.port):
            self.port.startReading()

    async def close(self) -> None:
        """Stop listening; conversations go on."""
        await self._bound()
        port, self.port = self.port, None
        if port is not None:
            await _result(port.stopListening())

    async def _bound(self) -> None:
        binding, self._binding = self._binding, None
        if binding is not None:
            await binding

    def __str__(self) -> str:
        address = self.port.getHost()
        name = getattr(address, "name", None)  # of a UNIX socket
        return (
            f"{self.name} on {address.host}:{address.port}" if name is None else f"{self.name} on {os.fsdecode(name)}"
        )


def _can_wait(port: Any) -> bool:
    """Return whether this is a socket's port; of another kind, clients come in at once and have to wait inside."""
    return bool(IReadDescriptor.providedBy(port))


async def _result(value: Any) -> None:
    """Wait for what may be a Deferred (C{IListeningPort.stopListening} says so)."""
    if isinstance(value, Deferred):
        await value
