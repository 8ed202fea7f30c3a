"""BODYSTRUCTURE and BODY: the MIME tree as IMAP writes it (RFC 3501 7.4.2)."""

from __future__ import annotations

from functools import lru_cache

from mailframe.message.parameters import Parametered, Parameters
from mailframe.message.parts import Part
from mailframe.message.quoting import nstring, string
from mailframe.values import value

_SHORT = 20
_known = lru_cache(maxsize=1024)(string)


def _word(word: bytes) -> bytes:
    """Return a L{string} of a word that mail is full of, such as C{text} and C{utf-8}."""
    return _known(word) if len(word) <= _SHORT else string(word)


def bodystructure(part: Part) -> bytes:
    """Return BODYSTRUCTURE: with extension data."""
    return written(part)[1]


def body(part: Part) -> bytes:
    """Return BODY: without extension data."""
    return written(part)[0]


@value
class Single:
    """
    What is written of a part that holds no others, but for its size.

    @ivar start: up to its encoding.
    @ivar extension: its extension data.
    @ivar is_text: lines are counted.
    """

    start: bytes
    extension: bytes
    is_text: bool

    def written(self, octets: int, lines: int) -> tuple[bytes, bytes]:
        """Return BODY and BODYSTRUCTURE of such a part."""
        fields = b"(%b %d %d" % (self.start, octets, lines) if self.is_text else b"(%b %d" % (self.start, octets)
        return b"%b)" % fields, b"%b%b)" % (fields, self.extension)


def single(part: Part) -> Single:
    """Return what does not depend on the size of a part."""
    return Single(_start(part), _extension(part), part.type == b"text")


def written(part: Part) -> tuple[bytes, bytes]:
    """Return BODY and BODYSTRUCTURE, which differ only by the extension data of each part."""
    if part.parts:
        basic, full = _multipart(part)
    elif part.message is not None:
        basic, full = _embedding(part, part.message)
    else:
        return single(part).written(part.end - part.body, part.lines)
    return b"(%b)" % basic, b"(%b%b)" % (full, _extension(part))


def _multipart(part: Part) -> tuple[bytes, bytes]:
    basic, full = zip(*map(written, part.parts), strict=True)
    subtype = string(part.subtype)
    return b"%b %b" % (b"".join(basic), subtype), b"%b %b" % (b"".join(full), subtype)


def _embedding(part: Part, message: Part) -> tuple[bytes, bytes]:
    basic, full = written(message)
    fields = b"%b %d %b" % (_start(part), part.end - part.body, message.envelope or b"")
    return b"%b %b %d" % (fields, basic, part.lines), b"%b %b %d" % (fields, full, part.lines)


def _start(part: Part) -> bytes:
    described = _known_kind if part.id is None and len(part.parameters) <= 1 else _kind
    return described(part.type, part.subtype, part.parameters, part.id, part.description, part.encoding)


def _kind(
    type_: bytes, subtype: bytes, parameters: Parameters, id_: bytes | None, description: bytes | None, encoding: bytes
) -> bytes:
    words = _word(type_), _word(subtype), _parameters(parameters)
    return b"%b %b %b %b %b %b" % (*words, nstring(id_), nstring(description), _word(encoding))


_known_kind = lru_cache(maxsize=256)(_kind)  # text in the usual character sets is most of what has no id


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
    return b"(%b)" % b" ".join([_word(word) for pair in parameters for word in pair])


def _disposition(disposition: Parametered | None) -> bytes:
    if disposition is None:
        return b"NIL"
    return b"(%b %b)" % (string(disposition.value), _parameters(disposition.parameters))
