"""ENVELOPE: a message's header as IMAP structures it (RFC 3501 7.4.2, RFC 9051 7.5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

from attrs import frozen

from mailframe.message import addresses, headers, words
from mailframe.message.addresses import Address, Mailbox
from mailframe.message.limits import DEFAULT, Limits
from mailframe.message.quoting import nstring, string


@frozen
class AddressList:
    """
    @ivar key: what messages are sorted by: addr-mailbox of the first address, decoded, which for a group is the group's
        name (RFC 5256 3); in its own case, empty when there is no address.
    @ivar written: the addresses as ENVELOPE has them.
    """

    key: str
    written: bytes


NOBODY = AddressList("", b"NIL")
"""A list without an address."""


AddressFields: TypeAlias = "dict[bytes, AddressList]"
"""What is known of a header's address lists, by lower-case field name; those without an address are not in it."""
TextFields: TypeAlias = "dict[bytes, bytes]"
"""Unfolded values in the same way."""

_FIELDS = (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")
_TEXTS = (b"date", b"subject", b"in-reply-to", b"message-id")
_END_OF_GROUP = b"(NIL NIL NIL NIL)"


def envelope(fields: list[headers.Field], limits: Limits = DEFAULT) -> bytes:
    """Return the parenthesised ENVELOPE of a header."""
    index = headers.indexed(fields)
    return compose(text_fields(index), address_fields(index, limits))


def address_fields(index: headers.Index, limits: Limits = DEFAULT) -> AddressFields:
    """Parse the six address fields; a field given several times counts as one list, as most servers see it."""
    return {name: found for name in _FIELDS if name in index and (found := _list(index[name], limits)) is not NOBODY}


def _list(raw: list[bytes], limits: Limits) -> AddressList:
    value = headers.unfold(raw[0]) if len(raw) == 1 else b",".join(map(headers.unfold, raw))
    return _known(value, limits) if len(value) <= _REMEMBERED else _read(value, limits)


def _read(value: bytes, limits: Limits) -> AddressList:
    found = addresses.parse(value, limits)
    if not found:
        return NOBODY
    first = found[0].local if isinstance(found[0], Mailbox) else found[0].name
    return AddressList(words.decode(first, limits), _written(found))


_REMEMBERED = 120
"""Octets of an address list that is worth remembering: most mail goes between the same few people again and again."""
_known = lru_cache(maxsize=2048)(_read)


def text_fields(index: headers.Index) -> TextFields:
    """Unfold the four other fields; of one given several times the first one counts."""
    return {name: headers.unfold(index[name][0]) for name in _TEXTS if name in index}


def compose(texts: TextFields, lists: AddressFields) -> bytes:
    """Return the parenthesised ENVELOPE; an empty Sender or Reply-To is the same as From."""
    text, listed = texts.get, lists.get
    from_ = listed(b"from", NOBODY)
    return b"(%b %b %b %b %b %b %b %b %b %b)" % (
        nstring(text(b"date")),
        nstring(text(b"subject")),
        from_.written,
        listed(b"sender", from_).written,
        listed(b"reply-to", from_).written,
        listed(b"to", NOBODY).written,
        listed(b"cc", NOBODY).written,
        listed(b"bcc", NOBODY).written,
        nstring(text(b"in-reply-to")),
        nstring(text(b"message-id")),
    )


def _written(found: Sequence[Address]) -> bytes:
    return b"(%b)" % b"".join([_mailbox(each) if isinstance(each, Mailbox) else _group(each) for each in found])


def _mailbox(box: Mailbox) -> bytes:
    # A missing domain is an empty string and never NIL: that would mean a group.
    return b"(%b %b %b %b)" % (nstring(box.name), nstring(box.route), string(box.local), string(box.domain))


def _group(group: addresses.Group) -> bytes:
    start = b"(NIL NIL %b NIL)" % string(group.name)
    return start + b"".join(map(_mailbox, group.members)) + _END_OF_GROUP
