"""One SMTP session: what the client may do next, and whom we ask about it. Knows no socket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from attrs import define, field
from twisted.logger import Logger

from mailframe import status as codes
from mailframe.auth.login import Login
from mailframe.delivery.routes import Routes
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Client, ConnectEvent, Discard, Postpone, Reject, Target, Verdict
from mailframe.journal.events import Event
from mailframe.net.lines import LineTooLong
from mailframe.net.tls import TLSInfo
from mailframe.site import Site
from mailframe.smtp import replies
from mailframe.smtp.extension import Command, Vocabulary
from mailframe.smtp.grammar import BadSyntax, command
from mailframe.smtp.limits import DEFAULT
from mailframe.smtp.noting import consult, lasting, note_refusal
from mailframe.smtp.pace import Pace
from mailframe.smtp.reader import Reader
from mailframe.smtp.receiving import Arrival
from mailframe.smtp.replies import Refused, Reply, known_reply, reply
from mailframe.smtp.roles import Role
from mailframe.spool import Message, Spool

T = TypeVar("T")

_log = Logger()

NOT_IMPLEMENTED = frozenset({b"EXPN", b"SEND", b"SOML", b"SAML", b"TURN"})
"""Verbs of RFC 5321 and RFC 821 that we know and do not serve (RFC 5321 4.2.4)."""


class Wire(Protocol):
    """
    The connection, as a session sees it.

    @ivar busy: a message is half received: a server that stops waits for the rest of it.
    """

    busy: bool

    @property
    def tls(self) -> TLSInfo | None:
        """How the connection is protected."""

    def write(self, data: bytes) -> None:
        """Give octets to the client, soon."""

    def pull(self, parse: Callable[[], T | None], seconds: float) -> Awaitable[T]:
        """Wait until the reader makes something of the octets that came."""

    async def start_tls(self, context_factory: Any) -> None:
        """Begin TLS."""


@define(eq=False)
class Session:
    """
    @ivar role: the service and its hooks and limits.
    @ivar tls_context: for STARTTLS; C{None} does not offer it.
    @ivar login: the door for AUTH; C{None} does not offer it.
    @ivar queue: an L{mailframe.interfaces.IDeliveryQueue} for the recipients that a message could not be delivered to
        while it could to others; C{None} lets the client send it again.
    @ivar to_queue: the target for what goes to other servers.
    @ivar etrn_pace: how often ETRN is served, to all sessions together.
    @ivar greeted: the client has said HELO, EHLO or LHLO.
    @ivar extended: it was EHLO or LHLO.
    @ivar envelope: of the transaction under way, without recipients: they are collected in C{targets}.
    @ivar targets: where each accepted recipient's mail will go.
    @ivar arrival: the message that is half received.
    @ivar discards: a hook wants the mail of this transaction thrown away.
    @ivar discards_all: a hook wants all mail of this connection thrown away.
    @ivar notes: for the journal, what was noted of the transaction under way.
    @ivar errors: wrong commands since the last message that was taken.
    @ivar idle: commands since the last message that was taken.
    """

    wire: Wire
    reader: Reader
    site: Site
    client: Client
    role: Role
    routes: Routes
    spool: Spool
    vocabulary: Vocabulary
    tls_context: Any = None
    login: Login | None = None
    queue: Any = None
    to_queue: Any = None
    etrn_pace: Pace = field(factory=lambda: Pace(DEFAULT.etrn_seconds))
    greeted: bool = False
    extended: bool = False
    envelope: Envelope | None = None
    targets: list[tuple[Recipient, Target]] = field(factory=list)
    arrival: Arrival | None = None
    discards: bool = False
    discards_all: bool = False
    notes: list[Event] = field(factory=list)
    over: bool = False
    errors: int = 0
    idle: int = 0
    unknown_recipients: int = 0
    transactions: int = 0

    # --- the conversation -----------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Serve the client from the greeting to the end."""
        limits, pull, read = self.role.limits, self.wire.pull, self.reader.line
        try:
            await self._greet()
            while not self.over:
                try:
                    line = await pull(read, limits.command_seconds)
                except LineTooLong:
                    self.answer(replies.LINE_TOO_LONG)
                    continue
                self.idle += 1
                if self.idle > limits.commands:
                    self.end(replies.TOO_MANY_COMMANDS)
                    break
                try:
                    verb, argument = command(line)
                except BadSyntax as problem:
                    self.answer(reply(500, codes.SYNTAX, str(problem)))
                    continue
                try:
                    await self._known(verb, argument).run(self, argument)
                except BadSyntax as problem:
                    self._refuse(verb, argument, reply(501, codes.SYNTAX, str(problem)))
                except Refused as refused:
                    self._refuse(verb, argument, refused.reply)
        finally:
            self.reset()

    async def _greet(self) -> None:
        verdict = None
        if self.role.at_connect:
            verdict = await consult(self, "connect", self.role.at_connect, ConnectEvent(self.client))
        if isinstance(verdict, Reject):
            self.end(reply(554, verdict.status, verdict.text))
        elif isinstance(verdict, Postpone):
            self.end(reply(421, verdict.status, verdict.text))
        else:
            self.discards_all = isinstance(verdict, Discard)
            self.answer(known_reply(220, "", f"{self.site.hostname} {self.role.protocol} mailframe"))

    def _known(self, verb: bytes, argument: bytes) -> Command:
        known = self.vocabulary.commands.get(verb)
        if known is None:
            raise Refused(replies.NOT_IMPLEMENTED if verb in NOT_IMPLEMENTED else replies.UNKNOWN_COMMAND)
        if argument and not known.argument:
            raise Refused(replies.NO_ARGUMENT)
        if known.greeted and not self.greeted:
            raise Refused(replies.HELLO_FIRST)
        return known

    def _refuse(self, verb: bytes, argument: bytes, answer: Reply) -> None:
        note_refusal(self, verb, argument, answer)
        _log.info(
            "{session} {client} {verb} refused: {code} {status} {text}",
            session=self.client.session,
            client=self.client.address,
            verb=verb.decode("ascii"),
            code=answer.code,
            status=answer.status,
            text=answer.lines[0],
        )
        self.answer(answer)

    def answer(self, answer: Reply) -> None:
        """Tell the client; too many mistakes end the session."""
        self.wire.write(answer.encoded)
        if answer.code >= 500 and answer.is_mistake:
            self.errors += 1
            if self.errors >= self.role.limits.errors and not self.over:
                self.end(replies.TOO_MANY_ERRORS)

    def end(self, answer: Reply) -> None:
        """Tell the client, and end the session."""
        self.wire.write(answer.encoded)
        self.over = True

    # --- for the commands -----------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Forget the transaction (RFC 5321 4.1.1.5)."""
        self.envelope = None
        self.targets = []
        self.discards = False
        if self.notes:
            self.notes = lasting(self.notes)
        if self.arrival is not None:
            self.arrival.abort()
            self.arrival = None
            self.wire.busy = False

    def begin_message(self) -> Arrival:
        """A message begins to come: a server that stops waits for its end."""
        binary = self.envelope is not None and self.envelope.body == "BINARYMIME"
        self.wire.busy = True
        self.arrival = Arrival(self.client.session, self.reader, self.role, self.spool.begin(), binary)
        return self.arrival

    def end_message(self) -> Message | Reply:
        """All of the message has come; return it, or why it is none."""
        assert self.arrival is not None
        arrival, self.arrival = self.arrival, None
        self.wire.busy = False
        return arrival.finish()

    def taken(self) -> None:
        """A message was taken: who brings mail may make new mistakes."""
        self.errors = self.idle = 0

    def forget_all(self) -> None:
        """Forget all that was said in plain text (RFC 3207 4.2)."""
        self.reset()
        self.greeted = self.extended = False
        self.client.helo = ""
        self.client.identity = None

    def complete_envelope(self) -> Envelope:
        """Return the envelope with the recipients that were accepted so far."""
        assert self.envelope is not None
        return self.envelope.to(tuple([recipient for recipient, _target in self.targets]))


def refuse(verdict: Verdict | None) -> bool:
    """
    Turn a verdict into a reply; only the one at connect is turned elsewhere.

    @return: whether the mail is to be thrown away.
    @raise Refused: the verdict is a refusal.
    """
    if isinstance(verdict, Reject):
        raise Refused(reply(550, verdict.status, verdict.text))
    if isinstance(verdict, Postpone):
        raise Refused(reply(451, verdict.status, verdict.text))
    return isinstance(verdict, Discard)
