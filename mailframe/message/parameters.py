"""Content-Type, Content-Disposition and their parameters (RFC 2045 5.1, RFC 2183, RFC 2231)."""

from __future__ import annotations

import re
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

from attrs import frozen

from mailframe.message import charsets, comments, words
from mailframe.message.limits import DEFAULT, Limits

Parameters: TypeAlias = "tuple[tuple[bytes, bytes], ...]"

# Liberal on purpose: an unquoted value may hold blanks and specials, up to the semicolon, since file names often do.
_ATTRIBUTE = rb';[ \t\r\n]*+([^\s;="]++)[ \t\r\n]*+=[ \t\r\n]*+'
_QUOTED_VALUE = rb'"((?:[^"\\]++|\\.)*+)'
_PARAMETER = re.compile(rb"%b(?:%b|([^;]*+))" % (_ATTRIBUTE, _QUOTED_VALUE), re.DOTALL)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
# RFC 2231 3 and 4: name*, name*0, name*0*
_SECTION = re.compile(rb"(.*?)\*(?:(\d{1,4})(\*)?)?", re.DOTALL)


@frozen
class Parametered:
    """
    A value with parameters.

    @ivar value: in lower case, without blanks: C{text/plain}, C{attachment}.
    @ivar parameters: name and value pairs as they stand, unquoted; names in their own case, RFC 2231 not decoded.
    """

    value: bytes
    parameters: Parameters = ()

    def get(self, name: bytes) -> bytes | None:
        """Return the first parameter of that lower-case name as it stands, or C{None}."""
        return next((value for each, value in self.parameters if each.lower() == name), None)


def parse(value: bytes, limits: Limits = DEFAULT) -> Parametered:
    """
    Return what the (unfolded) field says; what cannot be understood is left out.

    At most C{limits.parameters} are returned, each value at most C{limits.parameter_bytes} long.
    """
    value = comments.strip(value)
    first, semicolon, _ = value.partition(b";")
    found: list[tuple[bytes, bytes]] = []
    if semicolon:
        for match in _PARAMETER.finditer(value, len(first)):
            if len(found) == limits.parameters:
                break
            found.append((match[1], _value(match, limits.parameter_bytes)))
    return Parametered(b"".join(first.lower().split()), tuple(found))


def _value(match: re.Match[bytes], limit: int) -> bytes:
    quoted = match[2]
    if quoted is None:
        return match[3].strip()[:limit]
    if b"\\" in quoted:
        quoted = _QUOTED_PAIR.sub(rb"\1", quoted[: 2 * limit])
    return quoted[:limit]


def decoded(parameters: Parameters, name: str, limits: Limits = DEFAULT) -> str | None:
    """
    Return a parameter as text, or C{None} when it is not there: RFC 2231 charsets and continuations decoded.

    The extended form wins over the plain one, as senders give both; encoded words (RFC 2047) are not allowed in
    parameters and are decoded all the same, for so do many mail programs write file names.
    """
    wanted = name.lower().encode("utf-8", "replace")
    plain: bytes | None = None
    sections: dict[int, tuple[bytes, bool]] = {}
    for each, value in parameters:
        match = _SECTION.fullmatch(each.lower())
        if match is None:
            plain = value if plain is None and each.lower() == wanted else plain
        elif match[1] == wanted:
            extended = match[2] is None or match[3] is not None
            sections.setdefault(int(match[2] or 0), (value, extended))
    if 0 in sections:
        return words.printable(_joined(sections, limits.parameter_bytes))
    return None if plain is None else words.decode(plain, limits)


def _joined(sections: dict[int, tuple[bytes, bool]], limit: int) -> str:
    charset = b""
    pieces = []
    for number in range(len(sections)):
        if number not in sections:
            break
        value, extended = sections[number]
        if extended:
            if number == 0 and value.count(b"'") >= 2:
                charset, _, value = value.split(b"'", 2)
            value = unquote_to_bytes(value)
        pieces.append(value)
    return charsets.decode(b"".join(pieces)[:limit], charset.decode("latin-1"))
