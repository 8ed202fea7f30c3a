"""Everything a store keeps beside a message, computed once when it is delivered."""

from __future__ import annotations

from functools import lru_cache

from mailframe.message import bodystructure, dates, headers, outline, references, subject, words
from mailframe.message.envelope import NOBODY, address_fields, compose, text_fields
from mailframe.message.headers import Buffer
from mailframe.message.limits import DEFAULT, Limits
from mailframe.message.parts import scan_indexed
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
    part = scan_indexed(index, len(head), body, limits)
    texts, lists = text_fields(index), address_fields(index, limits)
    raw_title = texts.get(b"subject")
    title = words.decode(raw_title, limits) if raw_title else ""
    body_written, bodystructure_written = bodystructure.written(part)
    return Digest(
        size=len(head) + len(body),
        envelope=compose(texts, lists),
        bodystructure=bodystructure_written,
        body=body_written,
        outline=outline.dump(part),
        sent=_sent(texts[b"date"]) if b"date" in texts else None,
        subject=title,
        base_subject=subject.base(title) if title else "",
        from_=lists.get(b"from", NOBODY).key,
        to=lists.get(b"to", NOBODY).key,
        cc=lists.get(b"cc", NOBODY).key,
        message_id=references.message_id(texts.get(b"message-id")),
        references=references.references(headers.value(index, b"references"), texts.get(b"in-reply-to"), limits),
    )


def _sent(value: bytes) -> int | None:
    return _known_sent(value) if len(value) <= _REMEMBERED else _read_sent(value)


def _read_sent(value: bytes) -> int | None:
    when = dates.parse(value)
    return None if when is None else int(when.timestamp())


_REMEMBERED = 60
"""Octets of a date that is worth remembering: what is sent to many comes as many messages, with one date."""
_known_sent = lru_cache(maxsize=256)(_read_sent)
