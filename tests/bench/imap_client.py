"""A blocking IMAP client that throws away what it reads: it measures the server, not itself."""

from __future__ import annotations

import socket
import time

from attrs import frozen


@frozen
class Answer:
    """
    One command's answer.

    @ivar milliseconds: from the first octet sent to the tagged line.
    @ivar untagged: lines that begin with C{*}: the proof that the mailbox had what was meant.
    """

    milliseconds: float
    untagged: int
    octets: int
    tail: bytes


class Imap:
    """One logged-in connection."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 600)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.count = 0
        self.socket.recv(65536)
        self.command(f'LOGIN "{user}" "{password}"')

    def command(self, text: str) -> Answer:
        """Send one command and wait for its end; anything but OK is an error."""
        self.count += 1
        tag = b"bench%d" % self.count
        start = time.perf_counter()
        self.socket.sendall(b"%b %b\r\n" % (tag, text.encode()))
        tail, octets, untagged = b"\r\n", 0, 0
        while True:
            data = self.socket.recv(1 << 20)
            if not data:
                raise RuntimeError(f"closed in {text!r} after {tail[-200:]!r}")
            octets += len(data)
            seen = tail[-200:] + data
            untagged += seen.count(b"\r\n* ") - tail[-200:].count(b"\r\n* ")
            tail = seen
            at = tail.rfind(b"\r\n" + tag + b" ")
            if at >= 0 and tail.endswith(b"\r\n"):
                break
        elapsed = (time.perf_counter() - start) * 1000
        status = tail[at + len(tag) + 3 :]
        if not status.startswith(b"OK"):
            raise RuntimeError(f"{text!r}: {status!r}")
        return Answer(elapsed, untagged, octets, tail[-300:])

    def fill(self, mailbox: str, messages: list[bytes], batch: int = 200) -> None:
        """APPEND messages with LITERAL+, pipelined."""
        for at in range(0, len(messages), batch):
            group = messages[at : at + batch]
            pieces = []
            for message in group:
                self.count += 1
                pieces.append(
                    b"bench%d APPEND %b {%d+}\r\n%b\r\n" % (self.count, mailbox.encode(), len(message), message)
                )
            self.socket.sendall(b"".join(pieces))
            last, tail = b"\r\nbench%d " % self.count, b"\r\n"
            while last not in tail:
                data = self.socket.recv(1 << 20)
                if not data:
                    raise RuntimeError(f"closed while filling, after {tail[-200:]!r}")
                tail = tail[-200:] + data

    def close(self) -> None:
        """Log out."""
        self.command("LOGOUT")
        self.socket.close()
