"""The MIME tree of a message as offsets into it: nothing is decoded, nothing is copied (RFC 2045, RFC 2046).

Each multipart's body is searched for its own boundary, outer ones first, so that an outer boundary always ends what is
inside; C{find} over whole regions does the work. All offsets count from the first octet of the message.
"""

from __future__ import annotations

import re
from functools import lru_cache

from attrs import define, field, frozen

from mailframe.message import comments, headers, parameters
from mailframe.message.envelope import compose, correspondents, text_fields
from mailframe.message.headers import Buffer, Index
from mailframe.message.limits import DEFAULT, Limits
from mailframe.message.newlines import Newlines, total
from mailframe.message.parameters import Parametered, Parameters
from mailframe.values import value

TEXT_PLAIN = Parametered(b"text/plain", ((b"charset", b"us-ascii"),))
"""RFC 2045 5.2: what an entity is that does not say, or says it wrongly."""
MESSAGE_RFC822 = Parametered(b"message/rfc822")
"""RFC 2046 5.1.5: the same within a C{multipart/digest}."""
OPAQUE = Parametered(b"application/octet-stream")
"""What lies too deep to be looked into."""
_EMBEDDED = frozenset((b"message/rfc822", b"message/global"))

# Behind the boundary: transport padding and the line's end (RFC 2046 5.1.1). Anything else makes it another boundary
# that begins alike, which nested multiparts of some programs have.
_DELIMITER_TAIL = re.compile(rb"(--)?[ \t]*(?:\r?\n|\r?\Z)")
_DESCRIPTION = (
    *(b"content-id", b"content-description", b"content-transfer-encoding", b"content-disposition"),
    *(b"content-language", b"content-location", b"content-md5"),
)
DESCRIBING = (b"content-type", *_DESCRIPTION)
"""The fields of a header that a L{Part} is made of."""
_TYPE = re.compile(rb"[^/\s]+/[^/\s]+")
_CR = 0x0D


@value
class Part:
    """
    One entity: the message itself, a part of a multipart, or an embedded message.

    @ivar header: where its header begins.
    @ivar body: where its body begins, behind the header's empty line.
    @ivar end: where its body ends; the line end before a boundary belongs to the boundary.
    @ivar lines: line ends in the body.
    @ivar type: C{text}, lower case.
    @ivar subtype: C{plain}, lower case.
    @ivar parameters: of Content-Type, as they stand.
    @ivar id: Content-ID, unfolded; this and the fields below are C{None} or empty when absent.
    @ivar encoding: Content-Transfer-Encoding as it stands, C{7bit} when absent.
    @ivar language: the tags of Content-Language.
    @ivar parts: of a multipart, never empty there: one without parts is C{text/plain}.
    @ivar message: the embedded message of C{message/rfc822} and C{message/global}.
    @ivar envelope: its ENVELOPE, if this is an embedded message.
    """

    header: int
    body: int
    end: int
    lines: int
    type: bytes
    subtype: bytes
    parameters: Parameters
    id: bytes | None
    description: bytes | None
    encoding: bytes
    disposition: Parametered | None
    language: tuple[bytes, ...]
    location: bytes | None
    md5: bytes | None
    parts: tuple[Part, ...] = ()
    message: Part | None = None
    envelope: bytes | None = None


def scan(head: bytes, body: Buffer, limits: Limits = DEFAULT) -> Part:
    """Return the tree of a message, given in two pieces as L{headers.split} makes them."""
    return scan_indexed(headers.index(head, limits), len(head), body, limits)


def scan_indexed(index: Index, head_octets: int, body: Buffer, limits: Limits = DEFAULT) -> Part:
    """Do what L{scan} does, for a header already indexed."""
    kind = _content_type(index, TEXT_PLAIN, limits)
    if not _holds_others(kind):
        return _part(kind, index, limits, 0, head_octets, head_octets + len(body), total(body))
    scanner = _Scanner(body, head_octets, limits)
    return scanner.entity(index, _Extent(-head_octets, 0, len(body)), TEXT_PLAIN, 1)


def holds_others(index: Index, limits: Limits) -> bool:
    """Return whether there may be other parts in a message of this header."""
    return _holds_others(_content_type(index, TEXT_PLAIN, limits))


def _holds_others(kind: Parametered) -> bool:
    return kind.value.startswith(b"multipart/") or kind.value in _EMBEDDED


def _part(
    kind: Parametered,
    index: Index,
    limits: Limits,
    header: int,
    body: int,
    end: int,
    lines: int,
    parts: tuple[Part, ...] = (),
    message: Part | None = None,
    envelope: bytes | None = None,
) -> Part:
    type_, _, subtype = kind.value.partition(b"/")
    described = _described(index, limits)
    return Part(header, body, end, lines, type_, subtype, kind.parameters, *described, parts, message, envelope)


@frozen
class _Extent:
    """Where an entity is, in positions of the body's buffer."""

    header: int
    body: int
    end: int


@frozen
class _Delimiter:
    """A boundary line: where it begins, where the next line does, and whether it is the closing one."""

    line: int
    after: int
    closing: bool


