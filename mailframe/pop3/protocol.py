"""POP3's connection: joins the session to Twisted, and says the last words."""

from __future__ import annotations

from mailframe.net.conversation import ClientTooSlow, Conversation, ConversationOver
from mailframe.pop3.session import Session
from mailframe.site import Site


class POP3Conversation(Conversation):
    """
    @ivar session: set by the factory, before the client is connected; gone when it is over.
    @ivar implicit_tls: TLS began before POP3 did.
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
        finally:
            del self.session  # it has us: let neither wait for the garbage collector

    async def start_tls(self, context_factory: object) -> None:
        """Begin TLS."""
        await super().start_tls(context_factory)
        self.session.client.tls = self.tls

    async def sorry(self, reason: ConversationOver) -> None:
        """Say why we hang up; messages marked deleted stay."""
        timeout = isinstance(reason, ClientTooSlow)
        self.write(b"-ERR Autologout\r\n" if timeout else b"-ERR [SYS/TEMP] Shutting down\r\n")
