"""Everything a store keeps beside a message, computed once when it is delivered."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from mailframe.message import bodystructure, dates, headers, outline, references, subject, words
from mailframe.message.addresses import Address, Mailbox
from mailframe.message.envelope import address_fields, compose
from mailframe.message.headers import Buffer
from mailframe.message.limits import DEFAULT, Limits
from mailframe.message.parts import scan_indexed


@frozen
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
    lists = address_fields(index, limits)
    title = words.decode(headers.value(index, b"subject") or b"", limits)
    body_written, bodystructure_written = bodystructure.written(part)
    in_reply_to = headers.value(index, b"in-reply-to")
    return Digest(
        size=len(head) + len(body),
        envelope=compose(index, lists),
        bodystructure=bodystructure_written,
        body=body_written,
        outline=outline.dump(part),
        sent=_sent(headers.value(index, b"date")),
        subject=title,
        base_subject=subject.base(title),
        from_=_sort_key(lists.get(b"from"), limits),
        to=_sort_key(lists.get(b"to"), limits),
        cc=_sort_key(lists.get(b"cc"), limits),
        message_id=references.message_id(headers.value(index, b"message-id")),
        references=references.references(headers.value(index, b"references"), in_reply_to, limits),
    )


def _sent(value: bytes | None) -> int | None:
    when = dates.parse(value) if value else None
    return None if when is None else int(when.timestamp())


def _sort_key(found: Sequence[Address] | None, limits: Limits) -> str:
    """RFC 5256 3: addr-mailbox of the first address, which for a group is the group's name."""
    if not found:
        return ""
    first = found[0]
    return words.decode(first.local if isinstance(first, Mailbox) else first.name, limits)
