"""Octets put into quoted-printable and base64, a stretch at a time (RFC 2045 sections 6.7 and 6.8)."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from mailframe.message.headers import Buffer

STRETCH = 57 * 1024
"""Octets encoded at a time: whole lines of base64."""

_COLUMNS = 76
_BROKEN = 73
"""Characters of a piece of a long line: room for the soft line break, and for one more escape."""

# A CR or LF alone is data: only CRLF is a line's end.
_UNSAFE = re.compile(rb"[^\t -<>-~\r\n]+|\r(?!\n)|(?<!\r)\n|[ \t](?=\r\n|\Z)")
_EIGHT_BIT = re.compile(rb"[\x80-\xff]+")
# Looked for only where a line begins: each place in each line costs twice as much.
_LONG = re.compile(rb"(?<![^\r\n])[^\r\n]{%d,}+" % (_BROKEN + 2))
_OPEN_END = re.compile(rb"(?:\r|=[^=]?)\Z")
_NOT_BASE64 = bytes(octet for octet in range(256) if not re.match(rb"[A-Za-z0-9+/=]", bytes([octet])))


def quoted_printable(buffer: Buffer, start: int, end: int) -> Iterator[bytes]:
    """Yield C{buffer[start:end]} in quoted-printable."""
    return _quoted(buffer, start, end, _UNSAFE)


def mended_quoted_printable(buffer: Buffer, start: int, end: int) -> Iterator[bytes]:
    """Yield what should be quoted-printable already, with raw 8-bit octets encoded and long lines broken."""
    return _quoted(buffer, start, end, _EIGHT_BIT)


def _quoted(buffer: Buffer, start: int, end: int, unsafe: re.Pattern[bytes]) -> Iterator[bytes]:
    joint = b""
    for octets in _stretches(buffer, start, end):
        encoded = _LONG.sub(_broken, unsafe.sub(_escaped, octets))
        yield joint + _no_delimiter(encoded) if joint else encoded
        joint = b"" if octets.endswith(b"\r\n") else b"=\r\n"


def _stretches(buffer: Buffer, start: int, end: int) -> Iterator[bytes]:
    """Yield pieces of whole lines; one longer than a stretch is cut, but neither within CRLF nor an escape."""
    while start < end:
        octets = buffer[start : min(start + STRETCH, end)]
        if start + len(octets) < end:
            lines = octets.rfind(b"\r\n") + 2
            cut = _OPEN_END.search(octets)
            octets = octets[:lines] if lines > 1 else octets[: cut.start()] if cut else octets
        yield octets
        start += len(octets)


def _escaped(match: re.Match[bytes]) -> bytes:
    return b"=" + binascii.hexlify(match[0], b"=").upper()


def _broken(match: re.Match[bytes]) -> bytes:
    """Return a long line with soft line breaks, none of them within an escape."""
    line, pieces, at = match[0], [], 0
    while len(line) - at > _BROKEN + 1:
        escape = line.find(b"=", at + _BROKEN - 2, at + _BROKEN)
        cut = escape if escape >= 0 else at + _BROKEN
        pieces.append(line[at:cut])
        at = cut
    return b"=\r\n".join([pieces[0], *map(_no_delimiter, [*pieces[1:], line[at:]])])


def _no_delimiter(line: bytes) -> bytes:
    """A line that begins only here must not be taken for the boundary of a multipart around it."""
    return b"=2D" + line[1:] if line.startswith(b"--") else line


def base64(buffer: Buffer, start: int, end: int) -> Iterator[bytes]:
    """Yield C{buffer[start:end]} in base64, each line with its CRLF."""
    for at in range(start, end, STRETCH):
        yield _lines(binascii.b2a_base64(buffer[at : min(at + STRETCH, end)], newline=False))


def mended_base64(buffer: Buffer, start: int, end: int) -> Iterator[bytes]:
    """Yield what should be base64 already, in lines of the right length and without anything else."""
    kept = b""
    for at in range(start, end, STRETCH):
        kept += buffer[at : min(at + STRETCH, end)].translate(None, _NOT_BASE64)
        whole = len(kept) - len(kept) % _COLUMNS
        yield _lines(kept[:whole])
        kept = kept[whole:]
    yield _lines(kept)


def _lines(encoded: bytes) -> bytes:
    return b"".join([encoded[at : at + _COLUMNS] + b"\r\n" for at in range(0, len(encoded), _COLUMNS)])
