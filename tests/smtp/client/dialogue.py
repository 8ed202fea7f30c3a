"""A client talks to a server whose every word is written down."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mailframe.net.outgoing import Outgoing
from mailframe.site import Site
from mailframe.smtp.client.limits import DEFAULT, ClientLimits
from mailframe.smtp.client.replies import ReplyReader
from mailframe.smtp.client.session import ClientSession
from mailframe.testing.transcript import Wire

_PAUSE = re.compile(r"--: ([0-9.]+) seconds")


async def no_goodbye(_outgoing: Outgoing) -> None:
    """Say nothing at the end."""


class Dialogue:
    """
    A connection to a server that follows a script.

    C{S: text} is what the server says, C{S> text} without a line end, C{C: text} what the client must say; C{S closes}
    and C{C closes} end it; C{--: 5 seconds} lets time pass.
    """

    def __init__(self, lmtp: bool = False, limits: ClientLimits = DEFAULT) -> None:
        self.clock = Clock()
        self.connection = Outgoing(Site("us.example", self.clock), no_goodbye, 1000.0)
        reader = ReplyReader(self.connection.inbox, limits.reply_line, limits.reply_lines)
        self.session = ClientSession(self.connection, reader, "mx.example", "us.example", lmtp, limits)
        self.wire = Wire()
        self.connection.makeConnection(self.wire)
        self.results: list[Any] = []
        self.unread = b""

    def begin(self, work: Callable[[], Awaitable[Any]]) -> Deferred[Any]:
        """Let the client do something; the outcome is added to C{results}."""
        done = self.connection.run(work)
        done.addBoth(self.results.append)
        return done

    def play(self, script: str) -> None:
        """Follow the script."""
        for line in filter(None, map(str.strip, script.splitlines())):
            self._step(line)
        assert self._said() == b"", f"the client said {self.unread!r} as well"

    def result(self) -> Any:
        """Return what the work came to, or raise what it raised."""
        assert len(self.results) == 1, f"it is not done once but {len(self.results)} times"
        [result] = self.results
        self.results.clear()
        if isinstance(result, Failure):
            result.raiseException()
        return result

    def _said(self) -> bytes:
        self.unread += self.wire.value()
        self.wire.clear()
        return self.unread

    def _step(self, line: str) -> None:
        if line == "S closes":
            self.connection.connectionLost(Failure(ConnectionDone()))
        elif line == "C closes":
            assert self.wire.disconnecting or self.wire.aborted, "the client goes on"
        elif pause := _PAUSE.fullmatch(line):
            self.clock.advance(float(pause[1]))
        elif line.startswith("S"):
            end = "" if line[1] == ">" else "\r\n"
            self.connection.dataReceived((line[3:] + end).encode("utf-8"))
        else:
            expected = line[3:].encode("utf-8").decode("unicode_escape").encode("latin-1") + b"\r\n"
            assert self._said().startswith(expected), f"{expected!r} was wanted, and {self.unread[:200]!r} was said"
            self.unread = self.unread[len(expected) :]
