"""One client connection as a conversation: octets in, a coroutine that reads and answers, octets out.

The three protocols share this edge: a subclass gives C{converse}, a coroutine that pulls what its reader makes of the
octets (L{Conversation.pull}), writes answers (L{Conversation.write}) and ends. Answers gather until the conversation
would wait for the client, so a pipelined group is answered with one write (RFC 2920 3.2). A client that sends faster
than it is served is paused; so is a conversation whose client does not read (L{Conversation.drained}).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
)
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.deadlines import EARLY_SECONDS, Deadline
from mailframe.net.accepting import Accepted
from mailframe.net.lines import Inbox
from mailframe.net.running import Running, park
from mailframe.net.speaking import Speaking
from mailframe.net.tls import TLSInfo, tls_info

T = TypeVar("T")

INBOX_OCTETS = 128 * 1024
"""Octets that may wait unread before the client is paused."""
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
class Conversation(Speaking):
    """
    @ivar inbox: what has arrived; the reader's to consume.
    @ivar clock: for deadlines.
    @ivar busy: set while something is half received: L{stop} then lets it be finished.
    @ivar on_end: called once with this when the connection is gone and C{converse} has ended.
    """

    # How all of them begin. As attributes of the class they cost a new connection nothing.
    busy = False
    _parse: Callable[[], Any] | None = None  # while a pull waits for octets: what it wants to be made of them
    _parking = False
    _draining: Deferred[None] | None = None
    _fed = False
    _pulled = 0
    _woken = False
    _ended = False
    _stopping = False
    _reading_paused = False
    _writing_paused = False
    _done = False
    _deadline = 0.0
    _watch: Deadline | None = None
    _watched = inf  # when the watch looks; a deadline before that needs another one
    _linger: Deadline | None = None

    def __init__(self, clock: IReactorTime, on_end: Callable[[Any], None] = lambda conversation: None) -> None:
        self._disturbed = False  # whether any of _woken, _ended, _stopping, _reading_paused, _writing_paused may be set
        self.clock = clock
        self.on_end = on_end
        self.inbox = Inbox()
        self._running = Running(self._run(), self._finish)

    # --- for subclasses ---------------------------------------------------------------------------------------------

    async def converse(self) -> None:
        """Serve the client from the greeting to the end; the connection is closed when this returns."""
        raise NotImplementedError("a conversation is defined by its converse()")

    async def sorry(self, reason: ConversationOver) -> None:
        """Say the last words where the protocol has some: L{ClientTooSlow} and L{Stopping} ended C{converse}."""

    def pull(self, parse: Callable[[], T | None], seconds: float) -> Awaitable[T]:
        """
        Wait until the reader makes something of the octets that came.

        A client that does not read what it was told is not served further until it does.

        @param parse: consumes from C{inbox}, and is called when there is something in it; C{None} while that needs more
            octets. It may raise.
        @param seconds: how long the client may take.
        @raise ConversationOver: there is nothing more to come.
        """
        if self._disturbed or self.inbox.buffer:
            return self._pull(parse, seconds)
        if self._out:
            self.flush()
        self._begin_waiting(self.clock.seconds() + seconds, seconds)
        self._parse = parse
        return park()

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
        if self._parse is not None:
            if self._stopping and not self.busy:
                self._fail(Stopping())
            return  # only octets help
        self._woken = self._disturbed = True
        if self._running.parked:
            self._running.go_on()

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
        self._leave_it_to_twisted()
        self.transport.startTLS(context_factory)

    @property
    def tls(self) -> TLSInfo | None:
        """How the connection is protected; complete once the client has sent something over it."""
        return tls_info(self.transport)

    # --- for the factory --------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End politely: between commands at once, otherwise when the present one is done."""
        self._stopping = self._disturbed = True
        self.wake()

    def abort(self) -> None:
        """End now."""
        if self.transport is not None:
            self.transport.abortConnection()

    # --- called by Twisted ------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Start to converse."""
        self._begin_speaking()
        if type(self.transport) is not Accepted and ITCPTransport.providedBy(self.transport):
            # An answer in two writes would else wait 40 ms for the client to acknowledge the first one.
            self.transport.setTcpNoDelay(True)
        self._running.go_on()

    def dataReceived(self, data: bytes) -> None:
        """Let the reader make something of the octets, and go on when it has; keep them while nobody waits for any."""
        parse = self._parse
        if parse is None:
            self._keep(data)
            return
        self.inbox.feed(data)
        try:
            parsed = parse()
        except Exception as problem:
            self._fail(problem)
        else:
            if parsed is not None:
                self._parse = None
                self._running.go_on(parsed)

    def _keep(self, data: bytes) -> None:
        if self._done:
            return  # the conversation is over, nobody will read this
        self.inbox.feed(data)
        self._fed = True
        if self._running.parked:
            self._running.go_on()
        elif len(self.inbox) >= INBOX_OCTETS and not (self._reading_paused or self._parking):
            self._reading_paused = self._disturbed = True
            self.transport.pauseProducing()

    def readConnectionLost(self) -> None:
        """The client sends no more but may still read: what it sent is served, then the connection ends."""
        self._ended = self._disturbed = True
        if self._running.parked:
            self._fail(ConnectionGone())

    def writeConnectionLost(self) -> None:
        """The client does not read any more: nothing that we could say matters."""
        self.abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell whoever waits; a command under way goes on to its end."""
        was_done = self._done
        self._gone = self._ended = self._disturbed = True
        self._leave_it_to_twisted()
        if self._running.parked:
            self._fail(ConnectionGone())
        if self._draining is not None and not self._draining.called:
            self._draining.errback(ConnectionGone())
        for watch in (self._watch, self._linger):
            if watch is not None:
                watch.cancel()
        if was_done:
            self.on_end(self)

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        self._writing_paused = self._disturbed = True

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

    async def _pull(self, parse: Callable[[], T | None], seconds: float) -> T:
        """Pull where octets are there already, or something has happened to the conversation."""
        deadline = self.clock.seconds() + seconds
        if self._writing_paused:
            await self.drained(seconds)
        self._pulled += 1
        if self._pulled > PULLS_A_TURN:
            await self._let_others()
        self._fed = False
        parsed = parse()
        while parsed is None:
            if self._has_to_wait(deadline, seconds):
                self._parse = parse
                parsed = await park()
            else:
                self._woken = self._fed = False
                parsed = parse()
        if self._reading_paused and len(self.inbox) < INBOX_OCTETS:
            self._resume_reading()
        self._disturbed = self._woken or self._ended or self._stopping or self._reading_paused or self._writing_paused
        return parsed

    def _has_to_wait(self, deadline: float, seconds: float) -> bool:
        """Write what has gathered, and see to it that somebody will wake us, unless somebody has."""
        self.flush()
        if self._stopping and not self.busy:
            raise Stopping
        if self._woken or self._fed:
            return False
        if self._ended:
            raise ConnectionGone
        self._begin_waiting(deadline, seconds)
        if not self._reading_paused:
            return True
        self._parking = True  # octets that come now are what we wait for, however many
        self._resume_reading()  # which may bring them, or the end, at once
        self._parking = False
        if self._ended:
            raise ConnectionGone
        return not (self._woken or self._fed)

    def _begin_waiting(self, deadline: float, seconds: float) -> None:
        """See to the deadline. One watch serves many waits: it is moved when it would be late, else it looks again."""
        self._pulled = 0
        self._deadline = deadline
        if deadline < self._watched:
            self._arm(seconds)

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
        if self._send or self._socket_send():
            # All is sent: Twisted would ask the kernel first whether more may be sent, and close when it says so.
            self.transport.connectionLost(connectionDone)
            return
        self._resume_reading()  # a connection that is not read never notices its end
        # What is left to be sent, or to be said by TLS, waits for the client.
        self._linger = Deadline(self.clock, LINGER_SECONDS, self.abort)
        if self._is_producer:
            self.transport.unregisterProducer()
        self.transport.loseConnection()

    def _resume_reading(self) -> None:
        if self._reading_paused:
            self._reading_paused = False
            if not self._gone and self.transport is not None:
                self.transport.resumeProducing()

    def _arm(self, seconds: float) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch = Deadline(self.clock, max(0.0, seconds), self._look)
        self._watched = self._watch.when - EARLY_SECONDS

    def _look(self) -> None:
        self._watch, self._watched = None, inf
        if not self._running.parked:
            return  # a command is being served; the next wait arms again
        left = self._deadline - self.clock.seconds()
        if left > EARLY_SECONDS:
            self._arm(left)
        else:
            self._fail(ClientTooSlow())

    def _fail(self, problem: Exception) -> None:
        """Raise this where the client is waited for."""
        self._parse = None
        self._running.fail(problem)


def _raise_too_slow(_result: object, _seconds: float) -> None:
    raise ClientTooSlow
