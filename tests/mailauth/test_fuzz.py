"""What strangers publish is read or refused, and never a surprise."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailframe.mailauth.dane import TLSA, usable
from mailframe.mailauth.mta_sts import BadPolicy, Policy, policy_id
from mailframe.mailauth.tls_rpt import report_to

WORDS = b"version STSv1 mode enforce none mx *. a.example max_age 60 : ; = v=STSv1 id= v=TLSRPTv1 rua= mailto: %0d @ ,"
PIECES = st.sampled_from([*WORDS.split(), b" ", b"\n", b"\r\n", b"\xff"])
TEXTS = st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=30).map(b"".join))
MODES = [b"mode: enforce", b"mode: none"]
LINES = st.sampled_from([*MODES, b"version: STSv1", b"mx: *.a.example", b"mx: b.example", b"max_age: 9"])
FIELDS = st.lists(LINES, max_size=10).map(b"\n".join)


@given(st.one_of(TEXTS, FIELDS))
def test_a_policy_is_read_or_bad(text: bytes) -> None:
    try:
        policy = Policy.parse(text)
    except BadPolicy:
        return
    assert Policy.parse("\n".join(policy.lines).encode()) == policy


@given(TEXTS)
def test_an_announcement_is_read_or_none(text: bytes) -> None:
    found = policy_id([b"v=STSv1;" + text])
    assert found is None or (found.isalnum() and found.isascii() and len(found) <= 32)


@given(TEXTS)
def test_destinations_are_safe_in_a_header(text: bytes) -> None:
    found = report_to([b"v=TLSRPTv1; rua=" + text])
    for each in (*found.mail, *found.https) if found is not None else ():
        assert not set(str(each)) & set("\r\n\0")


@given(st.integers(0, 4), st.integers(0, 2), st.integers(0, 3), st.binary(min_size=1, max_size=70))
def test_records_are_usable_or_not(usage: int, selector: int, matching: int, data: bytes) -> None:
    record = TLSA.parse(bytes((usage, selector, matching)) + data)
    assert usable([record]) in ((), (record,))
