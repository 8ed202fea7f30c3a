"""Factories whose conversations are counted and can be ended: the server side of a listening port."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from attrs import field, frozen
from attrs.validators import ge, instance_of
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.python.failure import Failure

from mailframe.net.conversation import LINGER_SECONDS, Conversation

NETWORK_BITS = 64
"""How much of an IPv6 address tells who it is: everybody has at least a /64, with 2**64 addresses (RFC 6177)."""


def _count(default: int) -> int:
    limit: int = field(default=default, validator=[instance_of(int), ge(1)])
    return limit


@frozen
class ConnectionLimits:
    """
    @ivar connections: at the same time on one port.
    @ivar per_address: of these from one IPv4 address or one IPv6 /64; for a local network behind one address, raise it.
    @ivar per_loopback: the same for this machine and for a UNIX socket, where proxies and other MTAs come from.
    """

    connections: int = _count(2000)
    per_address: int = _count(200)
    per_loopback: int = _count(1000)


@frozen
class Peer:
    """
    Whom connections are counted for.

    @ivar name: an IPv4 address or an IPv6 network; empty for a UNIX socket.
    @ivar is_local: this machine.
    """

    name: str
    is_local: bool

    @classmethod
    def of(cls, host: str) -> Peer:
        """
        @param host: an IP address, perhaps with a zone; empty for a UNIX socket.
        """
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return cls(host, not host)
        if isinstance(address, ipaddress.IPv6Address):
            if address.ipv4_mapped is not None:  # IPv4 at a socket for both
                return cls(str(address.ipv4_mapped), address.ipv4_mapped.is_loopback)
            network = ipaddress.IPv6Network((address, NETWORK_BITS), strict=False)
            return cls(str(network), address.is_loopback)
        return cls(host, address.is_loopback)


_peer = lru_cache(maxsize=4096)(Peer.of)
"""Whoever connects will connect again, and to read an address takes as long as all else that is done for it."""


class TooMany(Protocol):
    """Tells a client that there is no room, and hangs up: at once if it does not listen."""

    transport: Any

    def __init__(self, factory: ConversationFactory) -> None:
        self.factory = factory
        self.cut: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """Say it."""
        self.factory.refused.add(self)
        # Under TLS the words leave after the handshake, for which a client could let us wait for ever.
        self.cut = self.factory.clock.callLater(LINGER_SECONDS, self.transport.abortConnection)
        self.transport.write(self.factory.refusal)
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Forget it."""
        if self.cut is not None:
            _cancel(None, self.cut)
        self.factory.told(self)


class ConversationFactory(ServerFactory):
    """
    Builds conversations and knows those that go on.

    @ivar build: makes the conversation with a peer of that IP address and port.
    @ivar refusal: the line for a client for whom there is no room.
    @ivar refused: clients that are just being told so.
    """

    noisy = False

    def __init__(
        self,
        clock: IReactorTime,
        build: Callable[[str, int], Conversation],
        refusal: bytes,
        limits: ConnectionLimits = ConnectionLimits(),
    ) -> None:
        self.clock = clock
        self.build = build
        self.refusal = refusal
        self.limits = limits
        self.conversations: dict[Conversation, str] = {}
        self.refused: set[TooMany] = set()
        self._per_address: dict[str, int] = {}
        self._stopped: Deferred[None] | None = None

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """Begin a conversation, or refuse it; nobody is let in any more once L{stop} was called."""
        # A UNIX socket has no host: its clients share one count.
        host, port = getattr(addr, "host", ""), getattr(addr, "port", 0)
        if self._stopped is not None:
            return None
        peer = _peer(host)
        if self._is_full(peer):
            return TooMany(self) if len(self.refused) < self.limits.connections else None
        conversation = self.build(host, port)
        conversation.on_end = self._ended
        self.conversations[conversation] = peer.name
        self._per_address[peer.name] = self._per_address.get(peer.name, 0) + 1
        return conversation

    def _is_full(self, peer: Peer) -> bool:
        allowed = self.limits.per_loopback if peer.is_local else self.limits.per_address
        return len(self.conversations) >= self.limits.connections or self._per_address.get(peer.name, 0) >= allowed

    def _ended(self, conversation: Conversation) -> None:
        name = self.conversations.pop(conversation)
        if self._per_address[name] > 1:
            self._per_address[name] -= 1
        else:
            del self._per_address[name]
        self._tell_when_empty()

    def told(self, refused: TooMany) -> None:
        """Forget a client that was told that there is no room."""
        self.refused.discard(refused)
        self._tell_when_empty()

    def _tell_when_empty(self) -> None:
        stopped = self._stopped
        if stopped is not None and not (self.conversations or self.refused or stopped.called):
            stopped.callback(None)

    def stop(self, seconds: float) -> Deferred[None]:
        """
        End all conversations: politely at first, those that are left after C{seconds} at once.

        @return: fires when none is left.
        """
        if self._stopped is None:
            self._stopped = Deferred()
            cut = self.clock.callLater(seconds, self._abort)
            self._stopped.addCallback(_cancel, cut)
            for conversation in list(self.conversations):
                conversation.stop()
            for refused in list(self.refused):
                refused.transport.abortConnection()
            self._tell_when_empty()
        return self._stopped

    def _abort(self) -> None:
        for conversation in list(self.conversations):
            conversation.abort()


def _cancel(_result: None, call: IDelayedCall) -> None:
    if call.active():
        call.cancel()
