"""One session with a server, as its client: hello, TLS, login, transactions. Knows no socket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from attrs import define, field

from mailframe.address import Address
from mailframe.hooks import Action, Delivery, Outcome, Retry
from mailframe.message.dotstuffing import Stuffing
from mailframe.net.conversation import ClientTooSlow, ConnectionGone, ConversationOver
from mailframe.smtp.client.limits import DEFAULT, ClientLimits
from mailframe.smtp.client.offers import Offers
from mailframe.smtp.client.outcomes import Stale, Unusable, ended, later, recipient_refused, refused
from mailframe.smtp.client.plan import Plan, plan
from mailframe.smtp.client.replies import BadReply, PeerReply, ReplyReader

T = TypeVar("T")

EAGER_OCTETS = 64 * 1024
"""
A message up to this size is sent in one piece, and without waiting for the replies to MAIL and RCPT where the server
allows it.
"""

Results = dict[Address, Outcome]


class _GaveUp(Exception):
    """The server refused the message while it was coming."""

    def __init__(self, reply: PeerReply) -> None:
        super().__init__(reply)
        self.reply = reply


class _CutShort(Exception):
    """There is less of the message, or more, than there should be: a fault of the disk."""


class Wire(Protocol):
    """The connection, as a session sees it."""

    def write(self, data: bytes) -> None:
        """Give octets to the server, soon."""

    def pull(self, parse: Callable[[], T | None], seconds: float) -> Awaitable[T]:
        """Wait until the reader makes something of the octets that came."""

    async def drained(self, seconds: float) -> None:
        """Wait until the server has read most of what was written."""


@define(eq=False)
class ClientSession:
    """
    @ivar peer: the server's name, for outcomes and reports.
    @ivar hostname: our own.
    @ivar lmtp: speak LMTP (RFC 2033).
    @ivar offers: what the server offers, once it was greeted.
    @ivar transactions: how many were made.
    @ivar over: no more can be asked of this server.
    """

    wire: Wire
    reader: ReplyReader
    peer: str
    hostname: str
    lmtp: bool = False
    limits: ClientLimits = DEFAULT
    offers: Offers = Offers()
    transactions: int = 0
    over: bool = False
    _open: bool = field(default=False, init=False)

    # --- beginning and end ----------------------------------------------------------------------------------------

    async def greet(self) -> None:
        """
        Wait for the greeting, and say hello.

        @raise Unusable: the server does not want to talk.
        """
        greeting = await self.asked(self.limits.greeting, "greeting")
        if greeting.code != 220:
            raise Unusable(later(greeting, self.peer, "4.3.2"))
        await self.hello()

    async def hello(self) -> None:
        """
        Say EHLO or LHLO, or HELO where that is not known; this is to be done again after TLS began.

        @raise Unusable: the server does not want to talk.
        """
        verb = "LHLO" if self.lmtp else "EHLO"
        reply = await self.command(f"{verb} {self.hostname}", self.limits.greeting)
        if reply.permanent and not self.lmtp:
            reply = await self.command(f"HELO {self.hostname}", self.limits.greeting)
            self.offers = Offers(reply.lines[0].partition(" ")[0].lower())
        else:
            self.offers = Offers.of(reply)
        if not reply.positive:
            raise Unusable(later(reply, self.peer, "4.3.2"))

    async def quit(self) -> None:
        """Say goodbye; that the server answers is of no interest."""
        self.over = True
        self.wire.write(b"QUIT\r\n")
        try:
            await self.wire.pull(self.reader.reply, self.limits.quit)
        except (BadReply, ConversationOver):
            return

    async def command(self, line: str, seconds: float) -> PeerReply:
        """
        Send one command and return the reply.

        @raise Unusable: there is none that makes sense.
        """
        self.wire.write(line.encode("utf-8") + b"\r\n")
        return await self.asked(seconds, line.partition(" ")[0])

    async def asked(self, seconds: float, what: str) -> PeerReply:
        """
        Wait for a reply.

        @param what: it is the reply to this, for the log.
        @raise Unusable: there is none that makes sense.
        """
        try:
            return await self._reply(seconds)
        except (BadReply, ConversationOver) as error:
            raise Unusable(self._lost(error, what)) from None

    async def _reply(self, seconds: float) -> PeerReply:
        reply = self.reader.reply()  # those to commands that were sent together often come together
        if reply is None:
            reply = await self.wire.pull(self.reader.reply, seconds)
        if reply.code == 421:  # it closes the connection, whatever it was asked (RFC 5321 3.8)
            self.over = True
        return reply

    def _lost(self, error: Exception, what: str) -> Retry:
        self.over = True
        if isinstance(error, BadReply):
            return Retry("4.5.0", f"{self.peer} does not speak SMTP: {error}", self.peer)
        if isinstance(error, ClientTooSlow):
            return Retry("4.4.2", f"{self.peer} did not answer in time ({what})", self.peer)
        return Retry("4.4.2", f"{self.peer} closed the connection ({what})", self.peer)

    # --- a transaction --------------------------------------------------------------------------------------------

    def plan(self, delivery: Delivery) -> Plan:
        """
        Return how a message goes to this server.

        @raise mailframe.smtp.client.plan.CannotCarry: it does not.
        """
        return plan(delivery, self.offers, self.peer, self.lmtp)

    async def transact(self, planned: Plan) -> Results:
        """
        Send a message.

        @return: an outcome for each recipient, whatever happened.
        @raise Stale: the connection was used before and is dead now; nothing was sent.
        """
        self.transactions += 1
        results: Results = {}
        try:
            await self._transact(planned, results)
        except _GaveUp as gave_up:
            self.over = True
            _rest(planned, results, refused(gave_up.reply, self.peer))
        except _CutShort:
            self.over = True  # with the message unfinished, the server forgets it
            _rest(planned, results, Retry("4.3.0", "The message cannot be read whole now"))
        except (BadReply, ConversationOver) as error:
            _rest(planned, results, self._lost(error, "message"))
        return results

    async def _transact(self, planned: Plan, results: Results) -> None:
        """Send a message, and record outcomes as they come."""
        eager = "PIPELINING" in self.offers
        commands = [*[b"RSET\r\n"] * self._open, planned.mail, *(line for _address, line in planned.rcpt)]
        small = _is_small(planned)
        inline = planned.chunked and small and not self.lmtp  # whose answer to a chunk for nobody is not defined
        if eager:
            self.wire.write(b"".join(commands))
            if inline:
                self.wire.write(_bdat(planned) + b"".join(planned.message.chunks()))
            elif not planned.chunked:
                self.wire.write(b"DATA\r\n")
        wanted = await self._envelope(planned, results, commands, eager)
        sent = eager and inline
        if not wanted and not (eager and (inline or not planned.chunked)):
            return  # nobody is left, and nothing is under way
        if planned.chunked:
            await self._chunks(planned, wanted, results, sent)
        else:
            await self._data(planned, wanted, results, eager)

    async def _envelope(self, planned: Plan, results: Results, commands: list[bytes], eager: bool) -> list[Address]:
        """Send the envelope, unless that was done, and return the recipients that are welcome."""
        left = iter(commands)
        mail = await self._mail(left, eager)
        if not mail.positive:  # that is what became of all, whatever the server makes of the rest
            _rest(planned, results, refused(mail, self.peer))
            for _rcpt in planned.rcpt if eager else ():
                await self._reply(self.limits.rcpt)
            return []
        wanted = []
        for address, _line in planned.rcpt:
            reply = await self._said(left, eager, self.limits.rcpt)
            if reply.positive:
                wanted.append(address)
            else:
                results[address] = recipient_refused(reply, self.peer)
        return wanted

    async def _mail(self, left: Iterator[bytes], eager: bool) -> PeerReply:
        """Return the reply to MAIL; a kept connection that does not give one had died before."""
        try:
            if self._open:
                await self._said(left, eager, self.limits.small)
            self._open = True
            mail = await self._said(left, eager, self.limits.mail)
        except ConnectionGone as error:
            if self.transactions > 1:
                raise Stale(self._lost(error, "MAIL")) from None
            raise
        if mail.code == 421 and self.transactions > 1:
            raise Stale(later(mail, self.peer, "4.3.2"))
        return mail

    async def _said(self, commands: Iterator[bytes], sent: bool, seconds: float) -> PeerReply:
        line = next(commands)
        if not sent:
            self.wire.write(line)
        return await self._reply(seconds)

    async def _data(self, planned: Plan, wanted: list[Address], results: Results, sent: bool) -> None:
        if not sent:
            self.wire.write(b"DATA\r\n")
        reply = await self._reply(self.limits.data)
        if reply.code != 354:
            for address in wanted:
                results[address] = refused(reply, self.peer) if reply.code >= 400 else later(reply, self.peer, "4.5.0")
            return
        if not wanted:  # it has said yes all the same: end what was begun with nothing in it (RFC 2920 3.1)
            self.wire.write(b".\r\n")
            await self._reply(self.limits.end)
            return
        stuffing = Stuffing(repair=True)
        await self._content(planned, stuffing.stuff)
        self.wire.write(stuffing.end())
        await self._ends(wanted, results)

    async def _chunks(self, planned: Plan, wanted: list[Address], results: Results, sent: bool) -> None:
        """Send a message as one chunk, however big: there is no reply to wait for on the way (RFC 3030 2)."""
        if not sent:
            self.wire.write(_bdat(planned))
            await self._content(planned, bytes)
        await self._ends(wanted, results)

    async def _content(self, planned: Plan, as_sent: Callable[[bytes], bytes]) -> None:
        """
        Send the octets of a message as fast as the server reads them.

        @raise _CutShort: there are more or fewer than there should be.
        """
        octets, small = 0, _is_small(planned)
        chunks: Iterable[bytes] = planned.message.chunks()
        if small:  # it goes in one piece with what ends it
            chunks = [b"".join(chunks)]
        for chunk in chunks:
            octets += len(chunk)
            if planned.size is not None and octets > planned.size:
                break
            self.wire.write(as_sent(chunk))
            if not small:
                await self._drained()
        if octets != planned.size and planned.size is not None:
            raise _CutShort

    async def _drained(self) -> None:
        try:
            await self.wire.drained(self.limits.block)
        except ConnectionGone:
            reply = self.reader.reply()  # it may have said why before it hung up
            if reply is None or reply.code < 400:
                raise
            raise _GaveUp(reply) from None

    async def _ends(self, wanted: list[Address], results: Results) -> None:
        """Read the reply to the end of the message; LMTP has one for each recipient (RFC 2033 4.2)."""
        # Where mail arrives by LMTP it stays; whoever knows DSN tells of that himself, or the sender is told twice.
        action = Action.DELIVERED if self.lmtp else Action.RELAYED
        action = Action.PASSED_ON if "DSN" in self.offers else action
        if not self.lmtp:
            reply = await self._reply(self.limits.end)
            self._open = self._open and not reply.positive
            results.update(dict.fromkeys(wanted, ended(reply, self.peer, action)))
            return
        for address in wanted:
            results[address] = ended(await self._reply(self.limits.end), self.peer, action)
        self._open = False


def _is_small(planned: Plan) -> bool:
    return planned.size is not None and planned.size <= EAGER_OCTETS


def _bdat(planned: Plan) -> bytes:
    assert planned.size is not None, "BDAT tells it first"
    return b"BDAT %d LAST\r\n" % planned.size


def _rest(planned: Plan, results: Results, outcome: Outcome) -> None:
    """Record what became of all recipients of whom nothing else is known."""
    for address, _line in planned.rcpt:
        results.setdefault(address, outcome)
