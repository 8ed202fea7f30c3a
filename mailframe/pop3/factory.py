"""POP3 as a value that users configure."""

from __future__ import annotations

from typing import Any

from attrs import define, field

from mailframe.auth.login import Login, LoginPolicy
from mailframe.hooks import Client
from mailframe.interfaces import IAuthenticator, IMailStore
from mailframe.net.listening import ConnectionLimits, ConversationFactory
from mailframe.pop3 import commands, transaction
from mailframe.pop3.limits import DEFAULT, Limits
from mailframe.pop3.protocol import POP3Conversation
from mailframe.pop3.reader import Reader
from mailframe.pop3.session import Session
from mailframe.site import Site, provides

COMMANDS = {command.keyword: command for command in (*commands.COMMANDS, *transaction.COMMANDS)}


@define(eq=False, kw_only=True)
class POP3:
    """
    Fetching mail (RFC 1939). APOP is not offered: it needs passwords that can be read.

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
    _locked: set[str] = field(factory=set, init=False)

    def factory(self, site: Site, tls: Any = None, implicit_tls: bool = False) -> ConversationFactory:
        """
        Return what serves the clients of one port.

        @param tls: the context for STLS; C{None} does not offer it.
        @param implicit_tls: the port's connections are TLS already.
        """
        login = Login(self.users, site, self.login, self.default_domain)

        def build(address: str, port: int) -> POP3Conversation:
            conversation = POP3Conversation(site, implicit_tls)
            client = Client(site.new_id(), address, port, "pop3")
            reader = Reader(conversation.inbox, self.limits.line)
            conversation.session = Session(
                conversation, reader, site, client, self.store, login, COMMANDS, self._locked, self.limits, tls
            )
            return conversation

        return ConversationFactory(
            site.clock, build, b"-ERR [SYS/TEMP] Too many connections, try again later\r\n", self.connections
        )
