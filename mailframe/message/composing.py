"""Lines and fields of messages that are written here, safe whatever strangers gave to be put into them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

LINE = 998
"""Octets of a line without its CRLF (RFC 5322 2.1.1)."""
FOLDED = 76
"""Octets of a line, where there are blanks to fold it at."""
VALUE = 900
"""Octets of a value, or of one word of it, that stand on one line; the rest is cut off."""

# C0 and C1 controls, the line separators of Unicode, and the marks that turn the direction of text around.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_LONG_WORD = re.compile(r"(\S{240})(?=\S)")  # in UTF-8 at most 960 octets
_BREAK = re.compile(rb"\r\n?|\n")
# A line is never broken within a character of UTF-8.
_LONG_LINE = re.compile(rb"[^\n]{%d}[\x80-\xbf]{0,3}+(?=[^\n])" % VALUE)


def one_line(text: str, longest: int) -> str:
    """
    Return text on one line, each white space and control character a blank, no two of them together.

    @param longest: characters that are looked at; the rest is cut off.
    """
    return " ".join(_UNSAFE.sub(" ", text[:longest]).split())


def token(text: str) -> str:
    """Return an address or a name as it stands, but for control characters, which become question marks."""
    return _UNSAFE.sub("?", text)


def field(name: str, value: str, utf8: bool = False) -> bytes:
    """
    Return a field with its CRLF, on one line; no octet of the value is changed but unsafe ones, and it may be cut off.

    @param utf8: characters beyond ASCII are written as UTF-8; without it they become question marks.
    """
    return b"%b: %b\r\n" % (name.encode("ascii"), _cut(_octets(token(value), utf8)))


def folded_field(name: str, value: str, utf8: bool = False) -> bytes:
    """Return a field as L{field} does, folded where there are blanks: for a value that went through L{one_line}."""
    first, *words = map(_cut, _octets(token(value), utf8).split(b" "))
    lines = [b"%b: %b" % (name.encode("ascii"), first)]
    for word in words:
        if len(lines[-1]) + len(word) < FOLDED:
            lines[-1] += b" " + word
        else:
            lines.append(b" " + word)
    return b"\r\n".join(lines) + b"\r\n"


def _octets(text: str, utf8: bool) -> bytes:
    return text.encode("utf-8" if utf8 else "ascii", "replace")


def _cut(octets: bytes) -> bytes:
    return octets if len(octets) <= VALUE else octets[:VALUE].decode("utf-8", "ignore").encode("utf-8")


def paragraph(text: str, indent: str = "") -> Iterator[str]:
    """Yield the lines of a paragraph for people, of 72 characters where its words allow it."""
    yield from textwrap.wrap(
        _LONG_WORD.sub(r"\1 ", text),
        72,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def whole_lines(octets: bytes) -> bytes:
    """Return the octets with CRLF for each bare CR or LF, without NUL, and with long lines folded."""
    lines = _BREAK.sub(b"\n", octets.replace(b"\0", b""))
    return _LONG_LINE.sub(rb"\g<0>\n ", lines).replace(b"\n", b"\r\n")
