"""DNS messages: what we ask, which replies are ours, and what they say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.names import dns

from mailframe.net.dns import MX, SOA
from mailframe.net.dns.messages import BadReply, Record, answers_to, parse, query, question, type_number

ASKED = question("example.org", 15)


def reply(*records: Any, authority: Any = (), number: int = 7, **header: Any) -> bytes:
    message = dns.Message(number, answer=1, **header)
    message.queries = [dns.Query(b"example.org", 15)]
    message.answers, message.authority = list(records), list(authority)
    return bytes(message.toStr())


def rr(name: bytes, payload: Any, ttl: int = 60, cls: int = dns.IN) -> dns.RRHeader:
    return dns.RRHeader(name, payload.TYPE, cls, ttl, payload)


def test_a_query_is_recursive_and_asks_for_authentic_answers() -> None:
    sent = query(0xABCD, ASKED)
    assert sent == (
        b"\xab\xcd\x01\x20\x00\x01\x00\x00\x00\x00\x00\x01"  # RD and AD; one question, one additional record
        b"\x07example\x03org\x00\x00\x0f\x00\x01"
        b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00"  # OPT: 1232 octets, DO
    )
    read = dns.Message()
    read.fromStr(sent)
    assert [(each.name.name, each.type, each.cls) for each in read.queries] == [(b"example.org", 15, 1)]
    assert (read.recDes, read.authenticData) == (1, 1)


@pytest.mark.parametrize("name", ["a", "example.org", "example.org.", "_dmarc.example.org", "x" * 63, "a." * 126 + "a"])
def test_names_that_can_be_asked_for(name: str) -> None:
    assert question(name, 1).endswith(b"\0\0\x01\0\x01")


@pytest.mark.parametrize("name", ["", ".", "a..b", ".a", "x" * 64, "a." * 127 + "a", "a b", "a\0b", "ü", "a\nb", "a.."])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(ValueError, match=r"name|ascii"):
        question(name, 1)


def test_types_have_names_or_numbers() -> None:
    assert (type_number("TLSA"), type_number("TYPE65"), type_number("TYPE0")) == (52, 65, 0)


@pytest.mark.parametrize("name", ["", "mx", "TYPE", "TYPE65536", "TYPE-1", "TYPE1x", "AXFRX"])
def test_types_that_are_none(name: str) -> None:
    with pytest.raises(ValueError, match="is no type"):
        type_number(name)


def test_the_reply_with_our_number_and_question_is_ours() -> None:
    assert answers_to(reply(), 7, ASKED)
    assert answers_to(reply().replace(b"example", b"eXaMPLE"), 7, ASKED)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\x07",
        reply(number=8),
        query(7, ASKED),  # our own query sent back
        query(7, question("example.net", 15)),
        reply().replace(b"example", b"exbmple"),
        reply().replace(b"\0\x0f\0\x01", b"\0\x01\0\x01"),
        reply().replace(b"\0\x0f\0\x01", b"\0\x0f\0\x03"),
        reply()[:-1],
        reply()[:5] + b"\x02" + reply()[6:],
        reply()[:5] + b"\x00" + reply()[6:],
    ],
)
def test_other_octets_are_not(data: bytes) -> None:
    assert not answers_to(data, 7, ASKED)


VALUES = [
    (dns.Record_A("192.0.2.1"), "192.0.2.1"),
    (dns.Record_AAAA("2001:db8:0::1"), "2001:db8::1"),
    (dns.Record_MX(10, b"MX.Example.org"), MX(10, "mx.example.org")),
    (dns.Record_MX(0, b""), MX(0, "")),
    (dns.Record_TXT(b"v=spf1 ", b"-all"), b"v=spf1 -all"),
    (dns.Record_TXT(b"\xff\0"), b"\xff\0"),
    (dns.Record_PTR(b"Host.example.org"), "host.example.org"),
    (dns.Record_CNAME(b"other.example.org"), "other.example.org"),
    (dns.Record_NS(b"ns.example.org"), "ns.example.org"),
    (
        dns.Record_SOA(b"ns.example.org", b"h.example", 5, minimum=300),
        SOA("ns.example.org", "h.example", 5, 300),
    ),
    (dns.Record_SRV(1, 2, 3, b"a"), b"\0\x01\0\x02\0\x03\x01a\0"),
    (dns.Record_PTR(b"a b\r\n\\\xff"), "a\\032b\\013\\010\\092\\255"),
]


@pytest.mark.parametrize(("payload", "value"), VALUES)
def test_records_have_values(payload: Any, value: object) -> None:
    parsed = parse(reply(rr(b"Example.ORG", payload)))
    assert parsed.answers == (Record("example.org", payload.TYPE, 60, value),)
    assert (parsed.rcode, parsed.truncated, parsed.authenticated, parsed.negative_ttl) == (0, False, False, None)


def test_types_nobody_knows_are_given_raw() -> None:
    data = bytearray(reply(rr(b"_25._tcp.example.org", dns.Record_TXT(b"\x01\x01\xaa\xbb"))))
    data[data.index(b"\x00\x10\x00\x01") + 1] = 52  # TXT becomes TLSA
    [record] = parse(bytes(data)).answers
    assert (record.type, record.value) == (52, b"\x04\x01\x01\xaa\xbb")


def test_records_of_other_classes_are_passed_over() -> None:
    assert parse(reply(rr(b"example.org", dns.Record_A("192.0.2.1"), cls=dns.CH))).answers == ()


def test_the_header_says_how_it_went() -> None:
    parsed = parse(reply(rCode=3, trunc=1, authenticData=1))
    assert (parsed.rcode, parsed.truncated, parsed.authenticated) == (3, True, True)


@pytest.mark.parametrize(("ttl", "minimum", "negative"), [(300, 60, 60), (60, 300, 60)])
def test_a_zone_says_how_long_its_absence_of_records_may_be_believed(ttl: int, minimum: int, negative: int) -> None:
    soa = rr(b"example.org", dns.Record_SOA(b"ns", b"h", 1, minimum=minimum), ttl)
    assert parse(reply(authority=[soa, rr(b"example.org", dns.Record_NS(b"ns"))])).negative_ttl == negative


def test_a_reply_cut_short_is_none() -> None:
    whole = reply(rr(b"example.org", dns.Record_MX(10, b"mx.example.org")))
    for end in range(len(whole)):
        with pytest.raises(BadReply):
            parse(whole[:end])


def test_a_reply_that_says_it_is_cut_short_may_be() -> None:
    whole = reply(rr(b"example.org", dns.Record_MX(10, b"mx.example.org")), trunc=1)
    assert parse(whole[:-4]).truncated


@given(st.binary(max_size=200))
def test_no_octets_do_any_harm(octets: bytes) -> None:
    for data in (octets, reply()[:12] + octets, reply(rr(b"a", dns.Record_A()))[:-10] + octets):
        try:
            parse(data)
        except BadReply:
            pass
