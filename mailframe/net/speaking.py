"""What is said over a connection: it gathers, and is sent from here where that is possible.

Twisted's TCP transports keep what is written until the next turn of the reactor and ask the kernel to be told when they
may send, which for small answers costs more than sending them. Where nothing waits before them they are sent at once;
what the kernel does not take goes the ordinary way, and so does any trouble.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import Protocol

from mailframe.net.sockets import PLAIN_TCP

OUTBOX_OCTETS = 64 * 1024
"""Octets of answers that may gather before they are written."""


class Speaking(Protocol):
    """The half of a conversation that speaks."""

    # What Twisted gives is wider than ITransport: TCP, TLS and UNIX transports all pause, start TLS and abort.
    transport: Any

    # How all of them begin. As attributes of the class they cost a new connection nothing.
    _gone = False
    _out = b""  # what was written first and waits, nearly always alone
    _more: list[bytes] | None = None  # what was written behind it
    _more_octets = 0
    _is_plain = False
    _is_producer = False
    _send: Callable[[bytes], int] | None = None  # that of the socket, while nothing waits to be sent before

    @property
    def gone(self) -> bool:
        """Whether the client has gone."""
        return self._gone

    def write(self, data: bytes) -> None:
        """Give octets to the client, soon."""
        if self._out:
            self._gather(data)
        else:
            self._out = data
            if len(data) >= OUTBOX_OCTETS:
                self.flush()

    def _gather(self, data: bytes) -> None:
        if self._more is None:
            self._more, self._more_octets = [], 0
        self._more.append(data)
        self._more_octets += len(data)
        if len(self._out) + self._more_octets >= OUTBOX_OCTETS:
            self.flush()

    def flush(self) -> None:
        """Give what has gathered to the client now."""
        data = self._out
        if not data:
            return
        if self._more is not None:
            data, self._more = b"".join((data, *self._more)), None
        self._out = b""
        send = self._send or self._socket_send()
        if send is not None:
            try:
                sent = send(data)
            except OSError:
                sent = 0  # Twisted will see it again
            if sent == len(data):
                return
            data, self._send = data[sent:], None
        if not self._gone:
            self._hand_over(data)

    def _hand_over(self, data: bytes) -> None:
        if not self._is_producer:  # only who hands over can have handed over too much
            self._is_producer = True
            self.transport.registerProducer(self, True)
        self.transport.write(data)

    def _begin_speaking(self) -> None:
        """The connection is there."""
        self._is_plain = type(self.transport) in PLAIN_TCP

    def _leave_it_to_twisted(self) -> None:
        """From now on octets become TLS, or the connection is gone."""
        self._is_plain, self._send = False, None

    def _socket_send(self) -> Callable[[bytes], int] | None:
        """Return what sends octets from here, unless they must wait for others, or be left to Twisted."""
        transport = self.transport
        if self._is_plain and not (transport.dataBuffer or transport._tempDataBuffer):
            self._send = transport.socket.send
        return self._send
