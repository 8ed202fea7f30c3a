"""Sockets of a test world: what Twisted's TCP transports ask of a socket, over a network in memory.

The transports themselves are Twisted's own, so what is tested is what runs: half-closed connections, full buffers,
aborts, TLS begun on a connection, happy eyeballs.
"""

from __future__ import annotations

import errno
import os
import socket
from collections import deque
from typing import Any, TypeAlias

from attrs import define, field

from mailframe.testing.network import Host, Network, Pipe

WINDOW = 128 * 1024
"""Octets that are sent and not read yet, before nothing more can be sent."""

_EVERY, _LOOPBACK = frozenset({"0.0.0.0", "::"}), frozenset({"127.0.0.1", "::1"})

Address: TypeAlias = tuple[Any, ...]
"""As Python's sockets have it: host and port, and two zeros for IPv6."""


def _failed(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@define(eq=False)
class MemorySocket:
    """
    A stream socket; it never blocks.

    @ivar backlog: of a listening one, connections that nobody has accepted yet.
    """

    network: Network
    host: Host
    family: int
    local: tuple[str, int] = ("", 0)
    remote: tuple[str, int] = ("", 0)
    backlog: deque[MemorySocket] = field(factory=deque, init=False)
    connected: bool = field(default=False, init=False)
    closed: bool = field(default=False, init=False)
    _listening: bool = field(default=False, init=False)
    _connecting: bool = field(default=False, init=False)
    _peer: MemorySocket | None = field(default=None, init=False)
    _pipe: Pipe | None = field(default=None, init=False)
    _received: bytearray = field(factory=bytearray, init=False)
    _unread: int = field(default=0, init=False)
    _ended: bool = field(default=False, init=False)
    _said_end: bool = field(default=False, init=False)
    _error: int = field(default=0, init=False)
    _abort: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.host.sockets[self] = None

    # --- for the reactor ------------------------------------------------------------------------------------------

    @property
    def readable(self) -> bool:
        """Whether C{recv} or C{accept} has something to say."""
        if self._listening:
            return bool(self.backlog) and not self.network.hangs(self.host)
        return bool(self._received or self._ended or self._error)

    @property
    def writable(self) -> bool:
        """Whether C{send} would take something, or fail."""
        return bool(self._error) or (self.connected and self._unread < WINDOW)

    # --- as Python's sockets have it ------------------------------------------------------------------------------

    def fileno(self) -> int:
        """It has no descriptor."""
        return -1

    def setblocking(self, _blocking: bool) -> None:
        """It never blocks."""

    def setsockopt(self, _level: int, option: int, value: Any) -> None:
        """Only how C{close} ends the connection matters."""
        if option == socket.SO_LINGER:
            self._abort = True

    def getsockopt(self, _level: int, option: int) -> int:
        """Return the error, once, as SO_ERROR does."""
        if option != socket.SO_ERROR or self.connected:
            return 0
        error, self._error = self._error, 0
        return error

    def getsockname(self) -> Address:
        """Return our end."""
        return self._address(*self.local)

    def getpeername(self) -> Address:
        """Return the other end."""
        return self._address(*self.remote)

    def bind(self, address: Address) -> None:
        """
        Take an address of this host, or all, and a port.

        @raise OSError: it is not ours, or taken.
        """
        name, port = address[0] or "0.0.0.0", address[1] or self.host.new_port()
        if name not in _EVERY | _LOOPBACK and name not in self.host.addresses:
            raise _failed(errno.EADDRNOTAVAIL)
        taken = {other for other, number in self.host.listening if number == port}
        if name in taken or taken & _EVERY or (taken and name in _EVERY):
            raise _failed(errno.EADDRINUSE)
        self.local = (name, port)

    def listen(self, _backlog: int) -> None:
        """Let others connect."""
        self._listening = True
        self.host.listening[self.local] = self

    def accept(self) -> tuple[MemorySocket, Address]:
        """Return a connection, and where it comes from."""
        if not self.readable:
            raise _failed(errno.EWOULDBLOCK)
        accepted = self.backlog.popleft()
        return accepted, accepted.getpeername()

    def connect_ex(self, address: Address) -> int:
        """Begin to connect; called again, tell how it goes."""
        if self.connected:
            return errno.EISCONN
        if self._connecting:
            return errno.EALREADY
        source = self.local[0] or self.host.source_for(address[0])
        if source is None:
            return errno.ENETUNREACH
        self.local, self.remote = (source, self.local[1] or self.host.new_port()), (address[0], address[1])
        self._connecting = True
        self.network.note(f"{self.host.name} connects to {address[0]} port {address[1]}")
        target = self.network.host_of(self.host, address[0])
        if target is not None:  # otherwise nobody will ever answer
            self._pipe = Pipe(self.network, self.host, target)
            self._pipe.send(lambda: self._knock(target))
        return errno.EINPROGRESS

    def recv(self, size: int) -> bytes:
        """Return octets that came; none at the end."""
        if self._received:
            data = bytes(self._received[:size])
            del self._received[:size]
            assert self._peer is not None, "octets come from somewhere"
            self._peer.read(len(data))
            return data
        if self._error:
            raise _failed(self._error)
        if self._ended:
            return b""
        raise _failed(errno.EWOULDBLOCK)

    def send(self, data: Any) -> int:
        """Send octets, as many as there is room for."""
        if self._error or self._said_end or not self.connected:
            raise _failed(self._error or errno.EPIPE)
        piece = bytes(data[: WINDOW - self._unread])
        if not piece and len(data):
            raise _failed(errno.EWOULDBLOCK)
        self._unread += len(piece)
        peer, pipe = self._peer, self._pipe
        assert peer is not None, "a connection has two ends"
        assert pipe is not None, "and a way from one to the other"
        pipe.send(lambda: peer.arrived(piece))
        return len(piece)

    def shutdown(self, how: int) -> None:
        """Send no more."""
        if not self.connected:
            raise _failed(errno.ENOTCONN)
        if how != socket.SHUT_RD:
            self._say_end()

    def close(self) -> None:
        """End it, with a reset if there is something that nobody will read."""
        if self.closed:
            return
        self.closed = True
        self.host.sockets.pop(self, None)
        if self._listening:
            del self.host.listening[self.local]
            for each in self.backlog:
                each.broken()
        elif self.connected and (self._abort or self._received):
            self._send_reset()
        elif self.connected:
            self._say_end()
        self._connecting = False

    # --- what comes from the other end ----------------------------------------------------------------------------

    def _knock(self, target: Host) -> None:
        """At the other host: see who listens."""
        listener = target.listener(*self.remote)
        back = Pipe(self.network, target, self.host)
        if listener is None or self.network.refuses(target):
            back.send(lambda: self._fail(errno.ECONNREFUSED))
            return
        family = listener.family
        accepted = MemorySocket(self.network, target, family, self.remote, self._as_seen_by(family))
        accepted.connected, accepted._peer, accepted._pipe = True, self, back
        back.send(lambda: self._established(accepted))
        listener.backlog.append(accepted)
        target.look()

    def _as_seen_by(self, family: int) -> tuple[str, int]:
        """A socket for IPv6 shows clients of IPv4 as mapped addresses."""
        name, port = self.local
        mapped = family == socket.AF_INET6 and ":" not in name
        return (f"::ffff:{name}" if mapped else name), port

    def _established(self, peer: MemorySocket) -> None:
        self._peer = peer
        if self.closed:
            self._send_reset()
            return
        self.connected, self._connecting = True, False
        self.host.look()

    def _fail(self, error: int) -> None:
        """What was begun has failed, or what stood is broken."""
        if self.closed or (self._ended and self._said_end):
            return
        if error == errno.ECONNREFUSED:
            self.network.note(f"{self.remote[0]} refuses {self.host.name}")
        self._error = error
        self.host.look()

    def arrived(self, data: bytes) -> None:
        """Octets have come."""
        if self.network.breaks_now():
            self.network.note(f"the connection of {self.local[0]} and {self.remote[0]} breaks")
            self.broken()
        elif self.closed:
            self._send_reset()
        elif not self._error:
            self._received += data
            self.host.look()

    def ended(self) -> None:
        """The other end sends no more."""
        self._ended = True
        self.host.look()

    def read(self, size: int) -> None:
        """The other end has read octets, and there is room for others."""
        self._unread -= size
        self.host.look()

    def broken(self) -> None:
        """The connection is gone at both ends."""
        for each in (self, self._peer):
            if each is not None:
                each._fail(errno.ECONNRESET)

    def _say_end(self) -> None:
        if not self._said_end and self._peer is not None and self._pipe is not None and not self._error:
            self._said_end = True
            self._pipe.send(self._peer.ended)

    def _send_reset(self) -> None:
        peer, pipe = self._peer, self._pipe
        assert peer is not None, "a connection has two ends"
        assert pipe is not None, "and a way from one to the other"
        pipe.send(lambda: peer._fail(errno.ECONNRESET))

    def _address(self, name: str, port: int) -> Address:
        return (name, port, 0, 0) if self.family == socket.AF_INET6 else (name, port)
