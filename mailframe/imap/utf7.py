"""Modified UTF-7, in which mailbox names travel (RFC 3501 section 5.1.3)."""

from __future__ import annotations

import binascii
import re

_SHIFTED = re.compile(r"&|[^ -~]+")
_ENCODED = re.compile(r"&([A-Za-z0-9+,]*)-")


def encode(name: str) -> str:
    """Return a name as ASCII."""
    return _SHIFTED.sub(_shift, name)


def _shift(match: re.Match[str]) -> str:
    if match[0] == "&":
        return "&-"
    data = binascii.b2a_base64(match[0].encode("utf-16-be", "surrogatepass"), newline=False)
    return "&" + data.rstrip(b"=").replace(b"/", b",").decode("ascii") + "-"


def decode(name: str) -> str:
    """
    Return the name that its one modified UTF-7 spelling stands for.

    @raise ValueError: it is no modified UTF-7, or not the spelling that L{encode} gives: two spellings of one name
        would be two ways past a check.
    """
    decoded = _ENCODED.sub(_unshift, name)
    if encode(decoded) != name:
        raise ValueError("the name is not modified UTF-7")
    return decoded


def _unshift(match: re.Match[str]) -> str:
    if not match[1]:
        return "&"
    text = match[1].replace(",", "/")
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4)).decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError):
        raise ValueError("the name is not modified UTF-7") from None
