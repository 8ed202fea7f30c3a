"""Those who send mail to a test world's servers: an SMTP client on a machine of its own."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from email.message import EmailMessage
from functools import partial
from random import Random

from attrs import define, field

from mailframe.address import Address
from mailframe.delivery.exchangers import addresses
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Delivery, Outcome
from mailframe.interfaces import IResolver
from mailframe.mailauth.tls_policy import Level, TLSRequirement
from mailframe.mailauth.tls_results import PolicyType, PolicyUsed
from mailframe.net import connecting
from mailframe.site import TCP, Site, inline
from mailframe.smtp.client.login import Credentials
from mailframe.smtp.sending import Hop, Host, Sender
from mailframe.spool import Message
from mailframe.testing.memory_reactor import MemoryReactor
from mailframe.testing.network import Host as Place
from mailframe.testing.network import Network
from mailframe.testing.talking import Talk, call

_NEWLINE = re.compile(rb"\r?\n")


@define(eq=False)
class Outsider:
    """Somebody on a machine of their own."""

    network: Network
    host: Place
    resolver: IResolver
    random: Random
    _site: Site = field(init=False)

    @_site.default
    def _made(self) -> Site:
        reactor = MemoryReactor(self.network, self.host)
        return Site(self.host.name, reactor, inline, self.random.randbytes, self.resolver, connecting.by(reactor))

    async def send(
        self,
        sender: str,
        recipients: Collection[str],
        message: str | bytes | EmailMessage,
        to: str,
        *,
        port: int | None = None,
        login: tuple[str, str] | None = None,
        tls: Level = Level.MAY,
        implicit_tls: bool = False,
        lmtp: bool = False,
        notify: str = "",
        ret: str = "",
        envid: str = "",
        body: str = "",
        smtputf8: bool = False,
        require_tls: bool = False,
    ) -> Mapping[str, Outcome]:
        """
        Send a message.

        @param port: by default 25, 587 with a C{login}, 465 with C{implicit_tls}, 24 with C{lmtp}.
        @param login: user name and password.
        @param tls: C{Level.MAY} uses it where it is offered; whose certificate it is does not matter.
        @param notify: for the C{NOTIFY} of all recipients (RFC 3461), such as C{SUCCESS,FAILURE}.
        @param body: C{8BITMIME} or C{BINARYMIME}; by default what the message needs.
        """
        content = as_message(message)
        needed = "7BIT" if bytes(content).isascii() else "8BITMIME"
        wishes = frozenset(filter(None, notify.split(",")))
        to_whom = tuple(Recipient(Address.parse(each), wishes) for each in recipients)
        envelope = Envelope(
            Address.parse(sender) if sender else None,
            to_whom,
            body or needed,
            smtputf8=smtputf8,
            require_tls=require_tls,
            ret=ret or None,
            envid=envid or None,
        )
        where = port or (24 if lmtp else 465 if implicit_tls else 587 if login else 25)
        host = partial(self._host, to, where, tls)

        async def hosts() -> Sequence[Callable[[], Awaitable[Host]]]:
            return [host]

        hop = Hop("there", hosts, lmtp, implicit_tls, Credentials(*login) if login else None)
        client = Sender(self._site)
        try:
            outcomes = await client.send(Delivery("message", envelope, to_whom, content), hop)
        finally:
            await client.stop()
        return {str(each.address): outcomes[each.address] for each in to_whom}

    async def talk(self, to: str, port: int, talk: Talk, tls: bool) -> Talk:
        """Connect by hand."""
        return await call(self._site, await self._addresses(to), port, talk, tls)

    async def _addresses(self, name: str) -> Sequence[str]:
        """Return those that can be reached from here, if there are any."""
        every = await addresses(self.resolver, name)
        return [each for each in every if self.host.source_for(each)] or every

    async def _host(self, name: str, port: int, level: Level) -> Host:
        found = await self._addresses(name)
        used = PolicyUsed(PolicyType.NO_POLICY_FOUND, name)
        return Host(name, [TCP(each, port) for each in found], TLSRequirement(level, used, (name,)))


def as_message(value: str | bytes | EmailMessage) -> Message:
    """Return a message as it travels: with its header's end, and CRLF at each line's."""
    data = value.encode() if isinstance(value, str) else bytes(value)
    lines = _NEWLINE.sub(b"\r\n", data)
    if b"\r\n\r\n" not in lines and not lines.startswith(b"\r\n"):
        lines = lines.removesuffix(b"\r\n") + b"\r\n\r\n"
    return Message.from_bytes(lines)
