"""Sections of a message, C{BODY[1.2.HEADER]} and the like: where their octets are (RFC 3501 6.4.5)."""

from __future__ import annotations

from attrs import frozen

from mailframe.message.outline import Tree


@frozen
class Section:
    """
    What stands between the brackets.

    @ivar path: the part numbers; empty is the message.
    @ivar text: C{HEADER}, C{HEADER.FIELDS}, C{HEADER.FIELDS.NOT}, C{TEXT}, C{MIME}, or C{None} for all of it.
    @ivar names: the field names of HEADER.FIELDS and HEADER.FIELDS.NOT.
    """

    path: tuple[int, ...] = ()
    text: bytes | None = None
    names: tuple[bytes, ...] = ()


def locate(outline: Tree, section: Section) -> tuple[int, int] | None:
    """
    Return the start and the length of the octets that answer a section, or C{None} when there is no such part (NIL).

    For HEADER.FIELDS and HEADER.FIELDS.NOT it is the whole header, for L{mailframe.message.headers.select}.
    """
    if not section.path:
        return _of_message(outline, section.text)
    part = _part(outline, section.path)
    if part is None:
        return None
    if section.text is None:
        return part.body, part.end - part.body
    if section.text == b"MIME":
        return part.header, part.body - part.header
    return None if part.message is None else _of_message(part.message, section.text)


def _of_message(message: Tree, text: bytes | None) -> tuple[int, int] | None:
    if text is None:
        return message.header, message.end - message.header
    if text == b"TEXT":
        return message.body, message.end - message.body
    return None if text == b"MIME" else (message.header, message.body - message.header)


def _part(message: Tree, path: tuple[int, ...]) -> Tree | None:
    """Follow part numbers; a message that is no multipart has itself as its part 1."""
    part = message
    whole = True  # part is a message and not yet one of its parts
    for number in path:
        if part.message is not None and not whole:
            part, whole = part.message, True
        if 1 <= number <= len(part.parts):
            part = part.parts[number - 1]
        elif not (whole and number == 1 and not part.parts):
            return None
        whole = False
    return part
