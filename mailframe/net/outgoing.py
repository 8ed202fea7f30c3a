"""One connection to a server, as its client: kept open between pieces of work, each a coroutine that talks over it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from OpenSSL import SSL
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError, ConnectionRefusedError, TimeoutError
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.net.conversation import ConnectionGone, Conversation, ConversationOver
from mailframe.net.dns.resolv_conf import is_loopback
from mailframe.net.eyeballs import connect_first
from mailframe.site import TCP, UNIX, Site

T = TypeVar("T")

_log = Logger()


class Unreachable(Exception):
    """No connection could be had; the text says why."""


class TLSFailed(Exception):
    """TLS could not begin; the text says why."""


@implementer(IHandshakeListener)
class Outgoing(Conversation):
    """
    @ivar closed: nothing more can be done over it.
    @ivar on_closed: called once when that becomes so.
    """

    def __init__(self, site: Site, goodbye: Callable[[Outgoing], Awaitable[None]], idle_seconds: float) -> None:
        """
        @param goodbye: says the last words, when nobody has wanted anything for C{idle_seconds}.
        """
        super().__init__(site.clock)
        self.closed = False
        self.on_closed: Callable[[Outgoing], None] = lambda outgoing: None
        self._goodbye = goodbye
        self._idle_seconds = idle_seconds
        self._work: deque[tuple[Callable[[], Awaitable[Any]], Deferred[Any]]] = deque()
        self._secured = False
        self._reason: Failure = Failure(connectionDone.value)

    def run(self, work: Callable[[], Awaitable[T]]) -> Deferred[T]:
        """
        Let a coroutine talk over this connection, after those that were given before.

        @return: fires with its result, or with what it raised; L{ConversationOver} when the connection is gone.
        """
        result: Deferred[T] = Deferred()
        if self.closed:
            result.errback(ConnectionGone())
            return result
        self._work.append((work, result))
        self.wake()
        return result

    def close(self) -> None:
        """Say goodbye when all work is done."""
        self.stop()

    async def converse(self) -> None:
        """Do work as it comes."""
        try:
            while True:
                while self._work:
                    await self._do(*self._work.popleft())
                if not await self._idle():
                    break
            self.busy = True  # a stop lets the last words be said, and waits for the answer as long as they do
            await self._goodbye(self)
        finally:
            self._close()

    async def start_client_tls(self, creator: object, seconds: float) -> None:
        """
        Begin TLS, and wait until it protects.

        @param creator: an C{IOpenSSLClientConnectionCreator}.
        @raise TLSFailed: the two could not agree.
        """
        self._secured = False
        deadline = self.clock.seconds() + seconds
        await self.start_tls(creator)
        try:
            while not self._secured:
                await self.wait(deadline - self.clock.seconds())
        except ConversationOver:
            self.abort()
            raise TLSFailed(_tls_words(self._reason)) from None

    @property
    def private(self) -> bool:
        """Whether nobody can listen: TLS protects it, or it does not leave this machine."""
        peer = self.transport.getPeer()
        return self._secured or isinstance(peer, UNIXAddress) or is_loopback(peer.host)

    # --- called by Twisted ----------------------------------------------------------------------------------------

    def handshakeCompleted(self) -> None:
        """TLS protects from now on."""
        self._secured = True
        self.wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Remember why."""
        self._reason = reason
        super().connectionLost(reason)
        self._close()

    # --- inside ---------------------------------------------------------------------------------------------------

    async def _do(self, work: Callable[[], Awaitable[Any]], result: Deferred[Any]) -> None:
        self.busy = True
        try:
            done = await work()
        except ConversationOver as error:
            result.errback(error)
            raise
        except Exception as error:
            result.errback(error)
            raise ConnectionGone from None  # nobody knows in which state it is
        finally:
            self.busy = False
        result.callback(done)

    async def _idle(self) -> bool:
        """Wait for work; return whether there is some. Whatever the server says now is a farewell."""
        try:
            await self.wait(self._idle_seconds)
        except ConversationOver:
            return False
        return bool(self._work) or not len(self.inbox)

    def _close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self.on_closed(self)
        while self._work:
            self._work.popleft()[1].errback(ConnectionGone())


def _tls_words(reason: Failure) -> str:
    """Return why TLS did not begin, as OpenSSL says it."""
    error = reason.value
    if isinstance(error, SSL.Error) and error.args and error.args[0]:
        return str(error.args[0][0][-1] or "handshake failed")
    return "the connection was closed during the handshake"


async def dial(site: Site, peers: Sequence[TCP | UNIX], build: Callable[[], Outgoing], seconds: float) -> Outgoing:
    """
    Connect to the first of some addresses that answers.

    @param seconds: how long each may take.
    @raise Unreachable: none does.
    """

    def factory() -> Any:
        made: Any = Factory.forProtocol(build)
        made.noisy = False
        return made

    try:
        connection: Outgoing = await connect_first(site, peers, factory, seconds)
    except TimeoutError:
        raise Unreachable(f"no answer within {seconds:g} seconds") from None
    except ConnectionRefusedError:
        raise Unreachable("the connection was refused") from None
    except (ConnectError, OSError) as error:
        raise Unreachable(" ".join(str(error).split()) or type(error).__name__) from None
    return connection
