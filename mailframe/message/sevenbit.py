"""An 8bit message made 7bit, for a server without 8BITMIME (RFC 6152 section 3, RFC 2045 section 6).

Each part that needs it is encoded where it is: text in quoted-printable, all else in base64. Everything else stays
octet by octet as it was. What cannot be converted is told before the first octet of the result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial

from attrs import define, field

from mailframe.message import headers, parameters
from mailframe.message.composing import LINE
from mailframe.message.headers import Buffer
from mailframe.message.parts import OPAQUE, Part, scan
from mailframe.message.text import slice_of
from mailframe.message.transfer_encoding import base64, mended_base64, mended_quoted_printable, quoted_printable

BLOCK = 64 * 1024
"""Octets looked at, or passed on, at a time."""

_ENCODING = re.compile(rb"^content-transfer-encoding[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE)
_EMPTY_LINE = re.compile(rb"(?:\A|(?<=\n))\r?\n\Z")
_MENDED = {b"base64": mended_base64, b"quoted-printable": mended_quoted_printable}
_MESSAGES = (b"message/rfc822", b"message/global")
# RFC 2046 5.2.2 and 5.2.3: always 7bit, and never encoded. Other types of message may be (RFC 6532 3.5).
_NEVER_ENCODED = (b"message/partial", b"message/external-body")


class Unconvertible(ValueError):
    """The message cannot be made 7bit without changing what it says; the text is for its sender."""


class EightBitHeader(Unconvertible):
    """A header field is not ASCII: that needs SMTPUTF8, or was never right (RFC 6532 section 3)."""


class Signed(Unconvertible):
    """What needs to be encoded is signed, and the signature would no longer fit (RFC 1847 section 2.1)."""


def needs_conversion(head: bytes, body: Buffer, long_lines: bool = False) -> bool:
    """
    Return whether a message has octets beyond ASCII.

    @param long_lines: or lines in its body that are longer than RFC 5321 4.5.3.1.6 allows.
    """
    return not head.isascii() or _is_dirty(body, 0, len(body), long_lines)


def converted(head: bytes, body: Buffer, long_lines: bool = False) -> Iterator[bytes]:
    """
    Return the message as 7bit, in pieces of some 64 KiB, the first of which is its header.

    Parts that are declared C{binary} are always encoded. Preambles and epilogues of multiparts, which nobody reads, are
    left out where they are not 7bit.

    @param body: must stay mapped until the last piece was taken.
    @param long_lines: encode parts with lines too long, too; those of headers stay.
    @raise Unconvertible: it cannot be done.
    """
    conversion = _Conversion(head, body, long_lines)
    conversion.entity(scan(head, body), is_message=True)
    return conversion.pieces()


def _is_dirty(buffer: Buffer, start: int, end: int, long_lines: bool) -> bool:
    return _is_eight_bit(buffer, start, end) or (long_lines and _is_long(buffer, start, end))


def _is_eight_bit(buffer: Buffer, start: int, end: int) -> bool:
    if isinstance(buffer, bytes) and (start, end) == (0, len(buffer)):
        return not buffer.isascii()
    return not all(buffer[at : min(at + BLOCK, end)].isascii() for at in range(start, end, BLOCK))


def _is_long(buffer: Buffer, start: int, end: int) -> bool:
    """Look for one line end in each stretch of the longest line."""
    while end - start > LINE:
        newline = buffer.rfind(b"\n", start, min(start + LINE + 2, end))
        if newline < 0:
            return True
        start = newline + 1
    return False


def _is_binary(part: Part) -> bool:
    """Whether any part is declared so."""
    if part.message:
        return _is_binary(part.message)
    return any(map(_is_binary, part.parts)) if part.parts else part.encoding.lower() == b"binary"


def _mime_version(header: bytes, is_message: bool) -> bytes:
    """Return the field that a message must have for its other MIME fields to mean anything (RFC 2045 section 4)."""
    return b"MIME-Version: 1.0\r\n" if is_message and b"mime-version" not in headers.index(header) else b""


def _with_fields(header: bytes, *fields: bytes) -> bytes:
    """Return a header with fields before its empty line, and without the Content-Transfer-Encoding it had."""
    header = _ENCODING.sub(b"", header)
    empty = _EMPTY_LINE.search(header)
    assert empty is not None  # it was checked before
    return b"".join([header[: empty.start()], *fields, empty[0]])


@define
class _Conversion:
    """
    Makes a plan from the tree, and then the pieces from the plan: so all errors come first.

    @ivar steps: calls that yield pieces, in their order.
    """

    head: bytes
    body: Buffer
    long_lines: bool
    steps: list[Callable[[], Iterator[bytes]]] = field(factory=list)

    def pieces(self) -> Iterator[bytes]:
        for step in self.steps:
            yield from step()

    # --- planning

    def entity(self, part: Part, is_message: bool) -> None:
        """Plan a part with its header; C{is_message} for the message itself and those in it."""
        if not self.is_touched(part):
            self.keep(part.header, part.body)
            self.keep(part.body, part.end)
            return
        header = self.header(part)
        kind = self.kind(header, part)
        if part.parts:
            self.container(header, is_message)
            self.multipart(part)
        elif part.message and kind != b"message/global":
            self.container(header, is_message)
            self.entity(part.message, is_message=True)
        else:
            self.leaf(part, kind, header, is_message)

    def is_touched(self, part: Part) -> bool:
        header = slice_of(self.head, self.body, part.header, part.body)
        return not header.isascii() or _is_binary(part) or self.is_dirty(part.body, part.end)

    def header(self, part: Part) -> bytes:
        """Return the header of a part that changes."""
        header = slice_of(self.head, self.body, part.header, part.body)
        if not header.isascii():
            raise EightBitHeader("a header field of the message is not ASCII")
        if not _EMPTY_LINE.search(header):
            raise Unconvertible("a header of the message does not end, or is too long")
        return header

    def kind(self, header: bytes, part: Part) -> bytes:
        """Return the type and subtype of a part, once it is sure that all of it was understood."""
        kind = b"%b/%b" % (part.type, part.subtype)
        declared = parameters.parse(headers.value(headers.index(header), b"content-type") or b"").value
        if kind == b"multipart/signed":
            raise Signed("the message is signed, and may not be changed")
        if declared.startswith(b"multipart/") and not self.is_complete(part):
            raise Unconvertible("the parts of the message are broken, or too many")
        if (declared in _MESSAGES and part.message is None) or kind == OPAQUE.value != declared:
            raise Unconvertible("the parts of the message are too many, or nested too deeply")
        if kind in _NEVER_ENCODED:
            raise Unconvertible(f"a part of the type {kind.decode('ascii')} may not be changed")
        return kind

    def is_complete(self, part: Part) -> bool:
        """Whether no boundary stands in what was taken for the last part: then there were more than are listed."""
        if not part.parts or part.parts[-1].end < part.end:
            return bool(part.parts)
        boundary = parameters.Parametered(b"", part.parameters).get(b"boundary") or b""
        return self.body.find(b"\n--" + boundary.rstrip(b" \t"), self.at(part.parts[-1].body), self.at(part.end)) < 0

    def container(self, header: bytes, is_message: bool) -> None:
        """Plan the header of what holds other entities, all of them 7bit now."""
        encoding = b"Content-Transfer-Encoding: 7bit\r\n" if _ENCODING.search(header) else b""
        self.write(_with_fields(header, _mime_version(header, is_message), encoding))

    def multipart(self, part: Part) -> None:
        self.preamble(part.body, part.parts[0].header)
        at = part.parts[0].header
        for each in part.parts:
            self.keep(at, each.header)
            self.entity(each, is_message=False)
            at = each.end
        self.epilogue(at, part.end)

    def preamble(self, start: int, end: int) -> None:
        """Plan what stands before the first part: text for nobody, and the boundary line that ends at C{end}."""
        if self.is_dirty(start, end):
            start = self.body.rfind(b"\n", 0, self.at(end) - 1) + 1 + len(self.head)
        self.keep(start, end)

    def epilogue(self, start: int, end: int) -> None:
        """Plan what stands behind the last part: the boundary line, and text for nobody."""
        if self.is_dirty(start, end):
            line = self.body.find(b"--", self.at(start))  # past the line end that belongs to the boundary
            newline = self.body.find(b"\n", line, self.at(end))
            end = newline + 1 + len(self.head) if newline >= 0 else end
        self.keep(start, end)

    def leaf(self, part: Part, kind: bytes, header: bytes, is_message: bool) -> None:
        """Plan a part that is encoded, or whose encoding is mended."""
        encoding, encoder = part.encoding.lower(), _MENDED.get(part.encoding.lower())
        if encoder is None and encoding.startswith(b"x-"):
            raise Unconvertible("a part of the message is not ASCII, in an encoding that is not known")
        if encoder is None:
            is_text = part.type in (b"text", b"message")
            encoding, encoder = (b"quoted-printable", quoted_printable) if is_text else (b"base64", base64)
        start, end = self.at(part.body), self.at(part.end)
        fields = [_mime_version(header, is_message), b"Content-Transfer-Encoding: %b\r\n" % encoding]
        if b"content-type" not in headers.index(header):  # RFC 1428 section 3
            charset = b"unknown-8bit" if _is_eight_bit(self.body, start, end) else b"us-ascii"
            fields.insert(1, b"Content-Type: text/plain; charset=%b\r\n" % charset)
        self.write(_with_fields(header, *fields))
        self.steps.append(partial(encoder, self.body, start, end))

    # --- offsets of the message, and octets

    def at(self, offset: int) -> int:
        """Return the position in the body of an offset of the message."""
        return offset - len(self.head)

    def is_dirty(self, start: int, end: int) -> bool:
        return _is_dirty(self.body, self.at(start), self.at(end), self.long_lines)

    def keep(self, start: int, end: int) -> None:
        self.steps.append(partial(self.raw, start, end))

    def write(self, octets: bytes) -> None:
        self.steps.append(partial(iter, (octets,)))

    def raw(self, start: int, end: int) -> Iterator[bytes]:
        if start < len(self.head):
            yield self.head
        for at in range(max(0, self.at(start)), self.at(end), BLOCK):
            yield self.body[at : min(at + BLOCK, self.at(end))]