@define
class _Scanner:
    """One scan: the buffer, and what is left of its budgets."""

    buffer: Buffer
    base: int
    limits: Limits
    newlines: Newlines = field(init=False)
    parts: int = field(init=False)
    delimiters: int = field(init=False)
    header_bytes: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.newlines = Newlines(self.buffer)
        self.parts = self.limits.parts - 1
        self.delimiters = self.limits.delimiters
        self.header_bytes = self.limits.mime_header_bytes

    def entity(
        self, index: Index, at: _Extent, default: Parametered, depth: int, envelope: bytes | None = None
    ) -> Part:
        """Return the part at an extent whose header is indexed; C{default} is its type when it names none."""
        kind = _content_type(index, default, self.limits)
        parts: tuple[Part, ...] = ()
        message: Part | None = None
        if kind.value.startswith(b"multipart/"):
            kind, parts = self.multipart(kind, at, depth)
        elif kind.value in _EMBEDDED:
            kind, message = self.embedded(kind, at, depth)
        header, body, end = at.header + self.base, at.body + self.base, at.end + self.base
        lines = self.newlines.count(at.body, at.end)
        return _part(kind, index, self.limits, header, body, end, lines, parts, message, envelope)

    def multipart(self, kind: Parametered, at: _Extent, depth: int) -> tuple[Parametered, tuple[Part, ...]]:
        """Return the type and the parts: a multipart without any is taken as plain text."""
        if depth >= self.limits.depth or not self.parts:
            return OPAQUE, ()
        boundary = (kind.get(b"boundary") or b"").rstrip(b" \t")
        if not boundary or len(boundary) > self.limits.boundary_bytes or b"\n" in boundary:
            return TEXT_PLAIN, ()
        default = MESSAGE_RFC822 if kind.value == b"multipart/digest" else TEXT_PLAIN
        parts: list[Part] = []
        begin = self.delimiter(b"\n--" + boundary, at.body, at.end)
        while begin and not begin.closing and self.parts:
            self.parts -= 1
            # The last part that is listed reaches to the end.
            following = self.delimiter(b"\n--" + boundary, begin.after, at.end) if self.parts else None
            end = self.before(following.line, begin.after) if following else at.end
            parts.append(self.part(begin.after, end, default, depth + 1))
            begin = following
        return (kind, tuple(parts)) if parts else (TEXT_PLAIN, ())

    def delimiter(self, needle: bytes, start: int, end: int) -> _Delimiter | None:
        """
        Return the first boundary line at or behind C{start}, which is the beginning of a line.

        @param needle: LF, two hyphens and the boundary.
        """
        line = start
        octets = len(needle) - 1
        if self.buffer[start : start + octets] != needle[1:]:
            line = self.next_line(needle, start, end)
        while line >= 0 and line + octets <= end and self.delimiters:
            self.delimiters -= 1
            tail = _DELIMITER_TAIL.match(self.buffer, line + octets, end)
            if tail:
                return _Delimiter(line, tail.end(), tail[1] is not None)
            line = self.next_line(needle, line, end)
        return None

    def next_line(self, needle: bytes, start: int, end: int) -> int:
        found = self.buffer.find(needle, start, end)
        return found + 1 if found >= 0 else -1

    def before(self, line: int, start: int) -> int:
        """Return where the line before C{line} ends: its line end is part of the delimiter (RFC 2046 5.1.1)."""
        end = line - 1
        if end > start and self.buffer[end - 1] == _CR:
            end -= 1
        return max(end, start)

    def part(self, start: int, end: int, default: Parametered, depth: int) -> Part:
        body, index = self.header(start, end)
        return self.entity(index, _Extent(start, body, end), default, depth)

    def embedded(self, kind: Parametered, at: _Extent, depth: int) -> tuple[Parametered, Part | None]:
        """Return the type and the embedded message."""
        if depth >= self.limits.depth or not self.parts:
            return OPAQUE, None
        self.parts -= 1
        body, index = self.header(at.body, at.end)
        envelope = compose(text_fields(index), correspondents(index, self.limits))
        return kind, self.entity(index, _Extent(at.body, body, at.end), TEXT_PLAIN, depth + 1, envelope)

    def header(self, start: int, end: int) -> tuple[int, Index]:
        """Return where the body begins behind the header at C{start}, and the header's fields, while they may cost."""
        body = headers.header_end(self.buffer, start, end, self.limits.header_bytes)
        self.header_bytes -= body - start
        return body, headers.index(self.buffer[start:body], self.limits) if self.header_bytes >= 0 else {}


def _content_type(index: Index, default: Parametered, limits: Limits) -> Parametered:
    value = headers.value(index, b"content-type")
    if value is None:
        return default
    kind = _parsed(value, limits) if len(value) <= _CACHED else parameters.parse(value, limits)
    return kind if _TYPE.fullmatch(kind.value) else TEXT_PLAIN


_CACHED = 80
_parsed = lru_cache(maxsize=256)(parameters.parse)  # a handful of short values is most of all mail


def _described(
    index: Index, limits: Limits
) -> tuple[bytes | None, bytes | None, bytes, Parametered | None, tuple[bytes, ...], bytes | None, bytes | None]:
    """Return the fields of a L{Part} from C{id} to C{md5}."""
    if index.keys().isdisjoint(_DESCRIPTION):
        return None, None, b"7bit", None, (), None, None
    value = headers.value
    disposition = value(index, b"content-disposition")
    return (
        value(index, b"content-id"),
        value(index, b"content-description"),
        _token(value(index, b"content-transfer-encoding")) or b"7bit",
        parameters.parse(disposition, limits) if disposition else None,
        _languages(value(index, b"content-language"), limits),
        value(index, b"content-location"),
        value(index, b"content-md5"),
    )


def _token(value: bytes | None) -> bytes:
    words = comments.strip(value).split(None, 1) if value else ()
    return words[0].rstrip(b";") if words else b""


def _languages(value: bytes | None, limits: Limits) -> tuple[bytes, ...]:
    if value is None:
        return ()
    tags = (tag.strip() for tag in comments.strip(value).split(b",", limits.languages)[: limits.languages])
    return tuple(tag for tag in tags if tag)
