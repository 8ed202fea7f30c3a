"""Encoded words: text in header fields beyond ASCII (RFC 2047), and raw 8-bit text as RFC 6532 or nobody allows it."""

from __future__ import annotations

import binascii
import re
from itertools import groupby

from mailframe.message import charsets
from mailframe.message.limits import DEFAULT, Limits

# Blanks inside the encoded text are forbidden and yet common; the language of RFC 2231 5 is cut off.
_ENCODED_WORD = re.compile(rb"=\?([^?*\s]{1,40})(?:\*[^?\s]{0,40})?\?([BbQq])\?([^?\r\n]*)\?=")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_LINE_ENDS = {0x0A: " ", 0x0D: " "}
_CONTROLS = dict.fromkeys([*range(9), *range(11, 32), 127]) | _LINE_ENDS
_PLAIN = re.compile("[ -~]*")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_ENCODED_OCTETS = 45
"""Octets of UTF-8 in an encoded word of at most 75 characters (RFC 2047 2): 45 * 4 / 3 + 12 = 72."""
_LINE = 900
"""Longest plain value left on one line; RFC 5322 2.1.1 ends a line at 998 octets."""
_FOLDED = 76


def decode(value: bytes, limits: Limits = DEFAULT) -> str:
    """
    Return a field's value as people read it: on one line, without control characters other than tab.

    Encoded words next to each other are joined before their charset is decoded, since many senders cut characters
    in two. What cannot be decoded becomes U+FFFD; an unknown charset is guessed.
    """
    text = _words(value, limits.encoded_words) if b"=?" in value else charsets.guess(value)
    return printable(text)


def printable(text: str) -> str:
    """Return text with line ends as blanks and without the other C0 control characters, except tab."""
    if not _CONTROL.search(text):
        return text
    return text.replace("\r\n", "\n").translate(_CONTROLS)


def _words(value: bytes, limit: int) -> str:
    runs: list[tuple[bytes | None, bytes]] = []  # (charset or None, octets), charset None for what is not encoded
    end = 0
    for count, word in enumerate(_ENCODED_WORD.finditer(value)):
        if count == limit:
            break
        between = value[end : word.start()]
        # RFC 2047 6.2: white space between two encoded words is not displayed.
        if between and (not runs or between.strip()):
            runs.append((None, between))
        runs.append((word[1].lower(), _octets(word[2], word[3])))
        end = word.end()
    runs.append((None, value[end:]))
    return "".join(
        _text(charset, b"".join(octets for _, octets in run))
        for charset, run in groupby(runs, key=lambda each: each[0])
    )


def _text(charset: bytes | None, octets: bytes) -> str:
    return charsets.guess(octets) if charset is None else charsets.decode(octets, charset.decode("latin-1"))


def _octets(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"qQ":
        return binascii.a2b_qp(text.replace(b"_", b" ").replace(b" ", b"=20"))
    return base64(text)


def base64(text: bytes) -> bytes:
    """Return the octets of base64 text; whatever is not of its alphabet, or too short at the end, is ignored."""
    digits = _NOT_BASE64.sub(b"", text)
    if len(digits) % 4 == 1:  # six bits make no octet
        digits = digits[:-1]
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))


def encode(text: str) -> bytes:
    """
    Return text as the value of an unstructured field: ASCII as it stands, else UTF-8 encoded words; folded.

    Control characters are blanked out, so nothing in C{text} can begin another field.
    """
    text = printable(text).strip()
    if _PLAIN.fullmatch(text) and "=?" not in text:
        plain = text.encode("ascii")
        lines = [plain] if len(plain) <= _LINE else _lines(plain)
        if max(map(len, lines)) <= _LINE:
            return b"\r\n ".join(lines)
    return b"\r\n ".join([b"=?utf-8?b?%b?=" % binascii.b2a_base64(piece, newline=False) for piece in _pieces(text)])


def _lines(plain: bytes) -> list[bytes]:
    lines: list[bytes] = []
    for word in plain.split():
        if lines and len(lines[-1]) + len(word) < _FOLDED:
            lines[-1] += b" " + word
        else:
            lines.append(word)
    return lines


def _pieces(text: str) -> list[bytes]:
    data = text.encode("utf-8", "replace")
    pieces = []
    start = 0
    while start < len(data):
        end = min(start + _ENCODED_OCTETS, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:  # RFC 2047 5: no character is split between words
            end -= 1
        pieces.append(data[start:end])
        start = end
    return pieces
