r"""Protocol tests that read like the examples in RFCs: C{C:} sends a line, C{S:} demands one.

::

    C: NOOP
    S: 250 2.0.0 OK
    --: 5 minutes
    S: 421 ...
    S closes

With several clients the prefixes are C{C1:}, C{S1:}, C{C2:} and so on; a client connects when it is first named.
C{...} in a demand matches anything within the line, C{C>} sends without a line end, C{C closes} ends the client's
side, C{--: 90 seconds} lets virtual time pass. Lines that start with C{#} are remarks. Sent text is UTF-8.
All that the server says must be demanded: output nobody reads fails the test, and so does output that is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

_STEP = re.compile(r"(?P<who>[CS])(?P<number>\d*)(?:(?P<how>[:>]) ?(?P<text>.*)|(?P<closes> closes))")
_PAUSE = re.compile(r"--: (\d+(?:\.\d+)?) (second|minute|hour|day)s?")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


class _FakeTLS:
    """Stands for the OpenSSL connection behind a protected transport."""

    def get_protocol_version_name(self) -> str:
        return "TLSv1.3"

    def get_cipher_name(self) -> str:
        return "TLS_AES_256_GCM_SHA384"

    def get_servername(self) -> None:
        return None


class Wire(StringTransport):
    """An in-memory transport that can start TLS, in name only."""

    def __init__(self, peer: str = "192.0.2.7", tls: bool = False) -> None:
        super().__init__(IPv4Address("TCP", "198.51.100.1", 25), IPv4Address("TCP", peer, 50000))
        self.handle: _FakeTLS | None = _FakeTLS() if tls else None
        self.aborted = False

    def startTLS(self, context_factory: Any) -> None:
        """From now on it looks protected."""
        self.handle = _FakeTLS()

    def getHandle(self) -> _FakeTLS | None:
        """What L{mailframe.net.tls.tls_info} looks at."""
        return self.handle

    def abortConnection(self) -> None:
        """The server cuts the connection."""
        self.aborted = True
        super().abortConnection()


@define
class _Line:
    """One client of a transcript."""

    protocol: IProtocol
    wire: Wire
    unread: bytes = b""
    closed: bool = False

    def collect(self) -> None:
        self.unread += self.wire.value()
        self.wire.clear()
        if self.wire.disconnecting and not self.closed:
            self.close()

    def close(self) -> None:
        self.closed = True
        self.protocol.connectionLost(Failure(ConnectionDone()))


@define
class Transcript:
    """
    Plays transcripts against a server's protocols.

    @ivar build: makes the protocol for a new connection, as a factory's C{buildProtocol} does.
    @ivar clock: the server's.
    @ivar wire: makes the transport for a new connection.
    """

    build: Callable[[], IProtocol]
    clock: Clock = field(factory=Clock)
    wire: Callable[[], Wire] = Wire
    clients: dict[str, _Line] = field(factory=dict, init=False)

    def play(self, text: str) -> None:
        """
        Play one transcript; clients stay connected, so a test may play several, and look at things in between.

        @raise AssertionError: the server said something else, or nothing, or more.
        @raise ValueError: a line of the transcript is none.
        """
        for raw in text.strip("\n").splitlines():
            line = raw.strip()
            if line and not line.startswith("#"):
                self._step(line)
        for number, client in self.clients.items():
            client.collect()
            assert not client.unread, f"nobody demanded what the server told client {number or 1}: {client.unread!r}"

    def _step(self, line: str) -> None:
        if pause := _PAUSE.fullmatch(line):
            self.clock.pump([float(pause[1]) * _SECONDS[pause[2]] / 10] * 10)
            return
        step = _STEP.fullmatch(line)
        if step is None:
            raise ValueError(f"a transcript has no line like {line!r}")
        if step["who"] == "S" and step["how"] == ">":
            raise ValueError(f"{line!r}: only clients can send half a line; demand a whole one with S:")
        client = self._client(step["number"])
        if step["who"] == "C":
            self._send(client, step)
        elif step["closes"]:
            client.collect()
            assert client.wire.disconnecting, "the server did not close"
        else:
            self._demand(client, step["text"])

    def _client(self, number: str) -> _Line:
        if number not in self.clients:
            client = self.clients[number] = _Line(self.build(), self.wire())
            client.protocol.makeConnection(client.wire)
        return self.clients[number]

    def _send(self, client: _Line, step: re.Match[str]) -> None:
        if step["closes"]:
            client.close()
            return
        assert not client.wire.disconnecting, f"the server has closed before {step[0]!r}"
        client.protocol.dataReceived(step["text"].encode() + (b"\r\n" if step["how"] == ":" else b""))
        self.clock.advance(0)

    def _demand(self, client: _Line, text: str) -> None:
        self.clock.advance(0)
        client.collect()
        said, end, rest = client.unread.partition(b"\r\n")
        assert end, f"the server did not say {text!r}, but {client.unread!r}"
        pattern = ".*".join(re.escape(piece) for piece in text.split("..."))
        shown = said.decode("utf-8", "surrogateescape")
        assert re.fullmatch(pattern, shown, re.DOTALL), f"the server said {shown!r}, not {text!r}"
        client.unread = rest
