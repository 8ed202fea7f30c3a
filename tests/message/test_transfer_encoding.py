"""Quoted-printable and base64, with the standard library as the reader."""

from __future__ import annotations

import base64
import quopri
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailframe.message import transfer_encoding
from mailframe.message.transfer_encoding import STRETCH

TEXT = st.lists(
    st.one_of(
        st.sampled_from([b"\r\n", b"\r", b"\n", b" ", b"\t", b"=", b".", b"--b", b"\xc3\xa9", b"x" * 70, b"-" * 150]),
        st.binary(max_size=6),
    ),
    max_size=30,
).map(b"".join)


def check_quoted(encoded: bytes) -> None:
    lines = encoded.split(b"\r\n")
    assert all(len(line) <= 76 for line in lines)
    assert not re.search(rb"[^\t -~]", b"".join(lines))
    assert not any(line.endswith((b" ", b"\t")) for line in lines)


def quoted(octets: bytes) -> bytes:
    return b"".join(transfer_encoding.quoted_printable(b"<" + octets + b">", 1, 1 + len(octets)))


@pytest.mark.parametrize(
    ("octets", "encoded"),
    [
        (b"", b""),
        (b"plain\r\n", b"plain\r\n"),
        (b"caf\xc3\xa9\r\n", b"caf=C3=A9\r\n"),
        (b"a=b\r\n", b"a=3Db\r\n"),
        (b"a \r\nb\t\r\n c ", b"a=20\r\nb=09\r\n c=20"),
        (b"a\nb\rc\0\x7f", b"a=0Ab=0Dc=00=7F"),
        (b"a\r\r\nb\n\r\n", b"a=0D\r\nb=0A\r\n"),
        (b"x" * 74, b"x" * 74),
        (b"x" * 75, b"x" * 73 + b"=\r\nxx"),
        (b"x" * 72 + b"\xe9x", b"x" * 72 + b"=\r\n=E9x"),
        (b"x" * 71 + b"\xe9x", b"x" * 71 + b"=\r\n=E9x"),
        (b"x" * 70 + b"\xe9xxx", b"x" * 70 + b"=E9=\r\nxxx"),
        (b"x" * 73 + b"--b\r\n", b"x" * 73 + b"=\r\n=2D-b\r\n"),
        (b"-" * 150, b"-" * 73 + b"=\r\n=2D" + b"-" * 72 + b"=\r\n=2D---"),
    ],
)
def test_text_in_quoted_printable(octets: bytes, encoded: bytes) -> None:
    assert quoted(octets) == encoded
    check_quoted(encoded)


@given(TEXT)
def test_quoted_printable_is_read_as_it_was(octets: bytes) -> None:
    encoded = quoted(octets)
    check_quoted(encoded)
    assert quopri.decodestring(encoded) == octets


@given(TEXT)
def test_no_soft_line_break_makes_a_boundary(octets: bytes) -> None:
    encoded = quoted(octets)
    begins = [line for line in encoded.split(b"\r\n") if line.startswith(b"--")]
    assert all(any(each.startswith(b"--") for each in octets.split(b"\r\n")) for line in begins)
    assert b"=\r\n--" not in encoded


@pytest.mark.parametrize("unit", [b"x", b"\xe9", b"=", b"\r", b"\n", b"\r\n", b"a\r\n", b"- ", b"\xc3\xa9 text\r\n"])
@pytest.mark.parametrize("more", [-2, -1, 0, 1, 2, STRETCH])
def test_a_long_text_is_encoded_in_stretches(unit: bytes, more: int) -> None:
    octets = (unit * STRETCH)[: STRETCH + more]
    encoded = quoted(octets)
    check_quoted(encoded)
    assert quopri.decodestring(encoded) == octets
    assert b"=\r\n--" not in encoded


def test_a_stretch_that_begins_within_a_line_makes_no_boundary() -> None:
    octets = b"x" * STRETCH + b"--b\r\n"
    assert b"=\r\n=2D-b\r\n" in quoted(octets)
    assert quopri.decodestring(quoted(octets)) == octets


def mended(octets: bytes) -> bytes:
    return b"".join(transfer_encoding.mended_quoted_printable(octets, 0, len(octets)))


@pytest.mark.parametrize(
    ("octets", "encoded"),
    [
        (b"caf=C3=A9 \xc3\xa9=\r\nx\r\n", b"caf=C3=A9 =C3=A9=\r\nx\r\n"),
        (b"x" * 72 + b"=E9=\r\n", b"x" * 72 + b"=\r\n=E9=\r\n"),
        (b"x" * 73 + b"==\r\n", b"x" * 73 + b"=\r\n==\r\n"),
        (b"x" * 200 + b"\r\n", b"x" * 73 + b"=\r\n" + b"x" * 73 + b"=\r\n" + b"x" * 54 + b"\r\n"),
    ],
)
def test_bad_quoted_printable_is_mended(octets: bytes, encoded: bytes) -> None:
    assert mended(octets) == encoded


@given(st.lists(st.sampled_from([b"=E9", b"\xe9", b"abc", b"=\r\n", b"\r\n", b"x" * 80, b"=3D"])).map(b"".join))
def test_mended_quoted_printable_says_the_same(octets: bytes) -> None:
    assert mended(octets).isascii()
    assert max(map(len, mended(octets).split(b"\r\n"))) <= 76
    assert quopri.decodestring(mended(octets)) == quopri.decodestring(octets)


@pytest.mark.parametrize("cut", range(-4, 5))
def test_no_escape_is_cut_at_a_stretch(cut: int) -> None:
    octets = b"x" * (STRETCH + cut) + b"=C3=A9\xe9" + b"x" * 100
    assert quopri.decodestring(mended(octets)) == b"x" * (STRETCH + cut) + b"\xc3\xa9\xe9" + b"x" * 100


@pytest.mark.parametrize("size", [0, 1, 2, 3, 56, 57, 58, 114, STRETCH - 1, STRETCH, STRETCH + 1])
def test_octets_in_base64(size: int) -> None:
    octets = (bytes(range(256)) * (size // 256 + 1))[:size]
    encoded = b"".join(transfer_encoding.base64(b"<" + octets + b">", 1, 1 + size))
    assert encoded == base64.encodebytes(octets).replace(b"\n", b"\r\n")


@pytest.mark.parametrize("size", [0, 1, 57, 200, STRETCH, 2 * STRETCH + 5])
@pytest.mark.parametrize("line", [10, 76, 10**9])
def test_bad_base64_is_mended(size: int, line: int) -> None:
    good = base64.b64encode(bytes(size))
    bad = b"\xe9\r\n".join([good[at : at + line] for at in range(0, len(good), line)]) + b"\xff!\r\n"
    assert b"".join(transfer_encoding.mended_base64(bad, 0, len(bad))) == (
        base64.encodebytes(bytes(size)).replace(b"\n", b"\r\n")
    )
