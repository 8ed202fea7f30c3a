"""Header fields by name, from many messages: as HEADER.FIELDS asks for them (RFC 3501 6.4.5)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, partial

from mailframe.message import headers

LONGEST_NAMES = 1000
"""Octets of names up to which they become a regular expression: to compile it takes a millisecond or two then."""

_NAME = re.compile(rb"[!-9;-~\x80-\xff]+")
_FIELD = rb"\n((?:%b)[ \t]*+:[^\n]*+(?:\n[ \t][^\n]*+)*+)"
"""A field of one of these names behind a line end, without its own: as L{headers} reads them, but nothing between."""


@lru_cache(maxsize=100)
def selector(names: tuple[bytes, ...], invert: bool) -> Callable[[bytes], bytes]:
    """Return what does the same as L{headers.select} with these names, and takes a third of the time."""
    possible = {name.lower() for name in names if _NAME.fullmatch(name)}
    if invert or not possible or sum(map(len, possible)) > LONGEST_NAMES:
        return partial(headers.select, names=names, invert=invert)
    find = re.compile(_FIELD % b"|".join(map(re.escape, sorted(possible))), re.IGNORECASE).findall

    def select(head: bytes) -> bytes:
        fields: list[bytes] = find(b"\n" + head if head.endswith(b"\n") else b"\n%b\r\n" % head)
        fields.append(b"\r\n")
        return b"\n".join(fields)

    return select
