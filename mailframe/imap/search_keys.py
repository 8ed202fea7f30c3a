"""SEARCH's keys (RFC 3501 section 6.4.4): values, and the table that parses them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import TypeAlias

from attrs import define, frozen

from mailframe.imap.grammar import BadSyntax, Cursor
from mailframe.imap.sequence_set import SequenceSet
from mailframe.interfaces import ANSWERED, DELETED, DRAFT, FLAGGED, SEEN

CHARSETS = {b"US-ASCII": "ascii", b"UTF-8": "utf-8", b"ISO-8859-1": "iso-8859-1", b"ISO-8859-15": "iso-8859-15"}
"""The charsets of search strings, by the name that a client may give."""


class BadCharset(Exception):
    """The charset is not supported (C{NO [BADCHARSET (...)]})."""


@frozen
class All:
    """ALL"""


@frozen
class Flagged:
    """A flag that is there, or is not; keywords are compared without case."""

    flag: str
    present: bool = True


@frozen
class Recent:
    """RECENT, and OLD where it is not."""

    present: bool = True


@frozen
class Numbers:
    """A sequence set of message numbers."""

    numbers: SequenceSet


@frozen
class Uids:
    """UID and a sequence set."""

    uids: SequenceSet


@frozen
class Modseq:
    """MODSEQ: changed at or after (RFC 7162 3.1.5)."""

    least: int


@frozen
class Size:
    """LARGER and SMALLER: neither end belongs to it; C{None} is no end."""

    above: int | None = None
    below: int | None = None


@frozen
class When:
    """
    BEFORE, ON, SINCE and their SENT forms: days, the time and the zone disregarded.

    @ivar first: the first day that matches.
    @ivar last: the first day that does not any more.
    """

    sent: bool
    first: date | None = None
    last: date | None = None


@frozen
class Header:
    """HEADER, and SUBJECT, FROM, TO, CC, BCC: the text is in the field; an empty one matches any field."""

    name: bytes
    text: str


@frozen
class Text:
    """BODY, and TEXT which looks at the header too."""

    text: str
    header: bool


@frozen
class Not:
    """NOT"""

    key: Key


@frozen
class Or:
    """OR"""

    one: Key
    other: Key


@frozen
class And:
    """Keys that must all match."""

    keys: tuple[Key, ...]


Key: TypeAlias = All | Flagged | Recent | Numbers | Uids | Modseq | Size | When | Header | Text | Not | Or | And


@define
class Search:
    """Parses one program: it counts what has a bound."""

    cursor: Cursor
    table: Mapping[bytes, KeyParser]
    charset: str = "utf-8"
    keys: int = 0
    depth: int = 0

    def key(self) -> Key:
        """C{search-key}"""
        self.keys, self.depth = self.keys + 1, self.depth + 1
        if self.keys > self.cursor.limits.search_keys or self.depth > self.cursor.limits.search_depth:
            raise BadSyntax("the search program is too complex")
        key = self._key()
        self.depth -= 1
        return key

    def _key(self) -> Key:
        cursor = self.cursor
        if cursor.peek(b"("):
            return And(tuple(cursor.parenthesized(self.key, cursor.limits.search_keys)))
        following = cursor.texts[cursor.piece][cursor.at : cursor.at + 1]
        if following.isdigit() or following == b"*":
            return Numbers(cursor.sequence_set())
        name = cursor.word()
        if name not in self.table:
            raise BadSyntax(f"{name.decode('ascii')} is no search key")
        return self.table[name](self)

    def text(self) -> str:
        """A search string, decoded by the program's charset."""
        self.cursor.sp()
        try:
            return self.cursor.astring().decode(self.charset)
        except UnicodeDecodeError:
            raise BadSyntax(f"a search string is not {self.charset}") from None


KeyParser: TypeAlias = Callable[[Search], Key]


