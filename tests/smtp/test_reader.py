"""Message text arrives whole however it is cut, and nothing but CRLF.CRLF ends it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailframe.net.lines import Inbox, LineTooLong
from mailframe.smtp.reader import Reader

ENDINGS = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\n.\r",
    b"\r.\n",
    b"\r\n\x00.\r\n",
    b"\r\n.\x00\r\n",
    b"\r\r\n.\r\r\n",
    b"\n\n.\r\n",
    b"\r\n.\r\r\n",
    b"\x00\r\n.\n",
    b"\n.\n.\n",
    b"\r\n .\r\n",
    b"\r\n. \r\n",
    b"\x85.\x85",
    b"\x0b.\x0b",
]


def receive(pieces: list[bytes]) -> tuple[bytes, Reader]:
    reader = Reader(Inbox(), 512)
    reader.begin_text()
    out = []
    for piece in pieces:
        reader.inbox.feed(piece)
        while not reader.text_is_over and (text := reader.text()) is not None:
            out.append(text)
    return b"".join(out), reader


TEXTS = [
    (b".\r\n", b""),
    (b"\r\n.\r\n", b"\r\n"),
    (b"a\r\n.\r\n", b"a\r\n"),
    (b"..\r\n.\r\n", b".\r\n"),
    (b"...a\r\n..\r\nb.\r\n.\r\n", b"..a\r\n.\r\nb.\r\n"),
    (b".a\r\n.\r\n", b"a\r\n"),
]


@pytest.mark.parametrize(("sent", "expected"), TEXTS)
def test_dots_are_unstuffed_at_every_edge(sent: bytes, expected: bytes) -> None:
    behind = b"NOOP\r\n"
    for cut in range(len(sent) + 1):
        text, reader = receive([sent[:cut], sent[cut:] + behind])
        assert text == expected
        assert reader.line() == b"NOOP"
    text, reader = receive([bytes([octet]) for octet in sent])
    assert (text, reader.text_is_over) == (expected, True)


@pytest.mark.parametrize("ending", ENDINGS)
def test_nothing_else_ends_a_message(ending: bytes) -> None:
    _text, reader = receive([b"body" + ending, b"MAIL FROM:<evil@example.org>\r\n"])
    assert not reader.text_is_over
    _text, reader = receive([b"body" + ending + b"x\r\n.\r\n"])
    assert reader.text_is_over


@given(st.lists(st.sampled_from([b".", b"\r\n", b"a", b"\r", b"\n", b".."]), max_size=12), st.data())
def test_any_text_comes_through_whatever_the_pieces(parts: list[bytes], data: st.DataObject) -> None:
    body = b"".join(parts) + b"\r\n"
    stuffed = (b"\r\n" + body).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"
    cut = data.draw(st.integers(0, len(stuffed)))
    text, reader = receive([stuffed[:cut], stuffed[cut:]])
    assert (text, reader.text_is_over) == (body, True)


@pytest.mark.parametrize(
    ("text", "bare", "nul"),
    [(b"a\r\n", False, False), (b"a\nb\r\n", True, False), (b"a\rb\r\n", True, False), (b"\0\r\n", False, True)],
)
def test_what_must_not_be_in_a_message_is_noticed_at_every_edge(text: bytes, bare: bool, nul: bool) -> None:
    for cut in range(len(text) + 1):
        _text, reader = receive([text[:cut], text[cut:] + b".\r\n"])
        assert (reader.bare_newlines, reader.nul) == (bare, nul)


def test_lines_have_a_limit() -> None:
    reader = Reader(Inbox(), 10)
    reader.inbox.feed(b"123456789\r\n12345678\r\n")
    with pytest.raises(LineTooLong):
        reader.line()
    assert reader.line() == b"12345678"
    reader.inbox.feed(b"x" * 12000 + b"\r\n")
    assert reader.sasl_line() == b"x" * 12000


def test_a_chunk_comes_in_pieces_and_ends_where_it_was_said_to() -> None:
    reader = Reader(Inbox(), 512)
    reader.begin_chunks()
    reader.begin_chunk(6)
    assert (reader.chunk_text(), reader.chunk()) == (None, None)
    reader.inbox.feed(b"a\r")
    assert reader.chunk_text() == b"a"
    reader.inbox.feed(b"\nb\r\nNOOP\r\n")
    assert (reader.chunk_text(), reader.chunk_is_over, reader.end_chunks()) == (b"\r\nb\r\n", True, b"")
    assert reader.line() == b"NOOP"
