"""The base subject, by which messages are sorted and threaded (RFC 5256 2.1).

Only positions move, nothing is cut off before the end, so a subject of many artifacts costs no more than a long one.
"""

from __future__ import annotations

import re

_SPACES = re.compile(r"[ \t\r\n]+")
_BLOB = r"\[[^\[\]]*+\] *+"
# A possessive group here would match "[fwd:" with Python 3.11.2, which Debian 12 has: what a round of such a group has
# read is not taken back there when the round fails.
_LEADER = re.compile(rf"(?:{_BLOB})*(?:re|fwd?) *+(?:{_BLOB})?:| ", re.IGNORECASE | re.ASCII)
_BLOBS = re.compile(rf"(?:{_BLOB})+")
_TRAILER = "(fwd)"
_FORWARD = "[fwd:"


def base(text: str) -> str:
    """Return the base subject of a decoded Subject, in its own case: compare it case-insensitively."""
    return extract(text)[0]


def extract(text: str) -> tuple[str, bool]:
    """
    Return the base subject, and whether what was removed marks a reply or forward (RFC 5256 THREAD=REFERENCES, 5.B).

    @param text: the decoded Subject (step 1's decoding is done).
    """
    text = _SPACES.sub(" ", text)
    start, end = 0, len(text)
    reply = False
    while True:
        trimmed, trailer = _trailers(text, start, end)
        start, leader = _leaders(text, start, trimmed)
        end = trimmed
        reply = reply or trailer or leader
        if text[start : start + len(_FORWARD)].lower() != _FORWARD or text[end - 1 : end] != "]" or end - start < 6:
            return text[start:end], reply
        start, end, reply = start + len(_FORWARD), end - 1, True  # step 6


def _trailers(text: str, start: int, end: int) -> tuple[int, bool]:
    """Step 2: return where the text ends without C{(fwd)} and blanks, and whether there was a C{(fwd)}."""
    marked = False
    while end > start:
        if text[end - 1] == " ":
            end -= 1
        elif end - start >= len(_TRAILER) and text[end - len(_TRAILER) : end].lower() == _TRAILER:
            end -= len(_TRAILER)
            marked = True
        else:
            break
    return end, marked


def _leaders(text: str, start: int, end: int) -> tuple[int, bool]:
    """Steps 3 to 5: return where the text begins without C{Re:}, blobs and blanks, and whether there was a C{Re:}."""
    marked = False
    while match := _LEADER.match(text, start, end):
        marked = marked or match[0] != " "
        start = match.end()
    # No leader follows, so all blobs that stand here can go at once, but never all of the text.
    blobs = _BLOBS.match(text, start, end)
    if blobs is None:
        return start, marked
    if blobs.end() < end:
        return blobs.end(), marked
    return text.rindex("[", start, end), marked
