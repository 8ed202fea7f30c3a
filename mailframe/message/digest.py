"""Everything a store keeps beside a message, computed once when it is delivered."""

from __future__ import annotations

from functools import lru_cache

from mailframe.message import bodystructure, dates, headers, outline, references, subject, words
from mailframe.message.bodystructure import Single
from mailframe.message.envelope import compose, correspondents, text_fields
from mailframe.message.headers import Buffer, Index
from mailframe.message.limits import DEFAULT, Limits
from mailframe.message.newlines import total
from mailframe.message.parts import DESCRIBING, holds_others, scan_indexed
from mailframe.message.remembering import remembered
from mailframe.values import value


@value
class Digest:
    """
    What is known of a message without reading it again.

    @ivar size: octets (RFC822.SIZE).
    @ivar envelope: as IMAP sends it, and so are the next two.
    @ivar bodystructure: with extension data.
    @ivar body: without.
    @ivar outline: L{mailframe.message.outline.load} reads it.
    @ivar sent: seconds since the epoch, UTC, of the Date field; C{None} when it names no date.
    @ivar subject: decoded.
    @ivar base_subject: RFC 5256 2.1, in its own case.
    @ivar from_: the decoded local part of the first address, RFC 5256's sort key, in its own case; so C{to} and C{cc}.
    @ivar message_id: C{<left@right>} or C{None}.
    @ivar references: message ids, oldest first (RFC 5256, REFERENCES).
    """

    size: int
    envelope: bytes
    bodystructure: bytes
    body: bytes
    outline: bytes
    sent: int | None
    subject: str
    base_subject: str
    from_: str
    to: str
    cc: str
    message_id: bytes | None
    references: tuple[bytes, ...]


def digest(head: bytes, body: Buffer, limits: Limits = DEFAULT) -> Digest:
    """Compute the digest of a message given in two pieces, as L{headers.split} makes them."""
    index = headers.index(head, limits)
    texts, people = text_fields(index), correspondents(index, limits)
    date, raw_title, in_reply_to, own_id = texts
    title = words.decode(raw_title, limits) if raw_title else ""
    return Digest(
        len(head) + len(body),
        compose(texts, people),
        *_structure(index, len(head), body, limits),
        None if date is None else _sent(date),
        title,
        subject.base(title) if title else "",
        people.from_,
        people.to,
        people.cc,
        references.message_id(own_id),
        references.references(headers.value(index, b"references"), in_reply_to, limits),
    )


def _structure(index: Index, head_octets: int, body: Buffer, limits: Limits) -> tuple[bytes, bytes, bytes]:
    """Return BODYSTRUCTURE, BODY and the outline."""
    if _DESCRIBING.isdisjoint(index):
        single = _PLAIN
    elif holds_others(index, limits):
        part = scan_indexed(index, head_octets, body, limits)
        basic, full = bodystructure.written(part)
        return full, basic, outline.dump(part)
    else:
        single = _single(index, limits)
    octets = len(body)
    basic, full = single.written(octets, total(body))
    return full, basic, outline.single(0, head_octets, head_octets + octets)


def _read_single(index: Index, limits: Limits) -> Single:
    return bodystructure.single(scan_indexed(index, 0, b"", limits))


_PLAIN = _read_single({}, DEFAULT)
_DESCRIBING = frozenset(DESCRIBING)
_single = remembered(DESCRIBING, _read_single, 256)


def _sent(value: bytes) -> int | None:
    return _known_sent(value) if len(value) <= _REMEMBERED else _read_sent(value)


def _read_sent(value: bytes) -> int | None:
    when = dates.parse(value)
    return None if when is None else int(when.timestamp())


_REMEMBERED = 60
"""Octets of a date that is worth remembering: what is sent to many comes as many messages, with one date."""
_known_sent = lru_cache(maxsize=256)(_read_sent)
