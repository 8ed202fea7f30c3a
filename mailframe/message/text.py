"""The text of a message as SEARCH sees it: decoded fields and decoded text parts (RFC 3501 6.4.4)."""

from __future__ import annotations

import binascii
from collections.abc import Iterator

from mailframe.message import charsets, comments, headers, parameters, words
from mailframe.message.headers import Buffer
from mailframe.message.limits import DEFAULT, Limits
from mailframe.message.outline import Tree
from mailframe.message.parts import TEXT_PLAIN


def header_text(head: bytes, limits: Limits = DEFAULT) -> str:
    """Return the header as text: a line a field, C{Name: value}, unfolded and decoded."""
    lines = [
        f"{field.name.decode('latin-1')}: {words.decode(field.value, limits)}" for field in headers.fields(head, limits)
    ]
    return "\n".join(lines)


def body_text(tree: Tree, head: bytes, body: Buffer, limits: Limits = DEFAULT) -> Iterator[str]:
    """
    Yield the text of each text part, and the header of each embedded message, in the order of the message.

    At most C{limits.text_bytes} octets are decoded, and C{limits.mime_header_bytes} of part headers read; line ends
    stay as they are.
    """
    left = limits.text_bytes
    header_left = limits.mime_header_bytes + len(head)
    for piece in _leaves(tree):
        header_left -= piece.body - piece.header
        if left <= 0 or header_left < 0:
            return
        header = slice_of(head, body, piece.header, piece.body)
        if piece.message is not None:
            embedded = slice_of(head, body, piece.message.header, min(piece.message.body, piece.message.header + left))
            left -= len(embedded)
            yield header_text(embedded, limits)
            continue
        index = headers.index(header, limits)
        kind = parameters.parse(headers.value(index, b"content-type") or b"text/plain", limits)
        # A broken multipart is shown as plain text, so it is searched as such.
        if kind.value.startswith((b"text", b"multipart/")) or b"/" not in kind.value:
            raw = slice_of(head, body, piece.body, min(piece.end, piece.body + left))
            left -= len(raw)
            encoding = headers.value(index, b"content-transfer-encoding") or b""
            yield charsets.decode(transfer_decoded(raw, encoding), _charset(kind))


def _charset(kind: parameters.Parametered) -> str:
    return (kind.get(b"charset") or TEXT_PLAIN.parameters[0][1]).decode("latin-1")


def _leaves(tree: Tree) -> Iterator[Tree]:
    """Yield all that is no multipart, from first to last; an embedded message's part, then what is inside."""
    if not tree.parts:
        yield tree
    for each in tree.parts:
        yield from _leaves(each)
    if tree.message is not None:
        yield from _leaves(tree.message)


def slice_of(head: bytes, body: Buffer, start: int, end: int) -> bytes:
    """Return octets C{start} to C{end} of the message C{head + body}."""
    split = len(head)
    if end <= split:
        return head[start:end]
    if start >= split:
        return body[start - split : end - split]
    return head[start:] + body[: end - split]


def transfer_decoded(data: bytes, encoding: bytes) -> bytes:
    """
    Return the octets that a body stands for (RFC 2045 6); broken encodings give what can be had.

    @param encoding: the value of Content-Transfer-Encoding.
    """
    name = comments.strip(encoding).strip().lower()
    if name == b"base64":
        return words.base64(data)
    return binascii.a2b_qp(data) if name == b"quoted-printable" else data


def fold(text: str) -> str:
    """Return text in the form in which it is compared, whatever its case."""
    return text.casefold()


def contains(text: str, folded: str) -> bool:
    """Return whether a text holds a needle that went through L{fold}."""
    return folded in fold(text)