def program(cursor: Cursor, table: Mapping[bytes, KeyParser]) -> Key:
    """
    Read SEARCH's arguments behind its space.

    @raise BadSyntax: they follow no grammar, or exceed a limit.
    @raise BadCharset: the charset is not known here.
    """
    search = Search(cursor, table)
    if cursor.texts[cursor.piece][cursor.at : cursor.at + 8].upper() == b"CHARSET ":
        cursor.at += 8
        name = cursor.astring().upper()
        if name not in CHARSETS:
            raise BadCharset
        search.charset = CHARSETS[name]
        cursor.sp()
    keys = [search.key()]
    while not cursor.at_end():
        cursor.sp()
        keys.append(search.key())
    return And(tuple(keys))


def _constant(key: Key) -> KeyParser:
    return lambda search: key


def _keyword(present: bool) -> KeyParser:
    def parse(search: Search) -> Key:
        search.cursor.sp()
        return Flagged(search.cursor.atom().decode("ascii"), present)

    return parse


def _field(name: bytes) -> KeyParser:
    return lambda search: Header(name, search.text())


def _header(search: Search) -> Key:
    search.cursor.sp()
    name = search.cursor.astring()
    return Header(name, search.text())


def _text(header: bool) -> KeyParser:
    return lambda search: Text(search.text(), header)


def _size(larger: bool) -> KeyParser:
    def parse(search: Search) -> Key:
        search.cursor.sp()
        octets = search.cursor.number(2**63 - 1)
        return Size(above=octets) if larger else Size(below=octets)

    return parse


def _when(sent: bool, from_day: bool, to_day: int | None) -> KeyParser:
    def parse(search: Search) -> Key:
        search.cursor.sp()
        day = search.cursor.date()
        try:
            last = None if to_day is None else day + timedelta(days=to_day)
        except OverflowError:
            last = None  # the last day of the calendar has none behind it
        return When(sent, day if from_day else None, last)

    return parse


def _uid(search: Search) -> Key:
    search.cursor.sp()
    return Uids(search.cursor.sequence_set())


def _not(search: Search) -> Key:
    search.cursor.sp()
    return Not(search.key())


def _or(search: Search) -> Key:
    search.cursor.sp()
    one = search.key()
    search.cursor.sp()
    return Or(one, search.key())


SEARCH_KEYS: Mapping[bytes, KeyParser] = {
    b"ALL": _constant(All()),
    **{
        name: _constant(Flagged(flag, present))
        for flag, yes, no in (
            (ANSWERED, b"ANSWERED", b"UNANSWERED"),
            (DELETED, b"DELETED", b"UNDELETED"),
            (DRAFT, b"DRAFT", b"UNDRAFT"),
            (FLAGGED, b"FLAGGED", b"UNFLAGGED"),
            (SEEN, b"SEEN", b"UNSEEN"),
        )
        for name, present in ((yes, True), (no, False))
    },
    b"RECENT": _constant(Recent()),
    b"OLD": _constant(Recent(present=False)),
    b"NEW": _constant(And((Recent(), Flagged(SEEN, present=False)))),
    b"KEYWORD": _keyword(True),
    b"UNKEYWORD": _keyword(False),
    **{name: _field(name) for name in (b"BCC", b"CC", b"FROM", b"SUBJECT", b"TO")},
    b"HEADER": _header,
    b"BODY": _text(header=False),
    b"TEXT": _text(header=True),
    b"LARGER": _size(larger=True),
    b"SMALLER": _size(larger=False),
    b"BEFORE": _when(False, False, 0),
    b"ON": _when(False, True, 1),
    b"SINCE": _when(False, True, None),
    b"SENTBEFORE": _when(True, False, 0),
    b"SENTON": _when(True, True, 1),
    b"SENTSINCE": _when(True, True, None),
    b"UID": _uid,
    b"NOT": _not,
    b"OR": _or,
}
"""The keys of RFC 3501; extensions add theirs."""
