"""Factories whose conversations are counted and can be ended: the server side of a listening port."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol, ServerFactory

from mailframe.net.conversation import Conversation


@frozen
class ConnectionLimits:
    """
    @ivar connections: at the same time on one port.
    @ivar per_address: of these from one IP address; for a local network behind one address, raise it.
    """

    connections: int = 2000
    per_address: int = 200


class TooMany(Protocol):
    """Tells a client that there is no room, and hangs up."""

    transport: Any

    def __init__(self, words: bytes) -> None:
        self.words = words

    def connectionMade(self) -> None:
        """Say it."""
        self.transport.write(self.words)
        self.transport.loseConnection()


class ConversationFactory(ServerFactory):
    """
    Builds conversations and knows those that go on.

    @ivar build: makes the conversation with a peer of that IP address and port.
    @ivar refusal: the line for a client for whom there is no room.
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
        self._per_address: Counter[str] = Counter()
        self._stopped: Deferred[None] | None = None

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """Begin a conversation, or refuse it."""
        # A UNIX socket has no host: its clients share one count.
        host, port = getattr(addr, "host", ""), getattr(addr, "port", 0)
        full = len(self.conversations) >= self.limits.connections
        if full or self._per_address[host] >= self.limits.per_address or self._stopped is not None:
            return TooMany(self.refusal)
        conversation = self.build(host, port)
        conversation.on_end = self._ended
        self.conversations[conversation] = host
        self._per_address[host] += 1
        return conversation

    def _ended(self, conversation: Conversation) -> None:
        host = self.conversations.pop(conversation)
        self._per_address[host] -= 1
        if not self._per_address[host]:
            del self._per_address[host]
        if self._stopped is not None and not self.conversations and not self._stopped.called:
            self._stopped.callback(None)

    def stop(self, seconds: float) -> Deferred[None]:
        """
        End all conversations: politely at first, those that are left after C{seconds} at once.

        @return: fires when none is left.
        """
        if self._stopped is None:
            self._stopped = Deferred()
            if not self.conversations:
                self._stopped.callback(None)
                return self._stopped
            cut = self.clock.callLater(seconds, self._abort)
            self._stopped.addCallback(_cancel, cut)
            for conversation in list(self.conversations):
                conversation.stop()
        return self._stopped

    def _abort(self) -> None:
        for conversation in list(self.conversations):
            conversation.abort()


def _cancel(_result: None, call: IDelayedCall) -> None:
    if call.active():
        call.cancel()
