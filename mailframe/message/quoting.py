"""Strings as IMAP writes them: quoted where that is safe, as a literal where it is not (RFC 3501 4.3, 9)."""

from __future__ import annotations

import re

# CR, LF, NUL and 8-bit cannot be quoted (QUOTED-CHAR is TEXT-CHAR); other controls may be, and are better off in a
# literal.
_UNQUOTABLE = re.compile(rb"[^ -~\t]")
_SPECIAL = re.compile(rb'["\\]')
LONGEST_QUOTED = 1024
"""Octets up to which a string is quoted: clients bound their lines, not their literals."""
_PLAIN = re.compile(rb"[\t !#-\[\]-~]{0,%d}+" % LONGEST_QUOTED)


def nstring(value: bytes | None) -> bytes:
    """Return C{NIL}, or the L{string}."""
    return b"NIL" if value is None else string(value)


def string(value: bytes) -> bytes:
    """Return a quoted string, or a literal where the value needs one; NUL is dropped, since neither can carry it."""
    if _PLAIN.fullmatch(value):
        return b'"%b"' % value
    if len(value) > LONGEST_QUOTED or _UNQUOTABLE.search(value):
        return literal(value)
    return b'"%b"' % _SPECIAL.sub(rb"\\\g<0>", value)


def literal(value: bytes) -> bytes:
    """Return C{{n}}, CRLF and the octets, without NUL (CHAR8 excludes it)."""
    value = value.replace(b"\0", b"")
    return b"{%d}\r\n%b" % (len(value), value)


def quoted(value: bytes) -> bytes:
    """Return a quoted string whatever the value, on one line: what it cannot carry becomes a question mark."""
    return b'"%b"' % _SPECIAL.sub(rb"\\\g<0>", _UNQUOTABLE.sub(b"?", value))
