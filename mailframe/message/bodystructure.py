"""BODYSTRUCTURE and BODY: the MIME tree as IMAP writes it (RFC 3501 7.4.2)."""

from __future__ import annotations

from mailframe.message.parameters import Parametered, Parameters
from mailframe.message.parts import Part
from mailframe.message.quoting import nstring, string


def bodystructure(part: Part) -> bytes:
    """Return BODYSTRUCTURE: with extension data."""
    return _written(part, True)


def body(part: Part) -> bytes:
    """Return BODY: without extension data."""
    return _written(part, False)


def _written(part: Part, extended: bool) -> bytes:
    basic = _multipart(part, extended) if part.parts else _single(part, extended)
    return b"(%b%b)" % (basic, _extension(part) if extended else b"")


def _multipart(part: Part, extended: bool) -> bytes:
    children = b"".join([_written(each, extended) for each in part.parts])
    return b"%b %b" % (children, string(part.subtype))


def _single(part: Part, extended: bool) -> bytes:
    fields = b"%b %b %b %b %b %b %d" % (
        string(part.type),
        string(part.subtype),
        _parameters(part.parameters),
        nstring(part.id),
        nstring(part.description),
        string(part.encoding),
        part.end - part.body,
    )
    if part.message is not None:
        inner = _written(part.message, extended)
        return b"%b %b %b %d" % (fields, part.message.envelope or b"", inner, part.lines)
    return b"%b %d" % (fields, part.lines) if part.type == b"text" else fields


def _extension(part: Part) -> bytes:
    return b" %b %b %b %b" % (
        _parameters(part.parameters) if part.parts else nstring(part.md5),
        _disposition(part.disposition),
        b"(%b)" % b" ".join(map(string, part.language)) if part.language else b"NIL",
        nstring(part.location),
    )


def _parameters(parameters: Parameters) -> bytes:
    if not parameters:
        return b"NIL"
    return b"(%b)" % b" ".join([string(word) for pair in parameters for word in pair])


def _disposition(disposition: Parametered | None) -> bytes:
    if disposition is None:
        return b"NIL"
    return b"(%b %b)" % (string(disposition.value), _parameters(disposition.parameters))
