"""The outline of a message: the offsets of its parts alone, small enough to be stored beside it and quick to read."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from attrs import frozen

from mailframe.message.parts import Part


@frozen
class Outline:
    """
    Where a part is; the fields mean what they mean in L{Part}.

    @ivar parts: of a multipart.
    @ivar message: of an embedded message's part.
    """

    header: int
    body: int
    end: int
    parts: tuple[Outline, ...] = ()
    message: Outline | None = None


_ENCODE = json.JSONEncoder(separators=(",", ":")).encode

Tree: TypeAlias = "Outline | Part"
"""What sections and texts are found in: either will do."""


def dump(part: Tree) -> bytes:
    """Return the outline of a part for storing: JSON, C{[header, body, end, [part, ...], message]} cut where empty."""
    if not part.parts and part.message is None:
        return single(part.header, part.body, part.end)
    return _ENCODE(_listed(part)).encode("ascii")


def single(header: int, body: int, end: int) -> bytes:
    """Return the outline of a part that holds no others, as most of all mail is."""
    return b"[%d,%d,%d]" % (header, body, end)


def _listed(part: Tree) -> list[Any]:
    offsets: list[Any] = [part.header, part.body, part.end]
    if part.message is not None:
        return [*offsets, [], _listed(part.message)]
    return [*offsets, [_listed(each) for each in part.parts]] if part.parts else offsets


def load(data: bytes) -> Outline:
    """
    Return what L{dump} wrote.

    @raise ValueError: it did not write this.
    """
    try:
        return _outline(json.loads(data))
    except (TypeError, RecursionError) as error:
        raise ValueError("this is no outline of a message") from error


def _outline(listed: list[Any]) -> Outline:
    header, body, end, *inner = listed
    if not inner:
        return Outline(header, body, end)
    parts, *message = inner
    return Outline(header, body, end, tuple(map(_outline, parts)), _outline(message[0]) if message else None)
