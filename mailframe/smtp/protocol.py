"""SMTP's connection: joins the session to Twisted, and says the last words."""

from __future__ import annotations

from mailframe.net.conversation import ClientTooSlow, Conversation, ConversationOver
from mailframe.site import Site
from mailframe.smtp import replies
from mailframe.smtp.session import Session


class SMTPConversation(Conversation):
    """
    @ivar session: set by the factory, before the client is connected; gone when it is over.
    @ivar implicit_tls: TLS began before SMTP did.
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
            self.write(bytes(replies.FAULT))
            raise
        finally:
            del self.session  # it has us: let neither wait for the garbage collector

    async def start_tls(self, context_factory: object) -> None:
        """Begin TLS; hooks and policies know from now on."""
        await super().start_tls(context_factory)
        self.session.client.tls = self.tls

    async def sorry(self, reason: ConversationOver) -> None:
        """Say why we hang up."""
        self.write(bytes(replies.TIMEOUT if isinstance(reason, ClientTooSlow) else replies.SHUTDOWN))
