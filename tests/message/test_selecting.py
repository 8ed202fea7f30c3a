"""Fields picked out of many headers are those that are picked out of each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailframe.message import headers, selecting

NAMES = (b"From", b"TO", b"x-a", b"X-A-b", b"f\xe9", b"a.b*", b"From:", b"To\nx-a", b" to", b"")
HEADS = st.lists(
    st.sampled_from(
        (
            b"From",
            b"to",
            b"X-a",
            b"x-A-B",
            b"f\xe9",
            b"a.b*",
            b"axb",
            b":",
            b" :",
            b"\t",
            b" ",
            b"\r\n",
            b"\n",
            b"junk",
            b"\0",
        )
    ),
    max_size=30,
).map(b"".join)


@given(HEADS, st.lists(st.sampled_from(NAMES), max_size=4), st.booleans())
def test_what_is_picked_is_the_same_whatever_the_header(head: bytes, names: list[bytes], invert: bool) -> None:
    assert selecting.selector(tuple(names), invert)(head) == headers.select(head, names, invert)


@pytest.mark.parametrize("name", [b"x" * 10, b"x" * 2 * selecting.LONGEST_NAMES])
def test_names_of_any_length_are_found(name: bytes) -> None:
    head = b"A: 1\r\n" + name.upper() + b": 2\r\n 3\r\nB: 4\r\n\r\n"
    assert selecting.selector((name, b"A"), invert=False)(head) == b"A: 1\r\n" + name.upper() + b": 2\r\n 3\r\n\r\n"


def test_a_million_lines_take_no_longer_than_they_must() -> None:
    head = b"to" * 100_000 + b"\r\n" + b"to \t" * 100_000 + b"\n" + b"to\n " * 100_000 + b"\nto:" + b"\n " * 100_000
    assert selecting.selector((b"to",), invert=False)(head) == b"to:" + b"\n " * 100_000 + b"\r\n\r\n"
