"""Connections to other servers over the real network."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, UNIXClientEndpoint
from twisted.internet.interfaces import IProtocolFactory

from mailframe.net.sockets import sockets_of
from mailframe.site import TCP, UNIX, Connect


def by(reactor: Any) -> Connect:
    """Return the L{Connect} that uses a reactor."""
    for_tcp = sockets_of(reactor) or reactor

    def connect(peer: TCP | UNIX, factory: IProtocolFactory, seconds: float, /) -> Deferred[Any]:
        endpoint = _unix(reactor, peer, seconds) if isinstance(peer, UNIX) else _tcp(for_tcp, peer, seconds)
        connected: Deferred[Any] = endpoint.connect(factory)
        return connected

    return connect


def _unix(reactor: Any, peer: UNIX, seconds: float) -> Any:
    return UNIXClientEndpoint(reactor, peer.path, seconds)


def _tcp(reactor: Any, peer: TCP, seconds: float) -> Any:
    kind = TCP6ClientEndpoint if ":" in peer.address else TCP4ClientEndpoint
    return kind(reactor, peer.address, peer.port, seconds, (peer.source, 0) if peer.source else None)
