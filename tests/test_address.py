"""Addresses of envelopes: what is one, what is none, and that each has one spelling."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailframe.address import DOMAIN_OCTETS, LOCAL_PART_OCTETS, Address, parse_domain, quote_local

VALID = [
    ("a@b", "a", "b"),
    ("user@example.org", "user", "example.org"),
    ("User@EXAMPLE.Org", "User", "example.org"),
    ("first.last+tag@example.org", "first.last+tag", "example.org"),
    ("!#$%&'*+/=?^_`{|}~-@example.org", "!#$%&'*+/=?^_`{|}~-", "example.org"),
    ('"john smith"@example.org', "john smith", "example.org"),
    ('"plain"@example.org', "plain", "example.org"),
    ('"a.b"@example.org', "a.b", "example.org"),
    ('"a..b"@example.org', "a..b", "example.org"),
    ('"a@b"@example.org', "a@b", "example.org"),
    (r'"a\"b\\c\d"@example.org', 'a"b\\cd', "example.org"),
    ('" "@example.org', " ", "example.org"),
    ("a@b-c.d_e.f", "a", "b-c.d_e.f"),
    ("a@1.2", "a", "1.2"),
    ("a@[192.0.2.1]", "a", "[192.0.2.1]"),
    ("a@[IPv6:2001:DB8:0:0::1]", "a", "[IPv6:2001:db8::1]"),
    ("a@[ipv6:::1]", "a", "[IPv6:::1]"),
    ("用户@example.org", "用户", "example.org"),
    ('"用 户"@example.org', "用 户", "example.org"),
    # A U-label and its A-label are one domain, however they are written (RFC 5890 2.3.2.4, UTS 46).
    ("a@bücher.example", "a", "xn--bcher-kva.example"),
    ("a@BÜCHER.example", "a", "xn--bcher-kva.example"),
    ("a@bu\N{COMBINING DIAERESIS}cher.example", "a", "xn--bcher-kva.example"),
    ("a@XN--bcher-KVA.example", "a", "xn--bcher-kva.example"),
    ("a@例子.广告", "a", "xn--fsqu00a.xn--4rr70v"),
    ("a@straße.example", "a", "xn--strae-oqa.example"),
    ("x" * LOCAL_PART_OCTETS + "@example.org", "x" * LOCAL_PART_OCTETS, "example.org"),
    ("ü" * (LOCAL_PART_OCTETS // 2) + "@example.org", "ü" * (LOCAL_PART_OCTETS // 2), "example.org"),
    ("a@" + "x" * 63, "a", "x" * 63),
    ("a@" + "x." * 127 + "x", "a", "x." * 127 + "x"),
]

INVALID = [
    "",
    "a",
    "@",
    "a@",
    "@b",
    '""@b',
    ".a@b",
    "a.@b",
    "a..b@c",
    "a b@c",
    "a@b@c",
    "<a@b>",
    "a,b@c",
    "a:b@c",
    '"a@b',
    '"a"b@c',
    '"a\\"@b',
    '"a"b"@c',
    "a@b c",
    "a@-b",
    "a@b-",
    "a@_b",
    "a@.b",
    "a@b.",
    "a@b..c",
    "a@b_.c",
    "a@" + "x" * 64,
    "a@" + "x." * 128 + "x",
    "a@" + "ü" * 300,
    "a@" + "ü" * 60,
    "x" * (LOCAL_PART_OCTETS + 1) + "@b",
    "ü" * (LOCAL_PART_OCTETS // 2) + "x@b",
    "a@[]",
    "a@[192.0.2.1",
    "a@192.0.2.1]",
    "a@[192.0.2.256]",
    "a@[192.0.2]",
    "a@[::1]",
    "a@[IPv6:192.0.2.1]",
    "a@[IPv6:1::2::3]",
    "a@[IPv6:fe80::1%eth0]",
    "a@[x:y]",
    "a@☃\N{VARIATION SELECTOR-16}.example",
    "a@\N{ARABIC LETTER ALEF}a.example",
    # Whatever could break a line of SMTP, a header or a log.
    "a\r\nb@c",
    "a\n@b",
    '"a\0"@b',
    '"a\tb"@c',
    "a@b\n",
    "a@b\r",
    "a@[192.0.2.1]\n",
    "a\x85@b",
    "a\N{LINE SEPARATOR}@b",
    "a\N{RIGHT-TO-LEFT OVERRIDE}@b",
    "a\N{RIGHT-TO-LEFT ISOLATE}@b",
    "a\ufeff@b",
    "a\udc80@b",
    '"\x7f"@b',
]


@pytest.mark.parametrize(("text", "local", "domain"), VALID)
def test_an_address_has_a_local_part_and_a_domain(text: str, local: str, domain: str) -> None:
    assert Address.parse(text) == Address(local, domain)


@pytest.mark.parametrize(("text", "_local", "_domain"), VALID)
def test_an_address_written_out_is_the_same_address(text: str, _local: str, _domain: str) -> None:
    address = Address.parse(text)
    assert Address.parse(str(address)) == address
    assert bytes(address).decode() == str(address)


@pytest.mark.parametrize("text", INVALID)
def test_what_is_no_address_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(ValueError, match=r"local|domain|address") as refused:
        Address.parse(text)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("text", ["[IPv6:fe80::1%a\r\nb]", "[192.0.2.1\n]", "a\n", "é\n", "a\0b", "\ud800", ""])
def test_a_domain_alone_is_as_strict(text: str) -> None:
    with pytest.raises(ValueError, match=r"domain|literal"):
        parse_domain(text)


@pytest.mark.parametrize(
    ("local", "written"),
    [("a.b", "a.b"), ("a b", '"a b"'), ('"', r'"\""'), ("\\", r'"\\"'), ("a..b", '"a..b"'), ("é", "é"), ("", '""')],
)
def test_a_local_part_is_quoted_only_where_it_must_be(local: str, written: str) -> None:
    assert quote_local(local) == written


@pytest.mark.parametrize(
    ("text", "ascii_only"),
    [("a@b", True), ("a@bücher.example", True), ("ü@b", False), ('"ü b"@c', False)],
)
def test_only_the_local_part_may_need_smtputf8(text: str, ascii_only: bool) -> None:
    assert Address.parse(text).is_ascii is ascii_only


@given(st.text(max_size=80))
@example("a@\N{KELVIN SIGN}.example")
@example("a@İ.example")
@example("a@\N{IDEOGRAPHIC FULL STOP}")
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    for candidate in (text, f"{text}@b", f"a@{text}", f'"{text}"@b', f"a@[{text}]", f"a@{text}.example"):
        try:
            address = Address.parse(candidate)
        except ValueError:
            continue
        assert Address.parse(str(address)) == address
        assert not re.search(r"[\r\n\0]", str(address))
        assert len(address.domain) <= DOMAIN_OCTETS
        assert address.domain.isascii()


@given(st.from_regex(r'[a-z]{1,3}(\.[a-z]{1,3}){0,2}|"([ !#-\[\]-~]|\\[ -~]){1,20}"', fullmatch=True))
def test_every_local_part_of_the_grammar_survives_being_written(local: str) -> None:
    address = Address.parse(f"{local}@example.org")
    assert Address.parse(str(address)) == address
