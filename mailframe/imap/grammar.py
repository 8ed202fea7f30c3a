"""The formal syntax of commands (RFC 3501 section 9, RFC 4466): a cursor whose methods are named by the ABNF rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import TypeVar

from attrs import define

from mailframe.imap import utf7
from mailframe.imap.limits import DEFAULT, Limits
from mailframe.imap.names import canonical
from mailframe.imap.sequence_set import STAR, SequenceSet
from mailframe.interfaces import SYSTEM_FLAGS, FlagSet
from mailframe.message import dates
from mailframe.message.sections import Section
from mailframe.spool import Message

T = TypeVar("T")

_ATOM = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
_ASTRING = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\]+')
_LIST_MAILBOX = re.compile(rb'[^\x00-\x20\x7f-\xff(){"\\]+')
# UTF-8 in quoted strings is no syntax of RFC 3501, but clients send it in SEARCH and LOGIN; its users judge it.
_QUOTED = re.compile(rb'"((?:[^"\\\r\n\x00]|\\["\\])*)"')
_NUMBER = re.compile(rb"[0-9]{1,19}(?![0-9])")
_SEQUENCE_SET = re.compile(
    rb"(?:[0-9]{1,10}|\*)(?::(?:[0-9]{1,10}|\*))?(?:,(?:[0-9]{1,10}|\*)(?::(?:[0-9]{1,10}|\*))?)*"
)
_FLAG = re.compile(rb'\\?[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
_DATE = re.compile(rb'("?)([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})\1')
_MONTHS = {month: number for number, month in enumerate(b"jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_SECTION = re.compile(
    rb"([0-9]{1,9}(?:\.[0-9]{1,9})*)?(\.)?(?![0-9])(HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT|MIME)?", re.I
)
_PARTIAL = re.compile(rb"<([0-9]{1,10})\.([0-9]{1,10})>")
_UNQUOTE = re.compile(rb'\\(["\\])')

UID_MAX = 0xFFFFFFFF
MODSEQ_MAX = 0x7FFFFFFFFFFFFFFF
"""RFC 7162 section 7: mod-sequences are positive 63-bit numbers."""

_SYSTEM = {flag.lower(): flag for flag in SYSTEM_FLAGS}


class BadSyntax(Exception):
    """The command does not follow the grammar; the text says what was expected."""


@define(eq=False)
class Cursor:
    """
    Reads one command from left to right.

    @ivar texts: the command's text, cut at its literals: between any two stands one literal.
    @ivar literals: the literals in their order; a long one is a message already.
    """

    texts: list[bytes]
    literals: list[bytes | Message]
    limits: Limits = DEFAULT
    piece: int = 0
    at: int = 0

    # --- small things -----------------------------------------------------------------------------------------------

    def _expected(self, what: str) -> BadSyntax:
        return BadSyntax(f"{what} expected at octet {sum(map(len, self.texts[: self.piece])) + self.at + 1}")

    def _take(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        match = pattern.match(self.texts[self.piece], self.at)
        if match is not None:
            self.at = match.end()
        return match

    def peek(self, octets: bytes) -> bool:
        """Whether these octets come next."""
        return self.texts[self.piece].startswith(octets, self.at)

    def accept(self, octets: bytes) -> bool:
        """Consume these octets if they come next."""
        if not self.peek(octets):
            return False
        self.at += len(octets)
        return True

    def expect(self, octets: bytes) -> None:
        """Consume these octets."""
        if not self.accept(octets):
            raise self._expected(repr(octets.decode("latin-1")))

    def sp(self) -> None:
        """Consume one space."""
        if not self.accept(b" "):
            raise self._expected("a space")

    def at_end(self) -> bool:
        """Whether nothing comes any more."""
        return self.at == len(self.texts[self.piece]) and self.piece == len(self.literals)

    def end(self) -> None:
        """Demand that nothing comes any more."""
        if not self.at_end():
            raise self._expected("the end of the command")

    def parenthesized(self, item: Callable[[], T], most: int, empty: bool = False) -> list[T]:
        """Read C{"(" item *(SP item) ")"} of at most so many items."""
        self.expect(b"(")
        items: list[T] = []
        if empty and self.accept(b")"):
            return items
        while True:
            items.append(item())
            if len(items) > most:
                raise BadSyntax(f"a list has more than {most} items")
            if self.accept(b")"):
                return items
            self.sp()

    # --- strings ----------------------------------------------------------------------------------------------------

    def atom(self) -> bytes:
        """C{atom}"""
        match = self._take(_ATOM)
        if match is None:
            raise self._expected("an atom")
        return match[0]

    def word(self) -> bytes:
        """An atom in capitals: keywords are case-insensitive."""
        return self.atom().upper()

    def literal(self) -> bytes | Message | None:
        """Return the literal that comes next, if one does."""
        if self.at < len(self.texts[self.piece]) or self.piece >= len(self.literals):
            return None
        self.piece, self.at = self.piece + 1, 0
        return self.literals[self.piece - 1]

    def string(self) -> bytes:
        """C{string}"""
        match = self._take(_QUOTED)
        if match is not None:
            return _UNQUOTE.sub(rb"\1", match[1]) if b"\\" in match[1] else match[1]
        literal = self.literal()
        if not isinstance(literal, bytes):
            raise self._expected("a string")
        return literal

    def astring(self) -> bytes:
        """C{astring}"""
        match = self._take(_ASTRING)
        return self.string() if match is None else match[0]

    def nstring(self) -> bytes | None:
        """C{nstring}"""
        if self.texts[self.piece][self.at : self.at + 3].upper() == b"NIL":
            self.at += 3
            return None
        return self.string()

    def message(self) -> Message:
        """APPEND's literal."""
        literal = self.literal()
        if literal is None:
            raise self._expected("a literal")
        return literal if isinstance(literal, Message) else Message.from_bytes(literal)

    # --- mailboxes --------------------------------------------------------------------------------------------------

    def mailbox(self) -> str:
        """C{mailbox}: decoded, INBOX in capitals. Whether such a mailbox may be is not decided here."""
        return canonical(_mailbox_text(self.astring()))

    def list_mailbox(self) -> str:
        """C{list-mailbox}: a pattern."""
        match = self._take(_LIST_MAILBOX)
        return _mailbox_text(self.string() if match is None else match[0])

    # --- numbers ----------------------------------------------------------------------------------------------------

    def number(self, most: int = UID_MAX) -> int:
        """C{number}"""
        match = self._take(_NUMBER)
        if match is None or int(match[0]) > most:
            raise self._expected(f"a number up to {most}")
        return int(match[0])

    def nz_number(self, most: int = UID_MAX) -> int:
        """C{nz-number}"""
        value = self.number(most)
        if value == 0:
            raise self._expected("a number that is not 0")
        return value

    def mod_sequence_valzer(self) -> int:
        """C{mod-sequence-valzer} (RFC 7162 section 7)."""
        return self.number(MODSEQ_MAX)

    def sequence_set(self) -> SequenceSet:
        """C{sequence-set}"""
        match = self._take(_SEQUENCE_SET)
        if match is None:
            raise self._expected("a sequence set")
        ranges = match[0].split(b",")
        if len(ranges) > self.limits.sequence_ranges:
            raise BadSyntax(f"a sequence set has more than {self.limits.sequence_ranges} ranges")
        return SequenceSet(tuple(map(_seq_range, ranges)))

    # --- dates ------------------------------------------------------------------------------------------------------

    def date(self) -> date:
        """C{date}"""
        match = self._take(_DATE)
        try:
            if match is not None:
                return date(int(match[4]), _MONTHS[match[3].lower()], int(match[2]))
        except (KeyError, ValueError):
            pass  # no such day
        raise self._expected("a date like 1-Feb-1994")

    def date_time(self) -> int:
        """C{date-time}: seconds since the epoch."""
        when = dates.parse_internal_date(self.string())
        if when is None:
            raise self._expected('a date like "17-Jul-1996 02:44:25 -0700"')
        return int(when.timestamp())

    # --- flags ------------------------------------------------------------------------------------------------------

    def flag(self) -> str:
        """C{flag}; a system flag in its RFC 3501 spelling."""
        match = self._take(_FLAG)
        if match is None:
            raise self._expected("a flag")
        text = match[0].decode("ascii")
        if not text.startswith("\\"):
            return text
        if text.lower() not in _SYSTEM:
            raise BadSyntax(f"{text} is no flag that can be changed")
        return _SYSTEM[text.lower()]

    def flag_list(self) -> FlagSet:
        """C{flag-list}"""
        return frozenset(self.parenthesized(self.flag, self.limits.flags, empty=True))

    def store_flags(self) -> FlagSet:
        """STORE's C{flag-list / (flag *(SP flag))}"""
        if self.peek(b"("):
            return self.flag_list()
        flags = [self.flag()]
        while self.accept(b" ") and len(flags) < self.limits.flags:
            flags.append(self.flag())
        return frozenset(flags)

    # --- body sections ----------------------------------------------------------------------------------------------

    def section(self) -> Section:
        """C{section}"""
        self.expect(b"[")
        match = self._take(_SECTION)
        assert match is not None, "every part of the pattern is optional"
        path = tuple(map(int, match[1].split(b"."))) if match[1] else ()
        text = match[3].upper() if match[3] else None
        if 0 in path or len(path) > self.limits.part_depth or bool(match[2]) != bool(path and text):
            raise self._expected("a body section")
        if text == b"MIME" and not path:
            raise self._expected("a part number before MIME")
        names: tuple[bytes, ...] = ()
        if text in (b"HEADER.FIELDS", b"HEADER.FIELDS.NOT"):
            self.sp()
            names = tuple(self.parenthesized(self.astring, self.limits.header_names))
        self.expect(b"]")
        return Section(path, text, names)

    def partial(self) -> tuple[int, int] | None:
        """The optional C{"<" number "." nz-number ">"}: first octet and how many."""
        if not self.peek(b"<"):
            return None
        match = self._take(_PARTIAL)
        if match is None or int(match[2]) == 0:
            raise self._expected("a partial like <0.2048>")
        return int(match[1]), int(match[2])


def _seq_range(text: bytes) -> tuple[int, int]:
    low, colon, high = text.partition(b":")
    first = _seq_number(low)
    return first, _seq_number(high) if colon else first


def _seq_number(text: bytes) -> int:
    if text == b"*":
        return STAR
    number = int(text)
    if not 1 <= number <= UID_MAX:
        raise BadSyntax("a message number is between 1 and 4294967295")
    return number


def _mailbox_text(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadSyntax("a mailbox name is modified UTF-7") from None
    try:
        # Several clients send UTF-8 without asking for it first; what they mean is plain.
        return utf7.decode(text) if text.isascii() else text
    except ValueError:
        raise BadSyntax("a mailbox name is modified UTF-7") from None
