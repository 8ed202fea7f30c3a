"""Reports to the sender of a message: multipart/report of a delivery status (RFC 3461 section 6, RFC 6522, RFC 6533).

A report is sent with the null reverse-path, and is never the answer to one (RFC 3461 6.1): its sender sees to that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain, count

from attrs import frozen

from mailframe.message import composing, dates, explanation, headers, references, words
from mailframe.message.delivery_status import FAILED, Status, delivery_status
from mailframe.message.headers import Buffer

RETURNED = 64 * 1024
"""Octets of an original up to which all of it is returned, and at most of its header; RFC 3461 6.2 allows a limit."""

NAME = "Mail Delivery System"
"""The display name in From."""

_BOUNDARY = re.compile(r"[A-Za-z0-9'()+_,./:=?-]{1,60}")  # RFC 2046 5.1.1, with room for a number within its 70 octets
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")
_LONG_LINE = re.compile(rb"[^\r\n]{%d}" % (composing.LINE + 1))
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


@frozen
class Original:
    """
    The message that a report is about.

    @ivar head: its header; when that is empty, nothing is returned.
    @ivar body: the octets behind the header; C{None} returns the header alone (RET=HDRS).
    """

    head: bytes
    body: Buffer | None = None


@frozen
class _Part:
    """A part of the report: its type, a description, and what is in it."""

    type: str
    description: str
    content: bytes

    def __bytes__(self) -> bytes:
        fields = [("Content-Type", self.type), ("Content-Description", self.description)]
        if not self.content.isascii():
            fields.append(("Content-Transfer-Encoding", "8bit"))
        return b"".join([*(composing.field(*each) for each in fields), b"\r\n", self.content])


def report(
    reporting_mta: str,
    sender_to_notify: str,
    from_: str,
    statuses: Sequence[Status],
    original: Original,
    envid: str | None,
    arrived: datetime,
    when: datetime,
    message_id: str,
    boundary: str,
    utf8: bool = False,
    returned: int = RETURNED,
) -> bytes:
    """
    Return a report as a whole message.

    It is 7bit unless the original, a server's reply or an address is not; then it says 8bit where it must. Nothing that
    is given can add a line to a header or a part to the report.

    @param reporting_mta: our host name.
    @param sender_to_notify: the original's reverse-path, C{a@example.org}.
    @param from_: the address that the report comes from, C{MAILER-DAEMON} at our host.
    @param statuses: at least one.
    @param envid: the ENVID parameter, decoded, or C{None}.
    @param arrived: when the original came here.
    @param when: now.
    @param message_id: of the report, C{<id@host>}.
    @param boundary: random, 1 to 60 characters of RFC 2046 5.1.1; one that the report holds is made another.
    @param utf8: the original came with SMTPUTF8, and the report may need it (RFC 6533); a sender's address beyond
        ASCII always does.
    @param returned: octets of the original up to which all of it is returned.
    @raise ValueError: there is nobody to notify or nothing to tell, or a message id or a boundary is none.
    """
    if not sender_to_notify or not statuses:
        raise ValueError("a report needs somebody to read it and something to tell")
    if not _BOUNDARY.fullmatch(boundary) or not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("the boundary or the message id is not in the form of the RFCs")
    utf8 = utf8 or not sender_to_notify.isascii()
    status = _status_part(delivery_status(reporting_mta, statuses, envid, arrived, utf8))
    failed = any(each.action == FAILED for each in statuses)
    third = _original_part(original, failed, utf8, returned)
    index = headers.index(original.head)
    about = explanation.About(arrived, _subject(index), _original_id(index), _about(third))
    text = _text_part(explanation.explanation(reporting_mta, statuses, about))
    parts = [bytes(part) for part in (text, status, third) if part]
    line = b"--" + _unused(boundary, parts)
    top = [
        composing.field("From", f"{NAME} <{from_}>", utf8),
        composing.field("To", sender_to_notify, utf8),
        composing.field("Subject", explanation.SUBJECTS[explanation.kind(statuses)]),
        composing.field("Date", dates.format(when).decode("ascii")),
        composing.field("Message-ID", message_id),
        *_threading(about.message_id),
        b"Auto-Submitted: auto-replied\r\n",  # RFC 3834 5
        b"MIME-Version: 1.0\r\n",
        b"Content-Type: multipart/report; report-type=%b;\r\n" % status.type.rpartition("/")[2].encode("ascii"),
        b'\tboundary="%b"\r\n' % line[2:],
        b"" if all(map(bytes.isascii, parts)) else b"Content-Transfer-Encoding: 8bit\r\n",
        b"\r\n",
    ]
    body = chain.from_iterable((line, b"\r\n", part, b"\r\n") for part in parts)
    return b"".join([*top, *body, line, b"--\r\n"])


def _text_part(text: str) -> _Part:
    charset = "us-ascii" if text.isascii() else "utf-8"
    return _Part(f"text/plain; charset={charset}", "Explanation", text.encode("utf-8"))


def _status_part(content: bytes) -> _Part:
    # RFC 6533 4.4: the types of old wherever they will do.
    kind = "message/delivery-status" if content.isascii() else "message/global-delivery-status"
    return _Part(kind, "Delivery status", content)


def _original_part(original: Original, failed: bool, utf8: bool, limit: int) -> _Part | None:
    """Return what of the original goes back: all of it, its header, or nothing."""
    if not original.head:
        return None
    if failed and (whole := _whole(original, limit)) is not None:
        kind = "message/global" if utf8 and _is_utf8(original.head, whole) else "message/rfc822"
        return _Part(kind, "Undelivered message", whole)
    head = composing.whole_lines(_cut(original.head, limit)).rstrip(b"\r\n") + b"\r\n"
    kind = "message/global-headers" if utf8 and _is_utf8(head, head) else "text/rfc822-headers"
    return _Part(kind, "Header of the message", head)


def _whole(original: Original, limit: int) -> bytes | None:
    """
    Return all of the original, or C{None} when that cannot or need not be.

    C{message/rfc822} cannot be encoded: what has lines too long, NUL, or line ends that servers disagree about, is not
    sent on; the header alone is, with these mended.
    """
    if original.body is None or len(original.head) + len(original.body) > limit:
        return None
    octets = original.head + original.body[:]
    broken = b"\0" in octets or _LONG_LINE.search(octets) or _BARE.search(octets)
    return None if broken else octets


def _is_utf8(head: bytes, octets: bytes) -> bool:
    """Whether the octets are more than ASCII, and belong in the types for UTF-8 in header fields (RFC 6532 3.7)."""
    try:
        head.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not octets.isascii()


def _cut(head: bytes, limit: int) -> bytes:
    """Return whole lines of a header, as many as the limit allows; of a longer first line its beginning."""
    return head if len(head) <= limit else head[: head.rfind(b"\n", 0, limit) + 1 or limit]


def _about(third: _Part | None) -> str:
    if third is None:
        return ""
    return f"The {'whole message' if third.type.startswith('message/') else 'header of the message'} is attached."


def _subject(index: headers.Index) -> str:
    return words.decode(headers.value(index, b"subject") or b"")


def _original_id(index: headers.Index) -> str:
    """Return the Message-ID of the original when it is one that can be put into a header; else nothing."""
    found = references.message_id(headers.value(index, b"message-id")) or b""
    text = found.decode("latin-1")
    return text if _MESSAGE_ID.fullmatch(text) else ""


def _threading(original_id: str) -> Iterator[bytes]:
    """With these, mail programs show the report beside what was sent."""
    if original_id:
        yield composing.field("In-Reply-To", original_id)
        yield composing.field("References", original_id)


def _unused(boundary: str, parts: Sequence[bytes]) -> bytes:
    """Return the boundary, with a number behind it if any part holds it."""
    candidates = chain([boundary], (f"{boundary}{number}" for number in count()))
    octets = (candidate.encode("ascii") for candidate in candidates)
    return next(each for each in octets if not any(each in part for part in parts))
