"""xtext and unitext: any text comes through, and nothing that could break a line gets in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailframe import xtext
from mailframe.address import UNSAFE


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("", ""),
        ("QQ314159", "QQ314159"),
        ("a b", "a+20b"),
        ("1+1=2", "1+2B1+3D2"),
        ("~!;<>()", "~!;<>()"),
    ],
)
def test_xtext_goes_both_ways(text: str, encoded: str) -> None:
    assert xtext.encode(text) == encoded
    assert xtext.decode(encoded.encode()) == text


def test_more_may_be_encoded_than_needs_to_be() -> None:
    assert xtext.decode(b"+41+2B") == "A+"


@pytest.mark.parametrize(
    "data",
    [b"+", b"+2", b"+2b", b"+ZZ", b"a b", b"a=b", b"\x7f", b"\xc3\xbc", b"+C3+BC", b"+0D+0A", b"+00", b"+7F", b"a\n"],
)
def test_what_is_no_xtext_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="xtext"):
        xtext.decode(data)


@pytest.mark.parametrize("text", ["ü", "a\r\nb", "\0", "\x7f", "\t"])
def test_only_printable_ascii_becomes_xtext(text: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        xtext.encode(text)


def test_values_have_a_limit() -> None:
    assert xtext.decode(b"x" * xtext.CHARACTERS) == "x" * xtext.CHARACTERS
    for decode in (xtext.decode, xtext.decode_unitext, xtext.decode_orcpt):
        with pytest.raises(ValueError, match="at most 500 characters"):
            decode(b"x" * (xtext.CHARACTERS + 1))
    with pytest.raises(ValueError, match="at most 2 characters"):
        xtext.decode(b"xxx", 2)


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("grüße@example.org", r"gr\x{FC}\x{DF}e@example.org"),
        ("a+b c=d\\e", r"a\x{2B}b\x{20}c\x{3D}d\x{5C}e"),
        ("ā用😀\U0010fffd", r"\x{101}\x{7528}\x{1F600}\x{10FFFD}"),
    ],
)
def test_unitext_goes_both_ways(text: str, encoded: str) -> None:
    assert xtext.encode_unitext(text) == encoded
    assert xtext.decode_unitext(encoded.encode()) == text
    assert xtext.decode_unitext(encoded.lower().encode()) == text


def test_utf_8_may_stand_for_itself() -> None:
    assert xtext.decode_unitext("grüß\\x{DF}@example.org".encode()) == "grüßß@example.org"


@pytest.mark.parametrize(
    "data",
    [
        *(rb"\x{}", rb"\x{5}", rb"\x{FC", rb"\x{0000FC}", rb"\x{41}", rb"\x{110000}", rb"\X{FC}", rb"\x{FC}\y"),
        *(rb"\x{0A}", rb"\x{10}", rb"\x{7F}", rb"\x{85}", rb"\x{D800}", rb"\x{202E}", rb"\x{FEFF}"),
        *(b"a+20b", b"a b", b"a=b", b"\\", b"\xff", b"\xed\xa0\x80", "\u2028".encode(), b"\x7f", b"\n"),
    ],
)
def test_what_is_no_unitext_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"unitext|UTF-8"):
        xtext.decode_unitext(data)


@pytest.mark.parametrize("text", ["a\r\nb", "\x85", "\u202e"])
def test_control_characters_do_not_become_unitext(text: str) -> None:
    with pytest.raises(ValueError, match="control characters"):
        xtext.encode_unitext(text)


@pytest.mark.parametrize(
    ("orcpt", "encoded"),
    [
        ("rfc822;ann+x@example.org", "rfc822;ann+2Bx@example.org"),
        ("RFC822;Ann;Bob", "RFC822;Ann;Bob"),
        ("utf-8;grüße@example.org", r"utf-8;gr\x{FC}\x{DF}e@example.org"),
        ("UTF-8;a+b", r"UTF-8;a\x{2B}b"),
    ],
)
def test_an_original_recipient_goes_both_ways(orcpt: str, encoded: str) -> None:
    assert xtext.encode_orcpt(orcpt) == encoded
    assert xtext.decode_orcpt(encoded.encode()) == orcpt


@pytest.mark.parametrize("data", [b"", b"rfc822", b"rfc822;", b";ann", b"a b;ann", b"rfc\xc3\xbc;ann", b"\xff;x"])
def test_an_original_recipient_has_a_type_and_an_address(data: bytes) -> None:
    with pytest.raises(ValueError, match="an address type, a semicolon and an address"):
        xtext.decode_orcpt(data)
    with pytest.raises(ValueError, match="an address type, a semicolon and an address"):
        xtext.encode_orcpt(data.decode("latin-1"))


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_any_printable_text_comes_through_xtext(text: str) -> None:
    assert xtext.decode(xtext.encode(text).encode("ascii")) == text


@given(st.text(max_size=40).filter(lambda text: not UNSAFE.search(text)))
def test_any_text_comes_through_unitext(text: str) -> None:
    assert xtext.decode_unitext(xtext.encode_unitext(text).encode("ascii")) == text


@given(st.binary(max_size=80))
def test_whatever_is_decoded_is_safe(data: bytes) -> None:
    for decode in (xtext.decode, xtext.decode_unitext, xtext.decode_orcpt):
        try:
            text = decode(data)
        except ValueError:
            continue
        assert not UNSAFE.search(text)
