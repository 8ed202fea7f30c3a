"""Encoded words (RFC 2047) and raw 8-bit text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailframe.message import charsets, words

RFC_2047_SECTION_8 = [
    (b"=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>"),
    (b"=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?= <keld@dkuug.dk>", "Keld Jørn Simonsen <keld@dkuug.dk>"),
    (b"=?ISO-8859-1?Q?Andr=E9?= Pirard <PIRARD@vm1.ulg.ac.be>", "André Pirard <PIRARD@vm1.ulg.ac.be>"),
    (
        b"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
        "If you can read this you understand the example.",
    ),
    (b"=?ISO-8859-1?Q?Olle_J=E4rnefors?=", "Olle Järnefors"),
    (b"=?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?=", "Patrik Fältström"),
    (b"(=?iso-8859-8?b?7eXs+SDv4SDp7Oj08A==?=)", "(םולש ןב ילטפנ)"),
    (b"(=?ISO-8859-1?Q?a?=)", "(a)"),
    (b"(=?ISO-8859-1?Q?a?= b)", "(a b)"),
    (b"(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
    (b"(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"),
    (b"(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)", "(ab)"),
    (b"(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
    (b"(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
]
AS_FOUND_IN_MAIL = [
    (b"", ""),
    (b"plain", "plain"),
    (b"=?", "=?"),
    (b"=?utf-8?q?unfinished", "=?utf-8?q?unfinished"),
    (b"=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
    (b"=?utf-8?B?4pyT?=", "✓"),
    (b"=?utf-8?B?4py?= =?utf-8?B?kw==?=", "✓"),
    (b"=?utf-8?Q?=E2=9C?= =?UTF-8?Q?=93?=", "✓"),  # a character cut in two
    (b"a=?utf-8?q?b?=c", "abc"),
    (b"=?utf-8?q?a b?=", "a b"),
    (b"=?utf-8*en?q?hello?=", "hello"),
    (b"=?utf-8?q??=", ""),
    (b"=?utf-8?b?!!!?=", ""),
    (b"=?utf-8?b?QQ?=", "A"),
    (b"=?utf-8?b?QUJDR?=", "ABC"),
    (b"=?utf-8?q?=ZZ=4?=", "=ZZ=4"),
    (b"=?nonsense?q?=C3=A9?=", "é"),
    (b"=?nonsense?q?=E9?=", "é"),
    (b"=?unicode_escape?q?=5Cn?=", "\\n"),
    (b"=?punycode?q?a-b?=", "a-b"),
    (b"=?us-ascii?q?=E9?=", "é"),
    (b"=?utf-7?q?+2AA-x?=", "\ufffdx"),  # half of a surrogate pair
    (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
    (b"=?gb2312?B?xOO6ww==?=", "你好"),
    (b"=?windows-1252?q?=80?=", "€"),
    (b"=?iso-8859-1?q?=80?=", "€"),
    (b"=?utf-16?b?AAAA?= x", "\ufffd x"),  # two octets of NUL, dropped, and half a character
    (b"caf\xc3\xa9", "café"),
    (b"caf\xe9", "café"),
    (b"caf\xe9 =?utf-8?q?=C3=A9?=", "café é"),
    (b"a\x00b\x07c\td\x7f", "abc\td"),
    (b"a\r\nb\rc", "a b c"),
    (b"=?utf-8?q?a=0D=0AX-Injected:=20b?=", "a X-Injected: b"),
]


@pytest.mark.parametrize(("value", "text"), RFC_2047_SECTION_8 + AS_FOUND_IN_MAIL)
def test_a_field_is_shown_as_people_read_it(value: bytes, text: str) -> None:
    assert words.decode(value) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", b""),
        ("plain text", b"plain text"),
        ("é", b"=?utf-8?b?w6k=?="),
        ("looks =?like?= one", b"=?utf-8?b?bG9va3MgPT9saWtlPz0gb25l?="),
        ("a\r\nBcc: victim@example.com", b"a Bcc: victim@example.com"),
        ("nul\0", b"nul"),
        ("half a pair \ud800", b"=?utf-8?b?aGFsZiBhIHBhaXIgPw==?="),
    ],
)
def test_text_is_encoded_only_where_it_must_be(text: str, value: bytes) -> None:
    assert words.encode(text) == value


@pytest.mark.parametrize("text", ["Grüße " * 40, "日本語の件名" * 30, "x" * 2000, "word " * 400, "w" * 1000 + " é"])
def test_what_is_encoded_is_folded_and_reads_the_same(text: str) -> None:
    value = words.encode(text)
    assert all(len(line) <= 78 for line in value.split(b"\r\n"))
    assert all(line.startswith(b" ") for line in value.split(b"\r\n")[1:])
    assert words.decode(value.replace(b"\r\n", b"")) == text.strip()


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        (b"\xe9", "ISO-8859-15", "é"),
        (b"\xe9", " latin1 ", "é"),
        (b"\xc3\xa9", "", "é"),
        (b"\x93\xfa", "shift_jis", "日"),
        (b"ok", "x" * 10_000, "ok"),
        (b"\xff\xfe", "utf-8", "ÿþ"),
        (b"\xa4", "iso-8859-8-i", "¤"),
        (b"+AGEA", "utf-7", "a"),
    ],
)
def test_charsets_are_known_by_the_names_that_mail_uses(data: bytes, charset: str, text: str) -> None:
    assert charsets.decode(data, charset).rstrip("\ufffd") == text


ESCAPES = st.sampled_from(
    [b"\x1b$)C", b"\x0e", b"\x0f", b"\x1b(B", b"\x1b$B", b"~{", b"~}", b"+2AA", b"-", b"\xff\xfe"]
)


@pytest.mark.parametrize("charset", sorted(charsets.KNOWN))
@given(st.lists(st.one_of(ESCAPES, st.binary(max_size=4)), max_size=8).map(b"".join))
@settings(max_examples=20)
def test_every_charset_makes_storable_text_of_anything(charset: str, data: bytes) -> None:
    text = charsets.decode(data, charset)
    assert text.encode("utf-8").decode("utf-8") == text
