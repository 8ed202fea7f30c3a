"""Dots on their way out, whatever the chunks, and no bare line end that gets out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailframe.message.dotstuffing import BareNewline, Stuffing

BARE_NEWLINE = re.compile(rb"(?<!\r)\n|\r(?!\n)")

GOOD = [
    (b"", b".\r\n"),
    (b"a\r\n", b"a\r\n.\r\n"),
    (b"a", b"a\r\n.\r\n"),
    (b".", b"..\r\n.\r\n"),
    (b".\r\n", b"..\r\n.\r\n"),
    (b"..\r\n", b"...\r\n.\r\n"),
    (b"a\r\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
    (b"a\r\n.b\r\n.c\r\n..d", b"a\r\n..b\r\n..c\r\n...d\r\n.\r\n"),
    (b"a.\r\n.b.c\r\n", b"a.\r\n..b.c\r\n.\r\n"),
    (b"\r\n\r\n.\r\n.\r\n", b"\r\n\r\n..\r\n..\r\n.\r\n"),
    (b"\r\n.\r\n\r\n", b"\r\n..\r\n\r\n.\r\n"),
    (b"no line end.", b"no line end.\r\n.\r\n"),
    (b"8-bit \xff\x85\x0b\x0c\x1c\0\r\n", b"8-bit \xff\x85\x0b\x0c\x1c\0\r\n.\r\n"),
]

BARE = [
    (b"a\nb\r\n", b"a\r\nb\r\n.\r\n"),
    (b"a\rb\r\n", b"a\r\nb\r\n.\r\n"),
    (b"a\r", b"a\r\n.\r\n"),
    (b"\r", b"\r\n.\r\n"),
    (b"\n", b"\r\n.\r\n"),
    (b"a\n.\nMAIL FROM:<>\r\n", b"a\r\n..\r\nMAIL FROM:<>\r\n.\r\n"),
    (b"a\r\n.\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
    (b"a\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
    (b"a\r.\rb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
    (b"a\r\r\n.\r\n", b"a\r\n\r\n..\r\n.\r\n"),
    (b"a\r\r", b"a\r\n\r\n.\r\n"),
    (b"a\r\n\n.\r\n", b"a\r\n\r\n..\r\n.\r\n"),
    (b"a\r\n\r.\r", b"a\r\n\r\n..\r\n.\r\n"),
    (b"a\n\r.", b"a\r\n\r\n..\r\n.\r\n"),
]


def splits(data: bytes) -> Iterator[list[bytes]]:
    yield [data]
    yield [data[i : i + 1] for i in range(len(data))]
    for at in range(len(data) + 1):
        yield [data[:at], data[at:]]
        yield [data[:at], b"", data[at : at + 1], data[at + 1 :]]


def pieces(chunks: list[bytes], repair: bool = False) -> Iterator[bytes]:
    stuffing = Stuffing(repair)
    for chunk in chunks:
        yield stuffing.stuff(chunk)
    yield stuffing.end()


def sent(chunks: list[bytes], repair: bool = False) -> bytes:
    return b"".join(pieces(chunks, repair))


@pytest.mark.parametrize(("message", "expected"), GOOD)
@pytest.mark.parametrize("repair", [False, True])
def test_a_message_is_stuffed_wherever_it_is_split(message: bytes, expected: bytes, repair: bool) -> None:
    for chunks in splits(message):
        assert sent(chunks, repair) == expected


@pytest.mark.parametrize(("message", "_repaired"), BARE)
def test_a_bare_line_end_is_refused_and_does_not_get_out(message: bytes, _repaired: bytes) -> None:
    for chunks in splits(message):
        out: list[bytes] = []
        with pytest.raises(BareNewline):
            out.extend(pieces(chunks))
        assert not BARE_NEWLINE.search(b"".join(out))


@pytest.mark.parametrize(("message", "repaired"), BARE)
def test_a_bare_line_end_is_repaired_when_asked_for(message: bytes, repaired: bytes) -> None:
    for chunks in splits(message):
        assert sent(chunks, repair=True) == repaired


def test_a_bare_line_end_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="bare CR or LF"):
        Stuffing().stuff(b"a\nb")


def test_what_follows_a_repaired_line_end_is_stuffed_too() -> None:
    stuffing = Stuffing(repair=True)
    assert [stuffing.stuff(b"a\n"), stuffing.stuff(b".b\r\n"), stuffing.stuff(b".c")] == [
        *(b"a\r\n", b"..b\r\n", b"..c"),
    ]


@given(st.lists(st.lists(st.sampled_from([b"\r", b"\n", b".", b"a", b"\r\n", b"\r\n."])).map(b"".join)), st.booleans())
def test_the_message_ends_once_and_comes_back_whole(chunks: list[bytes], repair: bool) -> None:
    message = b"".join(chunks)
    if BARE_NEWLINE.search(message) and not repair:
        with pytest.raises(BareNewline):
            sent(chunks)
        return
    out = sent(chunks, repair)
    assert (b"\r\n" + out).find(b"\r\n.\r\n") == len(out) - 3
    lines = out.split(b"\r\n")[:-2]
    meant = re.split(rb"\r\n|\r|\n", message)
    assert [line.removeprefix(b".") for line in lines] == (meant if meant[-1] else meant[:-1])
