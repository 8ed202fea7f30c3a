"""Whether a program may answer a message: not that of another program, or the two write for ever (RFC 3834)."""

from __future__ import annotations

import re

from mailframe.message import comments, headers

_PRECEDENCE = (b"bulk", b"junk", b"list")
# Exchange and Outlook ask with this not to be answered by such programs as it names.
_SUPPRESS = frozenset((b"all", b"oof", b"autoreply"))
_PROGRAM = re.compile(r"(?:owner-.*|.*-(?:request|owner|bounces?)|mailer-daemon|listserv|majordomo)", re.DOTALL)


def should_answer_automatically(head: bytes, sender: str | None) -> bool:
    """
    Return whether a vacation notice and the like may be sent in answer to a message (RFC 3834 section 2).

    Reports of delivery are not such answers: for those, it matters only that there is a sender.

    @param head: the message's header.
    @param sender: the reverse-path, C{a@example.org}; C{None} or empty is the null sender.
    """
    return bool(sender) and not _is_program(sender or "") and not _is_automatic(headers.index(head))


def _is_program(sender: str) -> bool:
    local = sender.rpartition("@")[0].strip('"').lower()
    return _PROGRAM.fullmatch(local) is not None


def _is_automatic(index: headers.Index) -> bool:
    return (
        any(name.startswith(b"list-") for name in index)
        or any(_word(value) != b"no" for value in index.get(b"auto-submitted", ()))
        or any(_word(value) in _PRECEDENCE for value in index.get(b"precedence", ()))
        or any(_SUPPRESS & _words(value) for value in index.get(b"x-auto-response-suppress", ()))
    )


def _word(value: bytes) -> bytes:
    """Return the keyword before parameters and comments (RFC 3834 5)."""
    return comments.strip(headers.unfold(value)).partition(b";")[0].strip().lower()


def _words(value: bytes) -> set[bytes]:
    return {each.strip().lower() for each in headers.unfold(value).split(b",")}
