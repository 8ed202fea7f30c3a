"""An SMTP server in memory that notes what it hears and takes, for runners on a virtual clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from mailframe.site import TCP, UNIX

_RCPT = re.compile(rb"RCPT TO:<([^>]*)>", re.IGNORECASE)


@frozen
class Heard:
    """A command has come, and is not answered yet."""

    verb: str


@frozen
class Took:
    """A message is the server's now, for one recipient; the answer is not given yet."""

    recipient: str
    data: bytes = field(repr=False)


@define(eq=False)
class Sink:
    """
    @ivar clock: everything it says comes a turn later.
    @ivar note: is told of each L{Heard} and L{Took}, before the answer.
    @ivar pipelining: whether it offers that.
    @ivar replies: what it answers to RCPT, by the local part, one after the other; then C{250}.
    @ivar cuts: local parts for whom it takes a message and hangs up instead of answering, so many times.
    """

    clock: Clock
    note: Callable[[Any], None]
    pipelining: bool = True
    replies: dict[str, list[str]] = field(factory=dict)
    cuts: dict[str, int] = field(factory=dict)
    connections: int = 0

    def connect(self, _peer: TCP | UNIX, factory: Any, _seconds: float, /) -> Deferred[Any]:
        """Be a site's way to other servers."""
        self.connections += 1
        protocol = factory.buildProtocol(None)
        _Connection(self, protocol)
        return succeed(protocol)


class _Connection(StringTransport):
    """One client's connection, seen as its transport: what is written to it is heard by the server."""

    def __init__(self, sink: Sink, client: Any) -> None:
        super().__init__()
        self.sink, self.client = sink, client
        self.heard = b""
        self.recipients: list[str] = []
        self.in_data = self.gone = False
        self.soon(client.makeConnection, self)
        self.say("220 sink")

    def soon(self, call: Callable[..., Any], *args: Any) -> None:
        self.sink.clock.callLater(0, call, *args)

    def say(self, *lines: str) -> None:
        parts = [line[:3] + "-" + line[4:] for line in lines[:-1]] + [lines[-1]]
        self.soon(self.hear, "".join(f"{line}\r\n" for line in parts).encode())

    def hear(self, data: bytes) -> None:
        if not self.gone:
            self.client.dataReceived(data)

    def write(self, data: bytes) -> None:
        self.heard += data
        self.soon(self.go_on)

    def go_on(self) -> None:
        """Answer all that is whole."""
        while not self.gone:
            line, end, rest = self.heard.partition(b"\r\n.\r\n" if self.in_data else b"\r\n")
            if not end:
                return
            self.heard = rest
            (self.take if self.in_data else self.answer)(line)

    def answer(self, line: bytes) -> None:
        verb = line.partition(b" ")[0].decode().upper()
        self.sink.note(Heard(verb))
        if verb == "EHLO":
            self.say(*["250 sink", "250 PIPELINING"][: 1 + self.sink.pipelining])
        elif verb == "RCPT":
            self.recipient(line)
        elif verb == "DATA":
            self.in_data = bool(self.recipients)
            self.say("354 go on" if self.recipients else "554 for whom?")
        else:
            self.recipients.clear()
            self.say("221 bye" if verb == "QUIT" else "250 OK")

    def recipient(self, line: bytes) -> None:
        found = _RCPT.match(line)
        assert found is not None, line
        address = found[1].decode()
        left = self.sink.replies.get(address.partition("@")[0], [])
        reply = left.pop(0) if left else "250 OK"
        if reply.startswith("2"):
            self.recipients.append(address)
        self.say(reply)

    def take(self, data: bytes) -> None:
        self.in_data = False
        for address in self.recipients:
            self.sink.note(Took(address, data))
        names = [address.partition("@")[0] for address in self.recipients]
        self.recipients = []
        for name in names:
            if self.sink.cuts.get(name, 0):
                self.sink.cuts[name] -= 1
                self.abortConnection()
                return
        self.say("250 taken")

    def loseConnection(self) -> None:
        self.abortConnection()

    def abortConnection(self) -> None:
        if not self.gone:
            self.gone = True
            self.soon(self.client.connectionLost, Failure(ConnectionDone()))
