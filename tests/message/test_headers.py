"""Header blocks: where they end, their fields, and IMAP's subsets."""

from __future__ import annotations

import pytest

from mailframe.message import headers
from mailframe.message.limits import Limits

SPLITS = [
    (b"A: 1\r\n\r\nbody", b"A: 1\r\n\r\n"),
    (b"A: 1\n\nbody", b"A: 1\n\n"),
    (b"A: 1\r\nB: 2\n\r\nbody\r\n\r\nmore", b"A: 1\r\nB: 2\n\r\n"),
    (b"\r\nbody", b"\r\n"),
    (b"\nbody\n\nmore", b"\n"),
    (b"A: 1\r\n", b"A: 1\r\n"),
    (b"no header at all", b"no header at all"),
    (b"", b""),
    (b"A: 1\r\n \r\nB: 2\r\n\r\n", b"A: 1\r\n \r\nB: 2\r\n\r\n"),
]


@pytest.mark.parametrize(("data", "head"), SPLITS)
def test_the_header_ends_behind_its_empty_line(data: bytes, head: bytes) -> None:
    assert headers.split(data) == (head, data[len(head) :])


def test_a_header_without_end_is_cut_at_a_line_within_the_limit() -> None:
    data = b"A: 1\r\nB: 2\r\nC: 3\r\n\r\n"
    assert headers.split(data, Limits(header_bytes=14)) == (b"A: 1\r\nB: 2\r\n", b"C: 3\r\n\r\n")
    assert headers.split(b"x" * 50, Limits(header_bytes=20)) == (b"x" * 20, b"x" * 30)


FIELDS = [
    (b"A: 1\r\nB:2\r\n", [(b"A", b"1"), (b"B", b"2")]),
    (b"Subject: one\r\n two\r\n\tthree\r\n\r\n", [(b"Subject", b"one two\tthree")]),
    (b"Subject: one\n two\n", [(b"Subject", b"one two")]),
    (b"Old : style\r\n", [(b"Old", b"style")]),
    (b"From me Mon Jan 1\r\nA: 1\r\n", [(b"A", b"1")]),
    (b" indented\r\nA: 1\r\n", [(b"A", b"1")]),
    (b"no colon\r\n with continuation: x\r\nA: 1", [(b"A", b"1")]),
    (b": nameless\r\nA: 1\r\n", [(b"A", b"1")]),
    (b"A:\r\nB: \r\n \r\n", [(b"A", b""), (b"B", b"")]),
    (b"A: x\0y\r\nB: \xff\r\n", [(b"A", b"x\0y"), (b"B", b"\xff")]),
    (b"", []),
]


@pytest.mark.parametrize(("head", "expected"), FIELDS)
def test_fields_are_unfolded_and_junk_is_skipped(head: bytes, expected: list[tuple[bytes, bytes]]) -> None:
    found = headers.fields(head)
    assert [(field.name, field.value) for field in found] == expected
    index = headers.index(head)
    again = headers.indexed(found)
    assert list(index) == list(again)
    assert [headers.value(index, name) for name in index] == [headers.value(again, name) for name in again]
    assert [headers.value(index, name.lower()) for name, _ in expected] == [value for _, value in expected]


def test_a_field_keeps_its_octets_as_they_stand() -> None:
    head = b"A: 1\r\n\t2\r\nb:3\n\n"
    assert [field.raw for field in headers.fields(head)] == [b"A: 1\r\n\t2\r\n", b"b:3\n"]


def test_the_first_field_of_a_name_is_found_whatever_its_case() -> None:
    found = headers.fields(b"X: 1\r\nSUBJECT: a\r\nSubject: b\r\n")
    assert headers.first(found, b"subject") == b"a"
    assert headers.first(found, b"Date") is None
    assert headers.value(headers.index(b"A: 1\r\n"), b"b") is None


HEAD = b"From: a@b\r\nTo: c@d,\r\n e@f\r\njunk\r\nSubject : x\r\nFROMAGE: brie\r\n\r\n"
SELECTIONS = [
    ((b"from",), False, b"From: a@b\r\n\r\n"),
    ((b"SUBJECT", b"To"), False, b"To: c@d,\r\n e@f\r\nSubject : x\r\n\r\n"),
    ((b"Date",), False, b"\r\n"),
    ((b"fro.",), False, b"\r\n"),
    ((), False, b"\r\n"),
    ((b"To", b"fromage"), True, b"From: a@b\r\nSubject : x\r\n\r\n"),
    ((b"from", b"to", b"subject", b"fromage"), True, b"\r\n"),
]


@pytest.mark.parametrize(("names", "invert", "expected"), SELECTIONS)
def test_a_subset_of_the_header_ends_with_an_empty_line(
    names: tuple[bytes, ...], invert: bool, expected: bytes
) -> None:
    assert headers.select(HEAD, names, invert) == expected


def test_a_subset_ends_with_an_empty_line_even_when_the_header_does_not_end() -> None:
    assert headers.select(b"A: 1\r\nB: 2", (b"B",)) == b"B: 2\r\n\r\n"
    assert headers.select(b"", (b"B",)) == b"\r\n"
    assert headers.select(b"A: 1\nB: 2\n\n", (b"a",)) == b"A: 1\n\r\n"
