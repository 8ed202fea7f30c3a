"""ENVELOPE: a message's header as IMAP structures it (RFC 3501 7.4.2, RFC 9051 7.5.2)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

from attrs import frozen

from mailframe.message import addresses, headers, words
from mailframe.message.addresses import Address, Mailbox
from mailframe.message.headers import unfold
from mailframe.message.limits import DEFAULT, Limits
from mailframe.message.quoting import nstring, string
from mailframe.message.remembering import remembered


@frozen
class AddressList:
    """
    @ivar key: what messages are sorted by: addr-mailbox of the first address, decoded, which for a group is the group's
        name (RFC 5256 3); in its own case, empty when there is no address.
    @ivar written: the addresses as ENVELOPE has them.
    """

    key: str
    written: bytes


@frozen
class Correspondents:
    """
    The address fields of a header.

    @ivar written: all six of them as ENVELOPE has them, with blanks between.
    @ivar from_: the key of its list; so C{to} and C{cc}.
    """

    written: bytes
    from_: str
    to: str
    cc: str


TextFields: TypeAlias = "Sequence[bytes | None]"
"""Unfolded values of Date, Subject, In-Reply-To and Message-ID, C{None} for those that are not there."""

_NOBODY = AddressList("", b"NIL")
_FIELDS = (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")
_TEXTS = (b"date", b"subject", b"in-reply-to", b"message-id")
_END_OF_GROUP = b"(NIL NIL NIL NIL)"


def envelope(fields: list[headers.Field], limits: Limits = DEFAULT) -> bytes:
    """Return the parenthesised ENVELOPE of a header."""
    index = headers.indexed(fields)
    return compose(text_fields(index), correspondents(index, limits))


def _correspondents(index: headers.Index, limits: Limits) -> Correspondents:
    """
    Parse the six address fields; a field given several times counts as one list, as most servers see it.

    An empty Sender or Reply-To is the same as From.
    """
    lists = [_list(index[name], limits) if name in index else _NOBODY for name in _FIELDS]
    from_, sender, reply_to, to, cc, bcc = lists
    in_envelope = (from_, _or(sender, from_), _or(reply_to, from_), to, cc, bcc)
    return Correspondents(b" ".join([each.written for each in in_envelope]), from_.key, to.key, cc.key)


correspondents = remembered(_FIELDS, _correspondents, 1024)


def _or(given: AddressList, default: AddressList) -> AddressList:
    return default if given is _NOBODY else given


def _list(raw: list[bytes], limits: Limits) -> AddressList:
    value = unfold(raw[0]) if len(raw) == 1 else b",".join(map(unfold, raw))
    return _known(value, limits) if len(value) <= _REMEMBERED else _read(value, limits)


def _read(value: bytes, limits: Limits) -> AddressList:
    found = addresses.parse(value, limits)
    if not found:
        return _NOBODY
    first = found[0].local if isinstance(found[0], Mailbox) else found[0].name
    return AddressList(words.decode(first, limits), _written(found))


_REMEMBERED = 120
"""Octets of an address list that is worth remembering: most mail goes between the same few people again and again."""
_known = lru_cache(maxsize=2048)(_read)


def text_fields(index: headers.Index) -> TextFields:
    """Unfold the four other fields; of one given several times the first one counts."""
    return [unfold(index[name][0]) if name in index else None for name in _TEXTS]


def compose(texts: TextFields, lists: Correspondents) -> bytes:
    """Return the parenthesised ENVELOPE."""
    date, subject, in_reply_to, message_id = map(nstring, texts)
    return b"(%b %b %b %b %b)" % (date, subject, lists.written, in_reply_to, message_id)


def _written(found: Sequence[Address]) -> bytes:
    return b"(%b)" % b"".join([_mailbox(each) if isinstance(each, Mailbox) else _group(each) for each in found])


def _mailbox(box: Mailbox) -> bytes:
    # A missing domain is an empty string and never NIL: that would mean a group.
    return b"(%b %b %b %b)" % (nstring(box.name), nstring(box.route), string(box.local), string(box.domain))


def _group(group: addresses.Group) -> bytes:
    start = b"(NIL NIL %b NIL)" % string(group.name)
    return start + b"".join(map(_mailbox, group.members)) + _END_OF_GROUP
