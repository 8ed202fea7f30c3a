"""IMAP as a value that users configure."""

from __future__ import annotations

from typing import Any

from attrs import define, field

from mailframe.auth.login import Login, LoginPolicy
from mailframe.hooks import Client
from mailframe.imap.commands import COMMANDS
from mailframe.imap.extension import Vocabulary
from mailframe.imap.extensions import EXTENSIONS
from mailframe.imap.limits import DEFAULT, Limits
from mailframe.imap.protocol import IMAPConversation
from mailframe.imap.reader import Reader
from mailframe.imap.session import Models, Session
from mailframe.interfaces import IAuthenticator, IKeepsSpool, IMailStore
from mailframe.net.listening import ConnectionLimits, ConversationFactory
from mailframe.site import Site, provides
from mailframe.spool import Spool

VOCABULARY = Vocabulary.of(COMMANDS, EXTENSIONS)


@define(eq=False, kw_only=True)
class IMAP:
    """
    Reading mail (RFC 3501).

    @ivar store: an L{IMailStore}.
    @ivar users: an L{IAuthenticator}.
    @ivar default_domain: added to login names without one.
    @ivar login: policy and limits of logging in.
    @ivar connections: how many at the same time.
    """

    store: Any = field(validator=provides(IMailStore), kw_only=False)
    users: Any = field(validator=provides(IAuthenticator))
    default_domain: str | None = None
    login: LoginPolicy = LoginPolicy()
    limits: Limits = DEFAULT
    connections: ConnectionLimits = ConnectionLimits()
    _models: Models = field(factory=Models, init=False)

    def factory(self, site: Site, tls: Any = None, implicit_tls: bool = False) -> ConversationFactory:
        """
        Return what serves the clients of one port.

        @param tls: the context for STARTTLS; C{None} does not offer it.
        @param implicit_tls: the port's connections are TLS already.
        """
        login = Login(self.users, site, self.login, self.default_domain)
        spool = self.store.spool if IKeepsSpool.providedBy(self.store) else Spool()

        def build(address: str, port: int) -> IMAPConversation:
            conversation = IMAPConversation(site, implicit_tls)
            client = Client(site.new_id(), address, port, "imap")
            reader = Reader(conversation.inbox, self.limits)
            conversation.session = Session(
                conversation,
                reader,
                site,
                client,
                self.store,
                login,
                spool,
                VOCABULARY,
                self._models,
                self.limits,
                tls,
            )
            return conversation

        return ConversationFactory(
            site.clock, build, b"* BYE [UNAVAILABLE] Too many connections, try again later\r\n", self.connections
        )
