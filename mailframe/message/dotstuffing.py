"""Dots stuffed for sending, whatever the chunks, and no line end that servers could disagree about (RFC 5321 4.5.2).

Where a server takes a bare LF or CR for a line's end, C{LF . LF} inside a message ends it, and what follows is read as
commands: SMTP smuggling. So nothing leaves here in which a CR or LF stands alone.
"""

from __future__ import annotations

from io import IncrementalNewlineDecoder

from attrs import define, field

_ONLY_CRLF = (None, "\r\n")
_DOT = 0x2E


class BareNewline(ValueError):
    """A CR without its LF, or a LF without its CR (RFC 5321 2.3.8)."""


@define(eq=False)
class Stuffing:
    """
    What stands between a message and the connection during DATA; one for each message.

    @ivar repair: make CRLF of each bare CR and LF, instead of refusing the message.
    """

    repair: bool = False
    _at_line_start: bool = field(default=True, init=False)
    _held: bytes = field(default=b"", init=False)  # a CR, until it is known what follows
    # Tells which line ends there are, at twice the speed of counting them.
    _line_ends: IncrementalNewlineDecoder = field(
        factory=lambda: IncrementalNewlineDecoder(None, translate=False), init=False
    )

    def stuff(self, chunk: bytes) -> bytes:
        """
        Return a piece of the message as it is sent; a CR at its end comes with the next piece.

        @raise BareNewline: there is a bare CR or LF, and they are not to be repaired; nothing was returned of it.
        """
        data = self._held + chunk
        self._held = b"\r" if data.endswith(b"\r") else b""
        if self._held:
            data = data[:-1]
        return self._stuffed(self._clean(data)) if data else b""

    def end(self) -> bytes:
        """
        Return what ends the message: a line end where the last one is missing, a dot, CRLF (RFC 5321 4.1.1.4).

        @raise BareNewline: its last octet is a CR, and that is not to be repaired.
        """
        if self._held and not self.repair:
            raise BareNewline("the message ends in a bare CR")
        return b".\r\n" if self._at_line_start and not self._held else b"\r\n.\r\n"

    def _clean(self, data: bytes) -> bytes:
        """Return the octets without a bare CR or LF; a CR at their end is a bare one."""
        self._line_ends.decode(data.decode("latin-1"), True)
        if self._line_ends.newlines in _ONLY_CRLF:
            return data
        if not self.repair:
            raise BareNewline("a line of the message ends in a bare CR or LF")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")

    def _stuffed(self, data: bytes) -> bytes:
        """Return the octets, in which LF comes in CRLF alone, with a dot before each that begins a line."""
        first = b"." if self._at_line_start and data[0] == _DOT else b""
        self._at_line_start = data.endswith(b"\n")
        # An attachment in base64 has no dot at all, and that is told much faster than that none begins a line.
        return first + (data.replace(b"\n.", b"\n..") if b"." in data else data)
