"""Answers that a program writes, such as vacation notices: what they look like (RFC 3834 section 3); pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

from mailframe.message import addresses, composing, dates, headers, references, words

SUBJECT = "Auto: "
"""Before the subject of what is answered (RFC 3834 3.1.5)."""
REFERENCES = 20
"""Message ids that References keeps: the first, and the last ones."""

_RECIPIENTS = (b"to", b"cc", b"bcc", b"resent-to", b"resent-cc", b"resent-bcc")


def is_addressed_to(head: bytes, own: Collection[str]) -> bool:
    """
    Return whether a message names one of somebody's addresses: what came by a list or a copy to many does not.

    A personal responder answers nothing else (RFC 3834 2).

    @param own: addresses, C{ann@example.org}, in lower case; what follows a C{+} in the message's does not matter.
    """
    index = headers.index(head)
    named = (each for field in _RECIPIENTS for value in index.get(field, ()) for each in _mailboxes(value))
    return any(each in own for each in named)


def _mailboxes(value: bytes) -> Iterator[str]:
    for each in addresses.parse(headers.unfold(value)):
        for mailbox in each.members if isinstance(each, addresses.Group) else (each,):
            local, domain = (part.decode("utf-8", "replace").lower() for part in (mailbox.local, mailbox.domain))
            yield f"{local}@{domain}"
            yield f"{local.partition('+')[0]}@{domain}"


def answer(
    original: bytes, to: str, from_: str, text: str, subject: str | None, when: datetime, message_id: str
) -> bytes:
    """
    Return an answer as a whole message. Nothing that is given can add a line to its header.

    It is 7bit unless the text or an address is not; then it says 8bit.

    @param original: the header of what is answered.
    @param to: who gets it: the reverse-path of the original (RFC 3834 3.1.3).
    @param from_: whose answer it is, C{ann@example.org}.
    @param text: as a person wrote it; its line ends may be any.
    @param subject: C{None} is that of the original, marked as an answer.
    @param when: now.
    @param message_id: of the answer, C{<id@host>}.
    """
    index = headers.index(original)
    if subject is None:
        subject = SUBJECT + composing.one_line(words.decode(headers.value(index, b"subject") or b""), 500)
    body = composing.whole_lines(text.encode("utf-8", "replace")).rstrip(b"\r\n") + b"\r\n"
    top = [
        composing.field("From", from_, utf8=True),
        composing.field("To", to, utf8=True),
        b"Subject: %b\r\n" % words.encode(subject),
        composing.field("Date", dates.format(when).decode("ascii")),
        composing.field("Message-ID", message_id),
        *_threading(index),
        b"Auto-Submitted: auto-replied\r\n",  # RFC 3834 5: so no program answers it
        b"MIME-Version: 1.0\r\n",
        b"Content-Type: text/plain; charset=%b\r\n" % (b"us-ascii" if body.isascii() else b"utf-8"),
        b"" if body.isascii() else b"Content-Transfer-Encoding: 8bit\r\n",
        b"\r\n",
    ]
    return b"".join([*top, body])


def _threading(index: headers.Index) -> Iterator[bytes]:
    """Yield In-Reply-To and References (RFC 3834 3.1.7, RFC 5322 3.6.4)."""
    parent = references.message_id(headers.value(index, b"message-id"))
    if parent is None or not parent.isascii():
        return
    before = references.references(headers.value(index, b"references"), headers.value(index, b"in-reply-to"))
    thread = [each for each in (*before, parent) if each.isascii()]
    if len(thread) > REFERENCES:
        thread = thread[:1] + thread[1 - REFERENCES :]
    yield composing.field("In-Reply-To", parent.decode("ascii"))
    yield composing.folded_field("References", b" ".join(thread).decode("ascii"))
