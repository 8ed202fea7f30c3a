"""Lines and fields that hold what strangers gave."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailframe.message import composing, headers

NASTY = st.text(st.one_of(st.sampled_from("\r\n\t\0 \x85\u2028\u202e:"), st.characters()), max_size=60)
LONG = st.one_of(
    NASTY, NASTY.map(lambda text: text * 100), st.text("a \xe9\u20ac\U0001f600", min_size=900, max_size=2000)
)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a  b", "a b"),
        (" a\r\nb\tc\0d ", "a b c d"),
        ("a\x85b\u2028c\u202ed\u2066e\ufefff\ud800g", "a b c d e f g"),
        ("\r\n", ""),
        ("gr\xfc\xdfe \u20ac", "gr\xfc\xdfe \u20ac"),
        ("123456789012345", "1234567890"),
    ],
)
def test_text_becomes_one_line(text: str, line: str) -> None:
    assert composing.one_line(text, 10 if len(text) > 12 and text.isdigit() else 100) == line


def test_a_field_keeps_its_value_as_it_stands() -> None:
    assert composing.field("X", '"a  b"@c') == b'X: "a  b"@c\r\n'
    assert composing.field("X", "\xe9", utf8=True) == b"X: \xc3\xa9\r\n"
    assert composing.field("X", "\xe9\ud800\r\nY: z") == b"X: ????Y: z\r\n"


def test_a_long_field_is_folded_at_blanks() -> None:
    assert composing.folded_field("X", "w" * 70 + " " + "w" * 80 + " a b") == (
        b"X: %b\r\n %b\r\n a b\r\n" % (b"w" * 70, b"w" * 80)
    )
    assert composing.folded_field("X", "w" * 100 + " a") == b"X: %b\r\n a\r\n" % (b"w" * 100)
    assert composing.folded_field("X", "") == b"X: \r\n"


@given(LONG, st.booleans())
def test_no_field_is_more_than_one(value: str, utf8: bool) -> None:
    written = [
        composing.field("X", value, utf8),
        composing.folded_field("X", composing.one_line(value, 2000), utf8),
    ]
    for octets in written:
        assert [each.raw for each in headers.fields(octets + b"\r\n")] == [octets]
        assert all(len(line) <= composing.LINE and line.strip() for line in octets.split(b"\r\n")[:-1])
        assert octets.count(b"\r") == octets.count(b"\n") == octets.count(b"\r\n")
        assert b"\0" not in octets
        assert octets.isascii() or utf8
        octets.decode("utf-8")


@given(LONG)
def test_paragraphs_have_lines_of_mail(text: str) -> None:
    line = composing.one_line(text, 2000)
    lines = list(composing.paragraph(line, "    "))
    assert "".join("".join(lines).split()) == "".join(line.split())
    assert all(each.startswith("    ") and len(each.encode("utf-8")) <= composing.LINE for each in lines)
    assert all(len(each) <= 72 or len(each.split()) == 1 for each in lines)


@pytest.mark.parametrize(
    ("octets", "mended"),
    [
        (b"a\r\nb\r\n", b"a\r\nb\r\n"),
        (b"a\nb\rc\r\r\nd\0e", b"a\r\nb\r\nc\r\n\r\nde"),
        (b"x" * 900 + b"\r\n", b"x" * 900 + b"\r\n"),
        (b"x" * 901 + b"\r\n", b"x" * 900 + b"\r\n x\r\n"),
        (b"x" * 2000, b"x" * 900 + b"\r\n " + b"x" * 900 + b"\r\n " + b"x" * 200),
        (b"x" * 899 + b"\xc3\xa9" * 2, b"x" * 899 + b"\xc3\xa9\r\n \xc3\xa9"),
        (b"x" * 899 + b"\xc3\xa9", b"x" * 899 + b"\xc3\xa9"),
    ],
)
def test_octets_become_whole_lines(octets: bytes, mended: bytes) -> None:
    assert composing.whole_lines(octets) == mended


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\0", b"a" * 500, b"\xff" * 300, b"\xc3\xa9" * 400])).map(b"".join))
def test_mended_lines_are_lines_of_mail(octets: bytes) -> None:
    mended = composing.whole_lines(octets)
    assert all(len(line) <= composing.LINE for line in mended.split(b"\r\n"))
    assert mended.count(b"\r") == mended.count(b"\n") == mended.count(b"\r\n")
    assert b"\0" not in mended
