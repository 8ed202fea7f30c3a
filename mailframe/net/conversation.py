"""One client connection as a conversation: octets in, a coroutine that reads and answers, octets out.

The three protocols share this edge: a subclass gives C{converse}, a coroutine that pulls what its reader makes of the
octets (L{Conversation.pull}), writes answers (L{Conversation.write}) and ends. Answers gather until the conversation
would wait for the client, so a pipelined group is answered with one write (RFC 2920 3.2). A client that sends faster
than it is served is paused; so is a conversation whose client does not read (L{Conversation.drained}).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.deadlines import EARLY_SECONDS, Deadline
from mailframe.net.lines import Inbox
from mailframe.net.running import Running, park
from mailframe.net.sockets import PLAIN_TCP
from mailframe.net.tls import TLSInfo, tls_info

T = TypeVar("T")

INBOX_OCTETS = 128 * 1024
"""Octets that may wait unread before the client is paused."""
OUTBOX_OCTETS = 64 * 1024
"""Octets of answers that may gather before they are written."""
LINGER_SECONDS = 10.0
"""How long a client may take to read the last answer before the connection is cut."""
PULLS_A_TURN = 100
"""Commands that a client may send ahead and have served before other connections get their turn."""


class ConversationOver(Exception):
    """The conversation cannot go on; it unwinds C{converse}."""


class ConnectionGone(ConversationOver):
    """The client has gone, or stopped sending."""


class ClientTooSlow(ConversationOver):
    """The client let a deadline pass."""


class Stopping(ConversationOver):
    """The server is shutting down, and no command is half done."""


@implementer(IPushProducer, IHalfCloseableProtocol)
class Conversation(Protocol):
    """
    @ivar inbox: what has arrived; the reader's to consume.
    @ivar clock: for deadlines.
    @ivar busy: set while something is half received: L{stop} then lets it be finished.
    @ivar on_end: called once with this when the connection is gone and C{converse} has ended.
    """

    # What Twisted gives is wider than ITransport: TCP, TLS and UNIX transports all pause, start TLS and abort.
    transport: Any

    # How all of them begin. As attributes of the class they cost a new connection nothing.
    busy = False
    _out_size = 0
    _is_plain = False
    _parking = False
    _draining: Deferred[None] | None = None
    _woken = False
    _fed = False
    _pulled = 0
    _ended = False
    _gone = False
    _stopping = False
    _reading_paused = False
    _writing_paused = False
    _done = False
    _deadline = 0.0
    _watch: Deadline | None = None
    _linger: Deadline | None = None

    def __init__(self, clock: IReactorTime, on_end: Callable[[Any], None] = lambda conversation: None) -> None:
        self.clock = clock
        self.on_end = on_end
        self.inbox = Inbox()
        self._out: list[bytes] = []
        self._running = Running(self._run(), self._finish)

    # --- for subclasses ---------------------------------------------------------------------------------------------

    async def converse(self) -> None:
        """Serve the client from the greeting to the end; the connection is closed when this returns."""
        raise NotImplementedError("a conversation is defined by its converse()")

    async def sorry(self, reason: ConversationOver) -> None:
        """Say the last words where the protocol has some: L{ClientTooSlow} and L{Stopping} ended C{converse}."""

    async def pull(self, parse: Callable[[], T | None], seconds: float) -> T:
        """
        Wait until the reader makes something of the octets that came.

        A client that does not read what it was told is not served further until it does.

        @param parse: consumes from C{inbox}; C{None} while that needs more octets. It may raise.
        @param seconds: how long the client may take.
        @raise ConversationOver: there is nothing more to come.
        """
        deadline = self.clock.seconds() + seconds
        if self._writing_paused:
            await self.drained(seconds)
        self._pulled += 1
        if self._pulled > PULLS_A_TURN:
            await self._let_others()
        self._fed = False
        while (parsed := parse()) is None:
            if self._has_to_wait(deadline, seconds):
                await park()
            self._woken = self._fed = False
        if self._reading_paused and len(self.inbox) < INBOX_OCTETS:
            self._resume_reading()
        return parsed

    async def wait(self, seconds: float) -> None:
        """
        Write what has gathered, and wait for octets or for L{wake}; not at all if either came since the last time.

        @raise ClientTooSlow: neither happened in time.
        @raise ConversationOver: there is nothing more to come.
        """
        if self._has_to_wait(self.clock.seconds() + seconds, seconds):
            await park()
        self._woken = self._fed = False

    def wake(self) -> None:
        """End the present L{wait}, or the next one if there is none: something happened elsewhere."""
        self._woken = True
        if self._running.parked:
            self._running.go_on()

    def write(self, data: bytes) -> None:
        """Give octets to the client, soon."""
        self._out.append(data)
        self._out_size += len(data)
        if self._out_size >= OUTBOX_OCTETS:
            self.flush()

    def flush(self) -> None:
        """
        Give what has gathered to the client now.

        Twisted's TCP transports keep what is written until the next turn of the reactor and ask the kernel to be told
        when they may send, which for small answers costs more than sending them. Where nothing waits before them they
        are sent from here; what the kernel does not take goes the ordinary way, and so does any trouble.
        """
        out = self._out
        if not out:
            return
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        self._out_size = 0
        if self._can_send():
            try:
                data = data[self.transport.socket.send(data) :]
            except OSError:
                pass  # Twisted will see it again
        if data and not self._gone:
            self.transport.write(data)

    async def drained(self, seconds: float) -> None:
        """
        Wait until the client has read most of what was written: between the pieces of long answers.

        @raise ClientTooSlow: it did not in C{seconds}.
        @raise ConnectionGone: it has gone.
        """
        self.flush()
        if self._gone:
            raise ConnectionGone
        if self._writing_paused:
            self._draining = Deferred()
            try:
                await self._draining.addTimeout(seconds, self.clock, _raise_too_slow)
            finally:
                self._draining = None

    async def start_tls(self, context_factory: Any) -> None:
        """Begin TLS on this connection; whatever the client sent ahead in plain text is thrown away."""
        self.flush()
        self.inbox.clear()
        # Twisted registers us anew at the TLS layer, which would never tell us to resume what the old one paused.
        self._writing_paused = False
        self._is_plain = False
        self.transport.startTLS(context_factory)

    @property
    def tls(self) -> TLSInfo | None:
        """How the connection is protected; complete once the client has sent something over it."""
        return tls_info(self.transport)

    @property
    def gone(self) -> bool:
        """Whether the client has gone."""
        return self._gone

    # --- for the factory --------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End politely: between commands at once, otherwise when the present one is done."""
        self._stopping = True
        self.wake()

    def abort(self) -> None:
        """End now."""
        if self.transport is not None:
            self.transport.abortConnection()

    # --- called by Twisted ------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Start to converse."""
        self._is_plain = type(self.transport) in PLAIN_TCP
        if ITCPTransport.providedBy(self.transport):
            # An answer in two writes would else wait 40 ms for the client to acknowledge the first one.
            self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        self._running.go_on()

    def dataReceived(self, data: bytes) -> None:
        """Keep octets for the reader and wake it."""
        if self._done:
            return  # the conversation is over, nobody will read this
        self.inbox.feed(data)
        self._fed = True
        if self._running.parked:
            self._running.go_on()
        elif len(self.inbox) >= INBOX_OCTETS and not (self._reading_paused or self._parking):
            self._reading_paused = True
            self.transport.pauseProducing()

    def readConnectionLost(self) -> None:
        """The client sends no more but may still read: what it sent is served, then the connection ends."""
        self._ended = True
        if self._running.parked:
            self._running.go_on(Failure(ConnectionGone()))

    def writeConnectionLost(self) -> None:
        """The client does not read any more: nothing that we could say matters."""
        self.abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell whoever waits; a command under way goes on to its end."""
        was_done = self._done
        self._gone = self._ended = True
        self._is_plain = False
        if self._running.parked:
            self._running.go_on(Failure(ConnectionGone()))
        if self._draining is not None and not self._draining.called:
            self._draining.errback(ConnectionGone())
        for watch in (self._watch, self._linger):
            if watch is not None:
                watch.cancel()
        if was_done:
            self.on_end(self)

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        self._writing_paused = True

    def resumeProducing(self) -> None:
        """The transport's buffer has room again."""
        self._writing_paused = False
        if self._draining is not None and not self._draining.called:
            self._draining.callback(None)

    def stopProducing(self) -> None:
        """The transport is about to be lost; C{connectionLost} does the rest."""

    # --- inside -----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            try:
                await self.converse()
            except (ClientTooSlow, Stopping) as reason:
                await self.sorry(reason)
        except ConversationOver:
            pass  # nobody is there to be told

    def _has_to_wait(self, deadline: float, seconds: float) -> bool:
        """Write what has gathered, and see to it that somebody will wake us, unless somebody has."""
        self.flush()
        if self._stopping and not self.busy:
            raise Stopping
        if self._woken or self._fed:
            return False
        if self._ended:
            raise ConnectionGone
        self._pulled = 0
        self._deadline = deadline
        if self._watch is None or self._watch.when > deadline + EARLY_SECONDS:
            self._arm(seconds)
        if not self._reading_paused:
            return True
        self._parking = True  # octets that come now are what we wait for, however many
        self._resume_reading()  # which may bring them, or the end, at once
        self._parking = False
        if self._ended:
            raise ConnectionGone
        return not (self._woken or self._fed)

    async def _let_others(self) -> None:
        self.flush()
        self._pulled = 0
        turn: Deferred[None] = Deferred()
        self.clock.callLater(0, turn.callback, None)
        await turn

    def _finish(self) -> None:
        self._done = True
        if self._gone:
            self.on_end(self)
            return
        self.flush()
        self.inbox.clear()
        if self._can_send():
            # All is sent: Twisted would ask the kernel first whether more may be sent, and close when it says so.
            self.transport.connectionLost(connectionDone)
            return
        self._resume_reading()  # a connection that is not read never notices its end
        # What is left to be sent, or to be said by TLS, waits for the client.
        self._linger = Deadline(self.clock, LINGER_SECONDS, self.abort)
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def _can_send(self) -> bool:
        """Whether the connection is there, and octets need neither wait for others nor become TLS."""
        transport = self.transport
        return self._is_plain and not (transport.dataBuffer or transport._tempDataBuffer)

    def _resume_reading(self) -> None:
        if self._reading_paused:
            self._reading_paused = False
            if not self._gone and self.transport is not None:
                self.transport.resumeProducing()

    def _arm(self, seconds: float) -> None:
        """See to the deadline. One watch serves many waits: it is moved when it would be late, else it looks again."""
        if self._watch is not None:
            self._watch.cancel()
        self._watch = Deadline(self.clock, max(0.0, seconds), self._look)

    def _look(self) -> None:
        self._watch = None
        if not self._running.parked:
            return  # a command is being served; the next wait arms again
        left = self._deadline - self.clock.seconds()
        if left > EARLY_SECONDS:
            self._arm(left)
        else:
            self._running.go_on(Failure(ClientTooSlow()))


def _raise_too_slow(_result: object, _seconds: float) -> None:
    raise ClientTooSlow
