"""The formal syntax: what is read, what is refused, and what is said then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailframe.errors import BadMailboxName
from mailframe.imap import names, positions, utf7
from mailframe.imap.grammar import BadSyntax, Cursor
from mailframe.imap.limits import Limits
from mailframe.imap.sequence_set import BadNumber, SequenceSet, format_set
from mailframe.message.sections import Section
from mailframe.spool import Message

READ: list[tuple[Callable[[Cursor], Any], bytes, Any]] = [
    (Cursor.atom, b"atom", b"atom"),
    (Cursor.word, b"uid", b"UID"),
    (Cursor.string, b'"a \\"b\\" \\\\"', b'a "b" \\'),
    (Cursor.string, b'""', b""),
    (Cursor.astring, b"a]b", b"a]b"),
    (Cursor.nstring, b"nil", None),
    (Cursor.nstring, b'"x"', b"x"),
    (Cursor.mailbox, b"inBOX/x", "INBOX/x"),
    (Cursor.mailbox, b'"Entw&APw-rfe"', "Entwürfe"),
    (Cursor.mailbox, '"Entwürfe"'.encode(), "Entwürfe"),
    (Cursor.list_mailbox, b"a/%*", "a/%*"),
    (Cursor.list_mailbox, b'"a b*"', "a b*"),
    (Cursor.number, b"0", 0),
    (Cursor.nz_number, b"4294967295", 4294967295),
    (Cursor.mod_sequence_valzer, b"9223372036854775807", 2**63 - 1),
    (Cursor.sequence_set, b"1:3,7,9:*", SequenceSet(((1, 3), (7, 7), (9, 0)))),
    (Cursor.date, b'"1-Feb-1994"', date(1994, 2, 1)),
    (Cursor.date, b"29-feb-2000", date(2000, 2, 29)),
    (Cursor.date_time, b'"17-Jul-1996 02:44:25 -0700"', 837596665),
    (Cursor.flag, b"\\sEEN", "\\Seen"),
    (Cursor.flag, b"$Work", "$Work"),
    (Cursor.flag_list, b"()", frozenset()),
    (Cursor.flag_list, b"(\\Seen a)", frozenset({"\\Seen", "a"})),
    (Cursor.store_flags, b"a b \\Draft", frozenset({"a", "b", "\\Draft"})),
    (Cursor.section, b"[]", Section((), None)),
    (Cursor.section, b"[1.2.mime]", Section((1, 2), b"MIME")),
    (Cursor.section, b'[header.fields (From "To")]', Section((), b"HEADER.FIELDS", (b"From", b"To"))),
    (Cursor.partial, b"<0.10>", (0, 10)),
    (Cursor.partial, b"", None),
]


@pytest.mark.parametrize(("rule", "text", "value"), READ)
def test_what_is_read(rule: Callable[[Cursor], Any], text: bytes, value: Any) -> None:
    cursor = Cursor([text], [])
    assert rule(cursor) == value
    cursor.end()
    behind = Cursor([text + b")"], [])
    assert rule(behind) == value
    behind.expect(b")")


REFUSED: list[tuple[Callable[[Cursor], Any], bytes, str]] = [
    (Cursor.sp, b"x", "a space expected at octet 1"),
    (Cursor.end, b"x", "the end of the command expected"),
    (Cursor.atom, b"(", "an atom expected"),
    (Cursor.string, b"x", "a string expected"),
    (Cursor.string, b'"x', "a string expected"),
    (Cursor.string, b'"\\x"', "a string expected"),
    (Cursor.message, b'"x"', "a literal expected"),
    (Cursor.mailbox, b'"\xff"', "modified UTF-7"),
    (Cursor.mailbox, b"&AAA", "modified UTF-7"),
    (Cursor.mailbox, b"&Zeq-", "modified UTF-7"),
    (Cursor.mailbox, b"&2AA-", "modified UTF-7"),
    (Cursor.number, b"4294967296", "a number up to 4294967295"),
    (Cursor.number, b"x", "a number up to"),
    (Cursor.nz_number, b"0", "a number that is not 0"),
    (Cursor.sequence_set, b"x", "a sequence set expected"),
    (Cursor.sequence_set, b"0", "a message number is between"),
    (Cursor.sequence_set, b"1:9999999999", "a message number is between"),
    (Cursor.date, b"31-Feb-2000", "a date like"),
    (Cursor.date, b"1-Foo-2000", "a date like"),
    (Cursor.date, b"x", "a date like"),
    (Cursor.date_time, b'"yesterday"', "a date like"),
    (Cursor.flag, b"(", "a flag expected"),
    (Cursor.flag, b"\\Recent", "no flag that can be changed"),
    (Cursor.flag_list, b"(a", "a space expected"),
    (Cursor.section, b"x", "'[' expected"),
    (Cursor.section, b"[MIME]", "a part number before MIME"),
    (Cursor.section, b"[0]", "a body section"),
    (Cursor.section, b"[1.]", "a body section"),
    (Cursor.section, b"[.TEXT]", "a body section"),
    (Cursor.section, b"[HEADER.FIELDS]", "a space expected"),
    (Cursor.partial, b"<1>", "a partial like"),
    (Cursor.partial, b"<1.0>", "a partial like"),
]


@pytest.mark.parametrize(("rule", "text", "problem"), REFUSED)
def test_what_is_refused(rule: Callable[[Cursor], Any], text: bytes, problem: str) -> None:
    with pytest.raises(BadSyntax) as caught:
        rule(Cursor([text], []))
    assert problem in str(caught.value)


def test_literals_stand_where_strings_may() -> None:
    big = Message(b"x\r\n\r\n", b"")
    cursor = Cursor([b"", b" ", b" ", b""], [b"one", b"two", big])
    assert cursor.astring() == b"one"
    cursor.sp()
    assert cursor.message().head == b"two"
    cursor.sp()
    assert cursor.message() is big
    cursor.end()
    with pytest.raises(BadSyntax, match="a string expected"):
        Cursor([b"", b""], [big]).string()


def test_limits() -> None:
    limits = Limits(sequence_ranges=2, flags=2, header_names=1, part_depth=2)
    for rule, text in (
        (Cursor.sequence_set, b"1,2,3"),
        (Cursor.flag_list, b"(a b c)"),
        (Cursor.section, b"[HEADER.FIELDS (A B)]"),
        (Cursor.section, b"[1.2.3]"),
    ):
        with pytest.raises(BadSyntax):
            rule(Cursor([text], [], limits))
    cursor = Cursor([b"a b c"], [], limits)
    assert cursor.store_flags() == {"a", "b"}


@given(st.binary(max_size=40))
def test_nothing_but_bad_syntax_is_raised(text: bytes) -> None:
    for rule, _text, _value in READ:
        try:
            rule(Cursor([text], []))
        except BadSyntax:
            pass  # what a grammar says of junk


# --- sequence sets ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ranges", "count", "expected"),
    [
        (((1, 0),), 5, [0, 1, 2, 3, 4]),
        (((0, 0),), 5, [4]),
        (((4, 2), (3, 5)), 5, [1, 2, 3, 4]),
        (((5, 5), (1, 1)), 5, [0, 4]),
    ],
)
def test_numbers_mean_positions(ranges: Any, count: int, expected: list[int]) -> None:
    assert positions.flat(SequenceSet(ranges).positions(count)) == expected


def test_numbers_beyond_the_last_message_are_the_clients_fault() -> None:
    for ranges, count in ((((6, 6),), 5), (((1, 1),), 0), (((0, 0),), 0)):
        with pytest.raises(BadNumber):
            SequenceSet(ranges).positions(count)


def test_uids_that_do_not_exist_are_passed_over() -> None:
    uids = [3, 5, 9]
    assert positions.flat(SequenceSet(((1, 4), (9, 0))).positions_of_uids(uids)) == [0, 2]
    assert positions.flat(SequenceSet(((20, 0),)).positions_of_uids(uids)) == [2]
    assert SequenceSet(((1, 0),)).positions_of_uids([]) == []
    assert [list(part) for part in SequenceSet(((2, 3), (5, 0))).uids(6)] == [[2, 3], [5, 6]]


@pytest.mark.parametrize(("numbers", "text"), [([], b""), ([1], b"1"), ([1, 2, 3, 5, 7, 8], b"1:3,5,7:8")])
def test_numbers_are_written_short(numbers: list[int], text: bytes) -> None:
    assert format_set(numbers) == text


# --- names ------------------------------------------------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_every_name_survives_modified_utf_7(name: str) -> None:
    assert utf7.decode(utf7.encode(name)) == name


@pytest.mark.parametrize("name", ["", "a//b", "/a", "a\n", "a%", "a*", "x" * 2000, "/".join("a" * 40)])
def test_names_that_no_mailbox_may_have(name: str) -> None:
    with pytest.raises(BadMailboxName):
        names.checked(name)


EVERY = ["INBOX", "INBOX/a", "b", "b/c", "b/c/d"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*", EVERY),
        ("%", ["INBOX", "b"]),
        ("inbox", ["INBOX"]),
        ("b/%", ["b/c"]),
        ("b*", ["b", "b/c", "b/c/d"]),
        ("%%*%", EVERY),
        ("*d", ["b/c/d"]),
        ("x", []),
        ("%/" * 11, []),
        ("x" * 2000, []),
    ],
)
def test_patterns(pattern: str, expected: list[str]) -> None:
    assert names.matching(pattern, EVERY) == expected
