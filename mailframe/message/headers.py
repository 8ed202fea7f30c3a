"""Header blocks: where they end, their fields, and the subsets that IMAP asks for (RFC 5322 2.2, RFC 3501 6.4.5).

Lines may end in CRLF or in bare LF: stored mail of other servers has both. A line that is no field (no name, no
colon) is skipped here and kept in the message.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Collection
from itertools import islice
from typing import TypeAlias

from attrs import frozen

from mailframe.message.limits import DEFAULT, Limits

Buffer: TypeAlias = "bytes | mmap.mmap"
"""A body: octets in memory, or a big file mapped, of which only small slices are ever copied."""

Index: TypeAlias = "dict[bytes, list[bytes]]"
"""Raw (still folded) values by lower-case field name, each list in the order of the header."""

_EMPTY_LINE = re.compile(rb"\r?\n")
_LAST_LINE = re.compile(rb"\n\r?\n")
# One field with its continuation lines, or else one line of junk; each match begins where the last one ended and the
# quantifiers are possessive, so the whole is linear whatever the input.
_NAME = rb"([!-9;-~\x80-\xff]++)[ \t]*+:"
_VALUE = rb"[^\n]*+(?:\n[ \t][^\n]*+)*+"
_JUNK = rb"[^\n]++\n?|\n"
_FIELD = re.compile(rb"%b(%b)\n?|%b" % (_NAME, _VALUE, _JUNK))
_RAW_FIELD = re.compile(rb"(%b%b\n?)|%b" % (_NAME, _VALUE, _JUNK))


@frozen
class Field:
    """
    One header field.

    @ivar name: as written; compare it in lower case.
    @ivar raw: the whole field: name, colon, value, continuation lines and line ends.
    """

    name: bytes
    raw: bytes

    @property
    def value(self) -> bytes:
        """What follows the colon: unfolded (RFC 5322 2.2.3), without white space around it."""
        return unfold(self.raw.partition(b":")[2])


def header_end(buffer: Buffer, start: int, end: int, limit: int) -> int:
    """
    Return where the header beginning at C{start} ends: behind its empty line.

    Without an empty line the header reaches to C{end}, or to the last whole line within C{limit} octets.
    """
    empty = _EMPTY_LINE.match(buffer, start, end)
    if empty:
        return empty.end()
    stop = min(end, start + limit)
    last = _LAST_LINE.search(buffer, start, stop)
    if last:
        return last.end()
    if stop == end:
        return end
    line = buffer.rfind(b"\n", start, stop) + 1
    return line if line > start else stop


def split(data: bytes, limits: Limits = DEFAULT) -> tuple[bytes, bytes]:
    """Return the header with its empty line, and the body: together they are the message."""
    end = header_end(data, 0, len(data), limits.header_bytes)
    return data[:end], data[end:]


def unfold(raw: bytes) -> bytes:
    """Return a field's value on one line (RFC 5322 2.2.3), without white space around it."""
    if b"\n" in raw:
        raw = raw.replace(b"\r\n", b"").replace(b"\n", b"")
    return raw.strip()


def fields(head: bytes, limits: Limits = DEFAULT) -> list[Field]:
    """Return the fields of a header block in their order."""
    found = islice(_RAW_FIELD.finditer(head, 0, limits.header_bytes), limits.header_fields)
    return [Field(match[2], match[1]) for match in found if match[1]]


def index(head: bytes, limits: Limits = DEFAULT) -> Index:
    """Return the raw values of a header block by lower-case name: for those who look at several fields."""
    values: Index = {}
    for name, value in _FIELD.findall(head, 0, limits.header_bytes)[: limits.header_fields]:
        if name:
            values.setdefault(name.lower(), []).append(value)
    return values


def indexed(of: list[Field]) -> Index:
    """Return the L{index} of fields already split."""
    values: Index = {}
    for each in of:
        values.setdefault(each.name.lower(), []).append(each.raw.partition(b":")[2])
    return values


def first(of: list[Field], name: bytes) -> bytes | None:
    """Return the value of the first field of that name, unfolded, or C{None}."""
    wanted = name.lower()
    for each in of:
        if each.name.lower() == wanted:
            return each.value
    return None


def value(of: Index, name: bytes) -> bytes | None:
    """Return the first value of a name (in lower case), unfolded, or C{None}."""
    raw = of.get(name)
    return None if raw is None else unfold(raw[0])


def select(head: bytes, names: Collection[bytes], invert: bool = False) -> bytes:
    """
    Return the fields of these names, or with C{invert} all others, as they stand, and an empty line.

    RFC 3501 6.4.5: C{HEADER.FIELDS} and C{HEADER.FIELDS.NOT}; names are matched whatever their case.
    """
    wanted = {name.lower() for name in names}
    if not head.endswith(b"\n"):
        head += b"\r\n"
    found = _RAW_FIELD.findall(head)
    return b"".join([raw for raw, name in found if raw and (name.lower() in wanted) is not invert]) + b"\r\n"
