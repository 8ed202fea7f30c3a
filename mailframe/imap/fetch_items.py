"""FETCH's data items (RFC 3501 section 6.4.5): the table of their names, and what each asks of a message."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from attrs import frozen

from mailframe.imap.grammar import BadSyntax, Cursor
from mailframe.interfaces import Fact
from mailframe.message.quoting import string
from mailframe.message.sections import Section

_ITEM = re.compile(rb"[A-Za-z0-9.\-]+")


@frozen
class FlagsItem:
    """FLAGS"""


@frozen
class UidItem:
    """UID"""


@frozen
class ModseqItem:
    """MODSEQ (RFC 7162 3.1.5)"""


@frozen
class FactItem:
    """
    An item that the store answers in bulk.

    @ivar label: as the response names it.
    """

    label: bytes
    fact: Fact


@frozen
class SectionItem:
    """
    Octets of the message.

    @ivar label: as the response names it.
    @ivar peek: leave C{\\Seen} alone.
    @ivar partial: first octet and how many.
    """

    label: bytes
    section: Section
    peek: bool
    partial: tuple[int, int] | None = None


FetchItem: TypeAlias = FlagsItem | UidItem | ModseqItem | FactItem | SectionItem
ItemParser: TypeAlias = Callable[[Cursor], FetchItem]


@frozen
class FetchRequest:
    """
    What FETCH asks for.

    @ivar changed_since: only messages with a greater mod-sequence (RFC 7162 3.1.4.1).
    """

    items: tuple[FetchItem, ...]
    changed_since: int | None = None


def _constant(item: FetchItem) -> ItemParser:
    return lambda cursor: item


def _body(cursor: Cursor) -> FetchItem:
    if not cursor.peek(b"["):
        return FactItem(b"BODY", Fact.BODY)
    return _section(cursor, peek=False)


def _body_peek(cursor: Cursor) -> FetchItem:
    return _section(cursor, peek=True)


def _section(cursor: Cursor, peek: bool) -> FetchItem:
    section = cursor.section()
    partial = cursor.partial()
    label = b"BODY[%b]" % _section_text(section)
    if partial is not None:
        label += b"<%d>" % partial[0]
    return SectionItem(label, section, peek, partial)


def _section_text(section: Section) -> bytes:
    spec = [b"%d" % number for number in section.path]
    if section.text is not None:
        spec.append(section.text)
    text = b".".join(spec)
    if section.names:
        text += b" (%b)" % b" ".join(map(_header_name, section.names))
    return text


def _header_name(name: bytes) -> bytes:
    return name if re.fullmatch(rb"[!-'+-Z^-z|}~]+", name) else string(name)


FETCH_ITEMS: Mapping[bytes, ItemParser] = {
    b"FLAGS": _constant(FlagsItem()),
    b"UID": _constant(UidItem()),
    b"INTERNALDATE": _constant(FactItem(b"INTERNALDATE", Fact.INTERNAL_DATE)),
    b"RFC822.SIZE": _constant(FactItem(b"RFC822.SIZE", Fact.SIZE)),
    b"ENVELOPE": _constant(FactItem(b"ENVELOPE", Fact.ENVELOPE)),
    b"BODYSTRUCTURE": _constant(FactItem(b"BODYSTRUCTURE", Fact.BODYSTRUCTURE)),
    b"BODY": _body,
    b"BODY.PEEK": _body_peek,
    b"RFC822": _constant(SectionItem(b"RFC822", Section((), None), peek=False)),
    b"RFC822.HEADER": _constant(SectionItem(b"RFC822.HEADER", Section((), b"HEADER"), peek=True)),
    b"RFC822.TEXT": _constant(SectionItem(b"RFC822.TEXT", Section((), b"TEXT"), peek=False)),
}
"""The items of RFC 3501; extensions add theirs."""

_FAST = (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE")
MACROS = {b"FAST": _FAST, b"ALL": (*_FAST, b"ENVELOPE"), b"FULL": (*_FAST, b"ENVELOPE", b"BODY")}


def parse_items(cursor: Cursor, table: Mapping[bytes, ItemParser]) -> tuple[FetchItem, ...]:
    """
    Read FETCH's second argument: a macro, one item or a list; an item named twice is answered once.

    @raise BadSyntax: an item is unknown or malformed.
    """
    macro = next((name for name in MACROS if _is_word(cursor, name)), None)
    if macro is not None:
        cursor.at += len(macro)
        return tuple(table[name](cursor) for name in MACROS[macro])
    if cursor.peek(b"("):
        items = cursor.parenthesized(lambda: _item(cursor, table), cursor.limits.fetch_items)
    else:
        items = [_item(cursor, table)]
    return tuple(dict.fromkeys(items))


def _is_word(cursor: Cursor, name: bytes) -> bool:
    rest = cursor.texts[cursor.piece][cursor.at :]
    return rest.upper() == name or rest.upper().startswith(name + b" ")


def _item(cursor: Cursor, table: Mapping[bytes, ItemParser]) -> FetchItem:
    match = _ITEM.match(cursor.texts[cursor.piece], cursor.at)
    name = match[0].upper() if match else b""
    if match is None or name not in table:
        raise BadSyntax(f"{name.decode('ascii') or 'this'} is no FETCH item")
    cursor.at = match.end()
    return table[name](cursor)
