"""SMTP servers of a test world that do what a script says: others' servers, in all the ways in which they fail.

::

    grey = Scripted(RCPT=["451 4.7.1 Come back later", "250 2.1.5 OK"])
    world.start(Server("mx.example.org", listen=[("tcp:25", grey)]))

A script has a list of answers for each word: C{GREETING}, the verbs, C{TLS} for what happens after the reply to
STARTTLS, C{END} for the end of a message. The answers are given one after the other, the last one for ever; for what
the script does not have there is a friendly one. An answer is a reply, an L{Act}, several of both, or a function of the
L{Heard} command that returns one of these.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure

from mailframe.site import Site
from mailframe.spool import Message

OFFERS = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 50000000")
"""What a scripted server says to EHLO; and STARTTLS, when it has certificates."""


class Act(enum.Enum):
    """What a server may do instead of answering."""

    HANG = "hang"
    """Say nothing any more, and keep the connection."""
    STALL = "stall"
    """Say nothing any more, and read nothing either."""
    CLOSE = "close"
    """Close the connection."""
    RESET = "reset"
    """Break the connection."""
    GARBAGE = "garbage"
    """Say what is no SMTP, and no TLS."""


@frozen
class Heard:
    """
    A command that a scripted server has heard.

    @ivar time: when, seconds since the epoch.
    @ivar connection: the number of the connection, from 1.
    @ivar peer: the client's IP address.
    @ivar line: the command without its line end; the message itself is none.
    @ivar sender: of the message that is being sent, with its brackets.
    """

    time: float
    connection: int
    peer: str
    line: str
    sender: str = ""


@frozen(eq=False)
class Taken:
    """
    A message that a scripted server has got whole and not refused, whether the client was told so or not.

    @ivar time: when, seconds since the epoch.
    @ivar sender: the argument of MAIL, with its parameters; so are the recipients those of RCPT.
    @ivar tls: whether it came over TLS.
    """

    time: float
    sender: str
    recipients: tuple[str, ...]
    message: Message
    tls: bool


Answer: TypeAlias = "str | Act | tuple[str | Act, ...]"
Line: TypeAlias = "Answer | Callable[[Heard], Answer]"

_FRIENDLY: Mapping[str, Answer] = {
    "DATA": "354 Go on",
    "END": "250 2.0.0 Taken",
    "GREETING": "220 mx ESMTP",
    "QUIT": ("221 2.0.0 Bye", Act.CLOSE),
    "STARTTLS": "220 2.0.0 Go on",
    "TLS": (),
}
_OK = "250 2.0.0 OK"
_WORDS = frozenset({*_FRIENDLY, "EHLO", "HELO", "MAIL", "RCPT", "RSET", "NOOP", "AUTH", "VRFY"})


class Scripted:
    """
    A server's service, for C{listen}.

    @ivar heard: all commands, of all connections.
    @ivar taken: all messages.
    @ivar connections: how many there were.
    """

    def __init__(self, offers: Sequence[str] = OFFERS, **script: Sequence[Line]) -> None:
        """
        @param offers: for EHLO; STARTTLS comes by itself.
        @param script: answers by word.
        """
        unknown = set(script) - _WORDS
        if unknown or any(isinstance(answers, str) or not answers for answers in script.values()):
            raise ValueError(f"a script has lists of answers, for {', '.join(sorted(_WORDS))}")
        self.offers = tuple(offers)
        self.script = script
        self.heard: list[Heard] = []
        self.taken: list[Taken] = []
        self.connections = 0
        self._turns: dict[str, int] = {}

    def answer(self, word: str, heard: Heard) -> Sequence[str | Act]:
        """Return what the script says now."""
        answers = self.script.get(word, (_FRIENDLY.get(word, _OK),))
        turn = self._turns[word] = self._turns.get(word, 0) + 1
        said = answers[min(turn, len(answers)) - 1]
        if callable(said):
            said = said(heard)
        return said if isinstance(said, tuple) else (said,)

    def factory(self, site: Site, tls: Any = None, implicit_tls: bool = False) -> ScriptedFactory:
        """Return what serves a port."""
        return ScriptedFactory(self, site.clock, tls, implicit_tls)


class ScriptedFactory(ServerFactory):
    """Serves the clients of a scripted server."""

    noisy = False

    def __init__(self, service: Scripted, clock: IReactorTime, tls: Any, implicit_tls: bool) -> None:
        self.service = service
        self.clock = clock
        self.tls = tls
        self.implicit_tls = implicit_tls
        self.clients: dict[ScriptedSession, None] = {}

    def buildProtocol(self, addr: Any) -> ScriptedSession:
        """Serve one more."""
        self.service.connections += 1
        return ScriptedSession(self, self.service.connections, getattr(addr, "host", ""))

    def stop(self, _seconds: float) -> Deferred[None]:
        """End all connections at once."""
        for client in list(self.clients):
            client.transport.abortConnection()
        return succeed(None)


@define
class _Transaction:
    sender: str = ""
    recipients: list[str] = field(factory=list)
    data: bytes = b""


class ScriptedSession(LineReceiver):
    """One connection."""

    transport: Any

    def __init__(self, factory: ScriptedFactory, number: int, peer: str) -> None:
        self.of = factory
        self.number = number
        self.peer = peer
        self.tls = factory.implicit_tls
        self.mute = False
        self.transaction = _Transaction()

    def connectionMade(self) -> None:
        """Greet."""
        self.of.clients[self] = None
        self.say("GREETING", "")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Forget it."""
        del self.of.clients[self]

    def lineReceived(self, line: bytes) -> None:
        """Obey a command."""
        if self.mute:
            return
        text = line.decode("utf-8", "replace")
        word, _space, argument = text.partition(" ")
        said = self.say(word.upper(), text)
        if not said.startswith(("2", "3")):
            return
        match word.upper():
            case "MAIL":
                self.transaction = _Transaction(argument.partition(":")[2])
            case "RCPT":
                self.transaction.recipients.append(argument.partition(":")[2])
            case "RSET":
                self.transaction = _Transaction()
            case "DATA":
                self.setRawMode()
            case "STARTTLS":
                self.begin_tls()

    def rawDataReceived(self, data: bytes) -> None:
        """Take a message, up to its end."""
        transaction = self.transaction
        transaction.data += data
        whole = b"\r\n" + transaction.data
        end = whole.find(b"\r\n.\r\n")
        if self.mute or end < 0:
            return
        message = Message.from_bytes(whole[: end + 2].replace(b"\r\n..", b"\r\n.")[2:])
        said = self.say("END", ".")
        if not said.startswith(("4", "5")):
            of, self.transaction = transaction, _Transaction()
            now = self.of.clock.seconds()
            self.of.service.taken.append(Taken(now, of.sender, tuple(of.recipients), message, self.tls))
        self.setLineMode(whole[end + 5 :])

    def begin_tls(self) -> None:
        """Begin TLS, or whatever the script says; without certificates there is none."""
        for act in self.of.service.answer("TLS", self.as_heard("")):
            self.do(act)
        if self.mute or self.of.tls is None:
            return
        self.transport.startTLS(self.of.tls)
        self.tls = True

    # --- saying something -----------------------------------------------------------------------------------------

    def say(self, word: str, line: str) -> str:
        """Answer a command, and return the first reply; empty when there is none."""
        heard = self.as_heard(line)
        if line:
            self.of.service.heard.append(heard)
        answer = self.of.service.answer(word, heard)
        if word == "EHLO" and answer == (_OK,):
            answer = (self.hello(),)
        elif word == "DATA" and not self.transaction.recipients:
            answer = ("503 5.5.1 No recipients",)
        for act in answer:
            self.do(act)
        return next((each for each in answer if isinstance(each, str)), "")

    def as_heard(self, line: str) -> Heard:
        """Return a command with all that is known."""
        return Heard(self.of.clock.seconds(), self.number, self.peer, line, self.transaction.sender)

    def hello(self) -> str:
        """Return the reply to EHLO."""
        starttls = ["STARTTLS"] if self.offers_tls and not self.tls else []
        *lines, last = ["mx", *self.of.service.offers, *starttls]
        return "".join(f"250-{line}\r\n" for line in lines) + f"250 {last}"

    @property
    def offers_tls(self) -> bool:
        """Whether it has certificates, or a script that says how TLS fails."""
        return self.of.tls is not None or bool({"STARTTLS", "TLS"} & set(self.of.service.script))

    def do(self, act: str | Act) -> None:
        """Do one thing, unless the connection is over."""
        if self.mute:
            return
        self.mute = isinstance(act, Act)
        match act:
            case Act.HANG:
                pass
            case Act.STALL:
                self.transport.pauseProducing()
            case Act.CLOSE:
                self.transport.loseConnection()
            case Act.RESET:
                self.transport.abortConnection()
            case Act.GARBAGE:
                self.transport.write(b"\x15\x03\x00 this is no TLS\r\n")
                self.transport.loseConnection()
            case _:
                self.transport.write(act.encode() + b"\r\n")


def greylists(
    seconds: float = 300.0, reply: str = "451 4.7.1 Greylisted, try again later"
) -> Callable[[Heard], Answer]:
    """
    Return an answer to RCPT: no to each client, sender and recipient that is new, and yes after a while.

    @param seconds: how long it says no after the first time.
    """
    first: dict[tuple[str, str, str], float] = {}

    def answer(heard: Heard) -> Answer:
        began = first.setdefault((heard.peer, heard.sender, heard.line), heard.time)
        return "250 2.1.5 OK" if heard.time - began >= seconds else reply

    return answer
