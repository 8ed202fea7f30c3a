"""How responses are spelled (RFC 3501 sections 7 and 9): flags, names, and whole columns of FETCH data at once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from mailframe.imap import utf7
from mailframe.interfaces import FlagSet
from mailframe.message.quoting import string

_MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


@lru_cache(maxsize=4096)
def flags(value: FlagSet) -> bytes:
    """C{flag-list} without its parentheses; mailboxes have few different ones, so they are spelled once."""
    return " ".join(sorted(value)).encode("ascii", "replace")


@lru_cache(maxsize=4096)
def flags_recent(value: FlagSet) -> bytes:
    """The same with C{\\Recent}."""
    return b" ".join(filter(None, (flags(value), b"\\Recent")))


@lru_cache(maxsize=4096)
def date_time(seconds: int) -> bytes:
    """C{date-time} with its quotes, in UTC; C{seconds} since the epoch."""
    when = time.gmtime(seconds)
    month = _MONTHS[when.tm_mon - 1]
    return b'"%2d-%b-%04d %02d:%02d:%02d +0000"' % (when.tm_mday, month, when.tm_year, *when[3:6])


def mailbox(name: str) -> bytes:
    """C{mailbox}: always a quoted string, since some clients trip over atoms."""
    return string(utf7.encode(name).encode("ascii"))


def fetch_lines(numbers: Sequence[int], labels: Sequence[bytes], columns: Sequence[Sequence[Any]]) -> bytes:
    """
    Return C{* n FETCH (...)} for many messages: one C{%} over a repeated template, which is the fastest that
    CPython offers.

    @param labels: a format for each data item, such as C{UID %d}.
    @param columns: the values of each data item, one a message.
    """
    template = b"* %d FETCH (" + b" ".join(labels) + b")\r\n"
    return template * len(numbers) % tuple(chain.from_iterable(zip(numbers, *columns, strict=True)))


def escaped(label: bytes) -> bytes:
    """Return octets as they must stand in a format."""
    return label.replace(b"%", b"%%")


def words(values: Iterable[bytes]) -> bytes:
    """Join with spaces."""
    return b" ".join(values)
