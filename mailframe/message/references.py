"""Message ids and references, by which messages are threaded (RFC 5322 3.6.4, RFC 5256 THREAD=REFERENCES)."""

from __future__ import annotations

import re

from mailframe.message.limits import DEFAULT, Limits

_PLAIN = re.compile(rb"[!#-~]+")
_PLAIN_ID = re.compile(rb"<[!#-;=?-~]+>")
_MESSAGE_ID = re.compile(rb"<([^<>]+)>")


def message_ids(value: bytes) -> list[bytes]:
    """
    Return the message ids of an unfolded value in their order, each C{<left@right>}.

    Blanks inside, which broken folding leaves behind, are dropped, and so are quotes that change nothing (RFC 5256:
    C{<"a"@b>} is C{<a@b>}); an id has neither white space nor NUL.
    """
    found = [_clean(each) for each in _MESSAGE_ID.findall(value)]
    return [b"<%b>" % each for each in found if each]


def _clean(inner: bytes) -> bytes:
    if _PLAIN.fullmatch(inner):
        return inner
    inner = b"".join(inner.replace(b"\0", b"").split())
    return inner.replace(b'"', b"") if b'"' in inner else inner


def message_id(value: bytes | None) -> bytes | None:
    """Return the first message id of a Message-ID field's value, or C{None}."""
    if value and _PLAIN_ID.fullmatch(value):
        return value
    found = message_ids(value) if value else []
    return found[0] if found else None


def references(
    references_value: bytes | None, in_reply_to: bytes | None, limits: Limits = DEFAULT
) -> tuple[bytes, ...]:
    """
    Return what a message refers to, oldest first: the ids of References, or else the first one of In-Reply-To.

    Beyond C{limits.references} the oldest are dropped: the parent stands last.
    """
    found = message_ids(references_value) if references_value else []
    if found:
        return tuple(found[-limits.references :])
    return tuple(message_ids(in_reply_to)[:1]) if in_reply_to else ()
