"""MTA-STS: the record that announces a policy, and the policy."""

from __future__ import annotations

import time

import pytest

from mailframe.mailauth.mta_sts import MAX_AGE, MX_PATTERNS, POLICY_OCTETS, BadPolicy, Mode, Policy, policy_id

# --- the TXT record --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "found"),
    [
        (b"v=STSv1; id=20160831085700Z;", "20160831085700Z"),
        (b"v=STSv1;id=1", "1"),
        (b"v=STSv1 \t; \tid=1 \t; \t", "1"),
        (b"v=STSv1; x-new_1.2=any/thing,here; id=1", "1"),
        (b"v=STSv1; id=1; id=2", "1"),
        (b"v=STSv1; id=" + b"a" * 32, "a" * 32),
        (b"v=STSv1; id=" + b"a" * 33, None),
        (b"v=STSv1; id=", None),
        (b"v=STSv1; id=a-b", None),
        (b"v=STSv1;", None),
        (b"v=STSv1", None),
        (b"v=STSv1; id=1; nonsense", None),
        (b"v=STSv1; id=1; ; x=y", None),
        (b"v=STSv1; id=1; \xff=y", None),
        (b"v=STSv2; id=1", None),
        (b"V=STSv1; id=1", None),
        (b" v=STSv1; id=1", None),
        (b"id=1; v=STSv1", None),
    ],
)
def test_the_record(record: bytes, found: str | None) -> None:
    assert policy_id([record]) == found


def test_records_of_others_do_not_matter_and_two_of_ours_do() -> None:
    ours = b"v=STSv1; id=1"
    assert policy_id([b"v=spf1 -all", ours, b""]) == "1"
    assert policy_id([ours, ours]) is None
    assert policy_id([ours, b"v=STSv1;"]) is None
    assert policy_id([]) is None


def test_no_record_takes_long() -> None:
    began = time.process_time()
    for evil in (b"v=STSv1;" + b" " * 60_000 + b"x", b"v=STSv1;" + b"a=b;" * 15_000 + b"x", b"v=STSv1" + b" " * 60_000):
        assert policy_id([evil]) is None
    assert time.process_time() - began < 2


# --- the policy ------------------------------------------------------------------------------------------------------

FILE = b"version: STSv1\r\nmode: enforce\r\nmx: mx1.Example.com\r\nmx: *.example.net.\r\nmax_age: 604800\r\n"
POLICY = Policy(Mode.ENFORCE, 604800, ("mx1.example.com", "*.example.net"))


@pytest.mark.parametrize(
    "text",
    [
        FILE,
        FILE.replace(b"\r\n", b"\n"),
        FILE.rstrip(),
        FILE + b"\r\n\n",
        FILE.replace(b": ", b":"),
        FILE.replace(b": ", b": \t ").replace(b"\r\n", b" \t\r\n"),
        FILE + b"mode: none\nversion: 2\nmax_age: 1\n",
        FILE + "x-new.field_1: größer: 1\n".encode(),
    ],
)
def test_a_policy(text: bytes) -> None:
    assert Policy.parse(text) == POLICY


def test_a_policy_as_its_file_says_it() -> None:
    assert POLICY.lines == (
        "version: STSv1",
        "mode: enforce",
        "mx: mx1.example.com",
        "mx: *.example.net",
        "max_age: 604800",
    )
    assert Policy.parse("\n".join(POLICY.lines).encode()) == POLICY


def test_a_policy_of_none_needs_no_servers() -> None:
    assert Policy.parse(b"version: STSv1\nmode: none\nmax_age: 0") == Policy(Mode.NONE, 0)


def test_a_policy_lasts_a_year_at_most() -> None:
    assert Policy.parse(FILE.replace(b"604800", b"9999999999")).max_age == MAX_AGE


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "version"),
        (FILE.replace(b"STSv1", b"STSv2"), "version"),
        (FILE.replace(b"version: STSv1\r\n", b""), "version"),
        (FILE.replace(b"mode: enforce\r\n", b""), "mode"),
        (FILE.replace(b"enforce", b"Enforce"), "mode"),
        (FILE.replace(b"604800", b"-1"), "max_age"),
        (FILE.replace(b"604800", b"12345678901"), "max_age"),
        (FILE.replace(b"604800", "١٢".encode()), "max_age"),
        (FILE.replace(b"max_age: 604800\r\n", b""), "max_age"),
        (b"version: STSv1\nmode: testing\nmax_age: 1", "no mx"),
        (FILE.replace(b"mx1.Example.com", b""), "host name"),
        (FILE.replace(b"mx1.Example.com", b"mx*.example.com"), "host name"),
        (FILE.replace(b"mx1.Example.com", b"*"), "host name"),
        (FILE.replace(b"mx1.Example.com", b"[192.0.2.1]"), "host name"),
        (FILE.replace(b"mx1.Example.com", "größer.example".encode()), "host name"),
        (FILE.replace(b"mx1.Example.com", b"a b"), "host name"),
        (FILE + b"nonsense", "line 6"),
        (FILE + b"no name: x", "line 6"),
        (FILE + b": x", "line 6"),
        (FILE.replace(b"\r\n", b"\r"), "line 1|version"),
        (FILE + b"x: \xff", "UTF-8"),
        (FILE + b"x: " + b"y" * POLICY_OCTETS, "longer than"),
        (b"<!DOCTYPE html>\n<html>", "line 1"),
    ],
)
def test_what_is_no_policy(text: bytes, why: str) -> None:
    with pytest.raises(BadPolicy, match=why):
        Policy.parse(text)


def test_a_policy_as_long_as_may_be() -> None:
    assert Policy.parse(FILE + b"x: " + b"y" * (POLICY_OCTETS - len(FILE) - 3)) == POLICY


def test_a_policy_names_only_so_many_servers() -> None:
    more = b"mx: mx.example.org\n" * (MX_PATTERNS - 2)
    assert len(Policy.parse(FILE + more).mx) == MX_PATTERNS
    with pytest.raises(BadPolicy, match="too many"):
        Policy.parse(FILE + more + b"mx: mx.example.org")


def test_no_policy_takes_long() -> None:
    began = time.process_time()
    for evil in (b":" * 60_000, b"a:" + b" " * 60_000 + b"b", b"a:\n" * 20_000, b"mx: *." + b"a." * 30_000):
        with pytest.raises(BadPolicy):
            Policy.parse(evil)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("host", "permitted"),
    [
        ("mx1.example.com", True),
        ("MX1.example.com.", True),
        ("mx2.example.com", False),
        ("a.example.net", True),
        ("example.net", False),
        ("a.b.example.net", False),
    ],
)
def test_servers_that_a_policy_names(host: str, permitted: bool) -> None:
    assert POLICY.permits(host) is permitted
