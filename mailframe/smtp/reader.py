"""From octets to command lines, message text and chunks (RFC 5321 sections 2.3.8 and 4.5.2, RFC 3030 section 2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from io import IncrementalNewlineDecoder

from attrs import define, field

from mailframe.net.lines import Inbox
from mailframe.sasl.exchange import RESPONSE_OCTETS
from mailframe.smtp.limits import DEFAULT

_END = b"\r\n.\r\n"
_DOT = _END[:3]
_DOTTED = re.compile(re.escape(_DOT))  # finds it in half of the time that C{bytes.find} takes
_ONLY_CRLF = (None, "\r\n")
_LINE_ENDS = IncrementalNewlineDecoder(None, translate=False)
"""For one piece at a time, of whatever message."""


@define(eq=False)
class Reader:
    """
    @ivar limit: octets of a command line with its CRLF.
    @ivar text_line: octets of a line of a message with its CRLF.
    @ivar bare_newlines: the message so far holds a CR or LF that is no part of a CRLF.
    @ivar nul: the message so far holds a NUL.
    @ivar long_line: the message so far holds a line that is too long.
    @ivar line: returns a command line, as L{Inbox.line} does.
    """

    inbox: Inbox
    limit: int
    text_line: int = DEFAULT.text_line
    bare_newlines: bool = False
    nul: bool = False
    long_line: bool = False
    line: Callable[[], bytes | None] = field(init=False)
    _open_line: int = field(default=0, init=False)
    _held: bytes = field(default=b"", init=False)
    _fresh: bool = field(default=False, init=False)
    _first: bool = field(default=False, init=False)
    _over: bool = field(default=True, init=False)
    _left: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.line = partial(self.inbox.line, self.limit)

    def sasl_line(self) -> bytes | None:
        """
        Return a client's line of a SASL exchange.

        @raise mailframe.net.lines.LineTooLong: it exceeds what RFC 4954 section 4 allows.
        """
        return self.inbox.line(RESPONSE_OCTETS + 2)

    def begin_text(self) -> None:
        """What comes now is a message, up to a line with a dot alone."""
        self._fresh, self._over = True, False
        self._forget_looks()

    def _forget_looks(self) -> None:
        self.bare_newlines = self.nul = self.long_line = False
        self._open_line = 0

    @property
    def text_is_over(self) -> bool:
        """Whether the end of the message was reached."""
        return self._over

    def text(self) -> bytes | None:
        """
        Return a piece of the message, its dots un-stuffed; C{None} while that needs more octets.

        Only CRLF.CRLF ends it, and a piece never ends within anything that could become one.
        """
        arrived = self.inbox.buffer[self.inbox.at :]
        if not arrived:
            return None
        if self._fresh:
            # The end is CRLF.CRLF, and the first CRLF may be that of the DATA command: as if it were still here.
            self._fresh, self._first = False, arrived.startswith(b".")
            self._held = b"\r\n" if self._first else b""
        data = self._held + arrived
        end, stuffed = _end(data)
        if end >= 0:
            self.inbox.skip(end + len(_END) - len(self._held))
            self._over = True
            return self._clean(data[: end + 2], stuffed)
        self.inbox.skip(len(arrived))
        keep = _open_end(data)
        self._held = data[len(data) - keep :]
        return self._clean(data[: len(data) - keep], stuffed)

    def begin_chunks(self) -> None:
        """What comes now is a message in chunks: one is announced by each L{begin_chunk}."""
        self._held = b""
        self._forget_looks()

    def begin_chunk(self, octets: int) -> None:
        """So many octets that come now are a chunk, whatever they look like."""
        self._left = octets

    @property
    def chunk_is_over(self) -> bool:
        """Whether all of the chunk was returned."""
        return not self._left

    def chunk(self) -> bytes | None:
        """Return octets of the chunk as they are; C{None} while none has come."""
        piece = self.inbox.take(self._left)
        self._left -= len(piece)
        return piece or None

    def chunk_text(self) -> bytes | None:
        """
        Return a piece of text and look at it, as L{text} does; C{None} while none has come.

        A CR at its end is kept for the next one, which may come with the next chunk: it may begin with the LF.
        """
        octets = self.chunk()
        if octets is None:
            return None
        piece = self._held + octets
        self._held = b"\r" if piece.endswith(b"\r") else b""
        piece = piece.removesuffix(b"\r")
        self._look_at(piece)
        return piece

    def end_chunks(self) -> bytes:
        """Return what L{chunk_text} has kept: there is no LF to come."""
        held, self._held = self._held, b""
        self.bare_newlines |= held != b""
        return held

    def _clean(self, piece: bytes, stuffed: bool) -> bytes:
        if not piece:
            return piece
        self._look_at(piece)
        if stuffed:
            piece = piece.replace(_DOT, b"\r\n")
        if self._first:
            self._first = False
            return piece[2:]
        return piece

    def _look_at(self, piece: bytes) -> None:
        # The decoder of text files notes which line ends it sees, at twice the speed of counting them. It leaves a CR
        # at the end for the next time, but that one is bare: a CR that may belong to a CRLF was held back.
        _LINE_ENDS.reset()
        _LINE_ENDS.decode(piece.decode("latin-1"))
        if _LINE_ENDS.newlines not in _ONLY_CRLF or piece.endswith(b"\r"):
            self.bare_newlines = True
        if b"\0" in piece:
            self.nul = True
        if self._open_line + len(piece) > self.text_line:
            self._measure(piece)
        last = piece.rfind(b"\n")
        self._open_line = len(piece) - 1 - last if last >= 0 else self._open_line + len(piece)

    def _measure(self, piece: bytes) -> None:
        """Notice a line that is too long, looking for one line end in each stretch of the longest line."""
        start = -self._open_line
        while not self.long_line and len(piece) - start > self.text_line:
            newline = piece.rfind(b"\n", max(0, start), start + self.text_line)
            self.long_line, start = newline < 0, newline + 1


def _end(data: bytes) -> tuple[int, bool]:
    """Return where the end is, or -1, and whether a line before it begins with a dot."""
    # Few lines begin with a dot but the last one, so one search tells of both. Behind the last dot there is nothing to
    # be found: that is told 70 times as fast, and base64, which most octets are, has no dots.
    ends = data.endswith(_END)
    last = data.rfind(b".", 0, len(data) - 3 if ends else len(data))
    dotted = _DOTTED.search(data, 0, last + 1) if last >= 0 else None
    if dotted is None:
        return len(data) - len(_END) if ends else -1, False
    dot = dotted.start()
    end = dot if data.startswith(_END, dot) else data.find(_END, dot)
    return end, dot != end


def _open_end(data: bytes) -> int:
    """Return how many octets at the end may be the beginning of CRLF.CRLF."""
    for length in (4, 3, 2, 1):
        if data.endswith(_END[:length]):
            return length
    return 0
