"""IMAP's connection: joins the session to Twisted, and says the last words."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from mailframe.imap.session import Session
from mailframe.net.conversation import ClientTooSlow, Conversation, ConversationOver
from mailframe.site import Site


class IMAPConversation(Conversation):
    """
    @ivar session: set by the factory, before the client is connected; gone when it is over.
    @ivar implicit_tls: TLS began before IMAP did.
    """

    session: Session

    def __init__(self, site: Site, implicit_tls: bool = False) -> None:
        super().__init__(site.clock)
        self.implicit_tls = implicit_tls

    async def converse(self) -> None:
        """Serve the client."""
        if self.implicit_tls:
            self.session.client.tls = self.tls
        try:
            await self.session.serve()
        except ConversationOver:
            raise
        except Exception:
            self.write(b"* BYE [SERVERBUG] The server is at fault, its log says why\r\n")
            raise
        finally:
            del self.session  # it has us: let neither wait for the garbage collector

    async def start_tls(self, context_factory: object) -> None:
        """Begin TLS."""
        await super().start_tls(context_factory)
        self.session.client.tls = self.tls

    async def pause(self) -> None:
        """Let others have their turn."""
        turn: Deferred[None] = Deferred()
        self.clock.callLater(0, turn.callback, None)
        await turn

    async def sorry(self, reason: ConversationOver) -> None:
        """Say why we hang up."""
        timeout = isinstance(reason, ClientTooSlow)
        self.write(b"* BYE Autologout\r\n" if timeout else b"* BYE [UNAVAILABLE] Shutting down\r\n")
