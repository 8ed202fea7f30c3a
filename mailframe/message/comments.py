"""Comments in structured fields: nested parentheses outside of quoted strings (RFC 5322 3.2.2)."""

from __future__ import annotations

import re

QUOTED_STRING = rb'"(?:[^"\\]++|\\.)*+"?'
"""The pattern of a quoted string, which may want its end; with C{re.DOTALL}."""
_PLAIN = rb'[^"()\\]++'
_TOKEN = re.compile(rb"%b|%b|\\.?|\(|\)" % (QUOTED_STRING, _PLAIN), re.DOTALL)
_COMMENT_TEXT = rb"(?:[^()\\]++|\\.)*+"
_IN_COMMENT = re.compile(rb"%b(?:(\(++)|(\)++))?" % _COMMENT_TEXT, re.DOTALL)


def strip(value: bytes) -> bytes:
    """Return the value with each comment replaced by a blank; one that never ends reaches to the end."""
    if b"(" not in value:
        return value
    kept = []
    depth = 0
    position = 0
    while position < len(value):
        if depth:  # a double quote means nothing inside a comment
            position, depth = skip(value, position, depth)
            continue
        token = _TOKEN.match(value, position)
        assert token is not None  # the alternatives cover every octet
        position = token.end()
        if token[0] == b"(":
            depth = 1
            kept.append(b" ")
        elif token[0] != b")":
            kept.append(token[0])
    return b"".join(kept)


def skip(value: bytes, position: int, depth: int) -> tuple[int, int]:
    """Go on from inside a comment past the next parentheses of one kind; return the position and the depth there."""
    stop = _IN_COMMENT.match(value, position)
    assert stop is not None  # it matches the empty string
    if stop[1]:
        return stop.end(), depth + len(stop[1])
    if stop[2] is None:  # it never ends
        return len(value), 0
    closed = min(depth, len(stop[2]))
    return stop.start(2) + closed, depth - closed
