"""From octets to command lines and message text (RFC 5321 sections 2.3.8 and 4.5.2)."""

from __future__ import annotations

from attrs import define, field

from mailframe.net.lines import Inbox
from mailframe.sasl.exchange import RESPONSE_OCTETS

_END = b"\r\n.\r\n"


@define(eq=False)
class Reader:
    """
    @ivar bare_newlines: the message so far holds a CR or LF that is no part of a CRLF.
    @ivar nul: the message so far holds a NUL.
    """

    inbox: Inbox
    limit: int
    bare_newlines: bool = False
    nul: bool = False
    _held: bytes = field(default=b"", init=False)
    _first: bool = field(default=False, init=False)
    _over: bool = field(default=True, init=False)

    def line(self) -> bytes | None:
        """
        Return a command line, without its CRLF.

        @raise mailframe.net.lines.LineTooLong: it exceeds the limit.
        """
        return self.inbox.line(self.limit)

    def sasl_line(self) -> bytes | None:
        """
        Return a client's line of a SASL exchange.

        @raise mailframe.net.lines.LineTooLong: it exceeds what RFC 4954 section 4 allows.
        """
        return self.inbox.line(RESPONSE_OCTETS + 2)

    def begin_text(self) -> None:
        """What comes now is a message, up to a line with a dot alone."""
        # The end is CRLF.CRLF, and the first CRLF is that of the DATA command: as if it were still here.
        self._held, self._first, self._over = b"\r\n", True, False
        self.bare_newlines = self.nul = False

    @property
    def text_is_over(self) -> bool:
        """Whether the end of the message was reached."""
        return self._over

    def text(self) -> bytes | None:
        """
        Return a piece of the message, its dots un-stuffed; C{None} while that needs more octets.

        Only CRLF.CRLF ends it, and a piece never ends within anything that could become one.
        """
        arrived = self.inbox.buffer[self.inbox.at :] if self.inbox.at else self.inbox.buffer
        if not arrived:
            return None
        data = self._held + arrived
        end = data.find(_END)
        if end >= 0:
            self.inbox.take(end + len(_END) - len(self._held))
            self._over = True
            return self._clean(data[: end + 2])
        self.inbox.take(len(arrived))
        keep = _open_end(data)
        self._held = data[len(data) - keep :]
        return self._clean(data[: len(data) - keep])

    def _clean(self, piece: bytes) -> bytes:
        if not piece:
            return piece
        lines = piece.count(b"\r\n")
        if piece.count(b"\n") != lines or piece.count(b"\r") != lines:
            self.bare_newlines = True
        if b"\0" in piece:
            self.nul = True
        if b"\r\n." in piece:
            piece = piece.replace(b"\r\n.", b"\r\n")
        if self._first:
            self._first = False
            return piece[2:]
        return piece


def _open_end(data: bytes) -> int:
    """Return how many octets at the end may be the beginning of CRLF.CRLF."""
    for length in (4, 3, 2, 1):
        if data.endswith(_END[:length]):
            return length
    return 0
