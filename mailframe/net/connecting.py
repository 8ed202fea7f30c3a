"""Connections to other servers over the real network."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, UNIXClientEndpoint
from twisted.internet.interfaces import IProtocolFactory

from mailframe.site import TCP, UNIX, Connect


def by(reactor: Any) -> Connect:
    """Return the L{Connect} that uses a reactor."""

    def connect(peer: TCP | UNIX, factory: IProtocolFactory, seconds: float, /) -> Deferred[Any]:
        connected: Deferred[Any] = _endpoint(reactor, peer, seconds).connect(factory)
        return connected

    return connect


def _endpoint(reactor: Any, peer: TCP | UNIX, seconds: float) -> Any:
    if isinstance(peer, UNIX):
        return UNIXClientEndpoint(reactor, peer.path, seconds)
    kind = TCP6ClientEndpoint if ":" in peer.address else TCP4ClientEndpoint
    return kind(reactor, peer.address, peer.port, seconds, (peer.source, 0) if peer.source else None)
