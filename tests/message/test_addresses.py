"""Address lists, as RFC 5322 has them and as mail has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailframe.message.addresses import Group, Mailbox, parse

NOT_PLAIN = b"(),"
"""Adds no address, and makes the parser go the long way for all that follows."""


def box(local: bytes, domain: bytes = b"", name: bytes | None = None, route: bytes | None = None) -> Mailbox:
    return Mailbox(name, route, local, domain)


LISTS: list[tuple[bytes, list[Mailbox | Group]]] = [
    # RFC 5322 appendix A
    (b"John Doe <jdoe@machine.example>", [box(b"jdoe", b"machine.example", b"John Doe")]),
    (b'"Joe Q. Public" <john.q.public@example.com>', [box(b"john.q.public", b"example.com", b"Joe Q. Public")]),
    (b"Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
     [box(b"mary", b"x.test", b"Mary Smith"), box(b"jdoe", b"example.org"), box(b"one", b"y.test", b"Who?")]),
    (b'<boss@nil.test>, "Giant; \\"Big\\" Box" <sysservices@example.net>',
     [box(b"boss", b"nil.test"), box(b"sysservices", b"example.net", b'Giant; "Big" Box')]),
    (b"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
     [Group(b"A Group", (box(b"c", b"a.test", b"Ed Jones"), box(b"joe", b"where.test"),
                         box(b"jdoe", b"one.test", b"John")))]),
    (b"Undisclosed recipients:;", [Group(b"Undisclosed recipients", ())]),
    (b"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", [box(b"pete", b"silly.test", b"Pete")]),
    (b"A Group(Some people):Chris Jones <c@(Chris's host.)public.example>, joe@example.org, John <jdoe@one.test>"
     b" (my dear friend); (the end of the group)",
     [Group(b"A Group", (box(b"c", b"public.example", b"Chris Jones"), box(b"joe", b"example.org"),
                         box(b"jdoe", b"one.test", b"John")))]),
    (b"(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", [Group(b"Hidden recipients", ())]),
    (b"Joe Q. Public <john.q.public@example.com>", [box(b"john.q.public", b"example.com", b"Joe Q. Public")]),
    (b"Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
     [box(b"mary", b"example.net", b"Mary Smith", b"@node.test"), box(b"jdoe", b"test.example")]),
    (b"John Doe <jdoe@machine(comment).  example>", [box(b"jdoe", b"machine.example", b"John Doe")]),
    # old and foreign forms
    (b"jdoe@example.org (John Doe)", [box(b"jdoe", b"example.org", b"John Doe")]),
    (b"<@a.test,@b.test:x@c.test>", [box(b"x", b"c.test", None, b"@a.test,@b.test")]),
    (b'"john smith"@example.org', [box(b"john smith", b"example.org")]),
    (b'john . "x y" . smith@example.org', [box(b"john.x y.smith", b"example.org")]),
    (b"x@[192.0.2.1]", [box(b"x", b"[192.0.2.1]")]),
    (b"x@[IPv6:2001:db8::1]", [box(b"x", b"[IPv6:2001:db8::1]")]),
    (b"=?utf-8?q?J=C3=B8rn?= <j@x.test>", [box(b"j", b"x.test", b"=?utf-8?q?J=C3=B8rn?=")]),
    (b"J\xc3\xb8rn <j\xc3\xb8rn@\xc3\xb8.test>", [box(b"j\xc3\xb8rn", b"\xc3\xb8.test", b"J\xc3\xb8rn")]),
    (b"a@x.test; b@y.test", [box(b"a", b"x.test"), box(b"b", b"y.test")]),
    (b"\"A\"'B' <a@b>", [box(b"a", b"b", b"A'B'")]),
    # broken ones
    (b"", []),
    (b" , ,; ", []),
    (b"root", [box(b"root")]),
    (b"some body", [box(b"body", b"", b"some")]),
    (b"foo bar@x.test", [box(b"bar", b"x.test", b"foo")]),
    (b"Name <>", [box(b"", b"", b"Name")]),
    (b"<root>", [box(b"root")]),
    (b"Name <a@b", [box(b"a", b"b", b"Name")]),
    (b"Name <a@b, c@d", [box(b"a", b"b", b"Name"), box(b"c", b"d")]),
    (b"<a@b> trailing, c@d", [box(b"a", b"b"), box(b"c", b"d")]),
    (b"<<a@b>>", [box(b"<a", b"b")]),
    (b"a@b@c", [box(b"a", b"b@c")]),
    (b"x@y.test <a@b.test>", [box(b"a", b"b.test", b"x")]),
    (b"<@only.test>", [box(b"", b"only.test")]),
    (b"<@a:>", [box(b"", b"", None, b"@a")]),
    (b"a@", [box(b"a")]),
    (b"@b", [box(b"", b"b")]),
    (b"G: a@b, c@d", [Group(b"G", (box(b"a", b"b"), box(b"c", b"d")))]),
    (b"G: H: a@b;", [Group(b"G", (box(b"a", b"b", b"H:"),))]),
    (b":;", [Group(b"", ())]),
    (b"a@b:c", [box(b"a", b"b:c")]),
    (b'"never ends <a@b>', [box(b"never ends <a@b>")]),
    (b'"', [box(b"")]),
    (b"(never ends <a@b>", []),
    (b"a\\@b@c", [box(b"a@b", b"c")]),
    (b"a@b\\", [box(b"a", b"b")]),
    (b"x@[unclosed", [box(b"x", b"[unclosed")]),
    (b"a]@b", [box(b"a]", b"b")]),
    (b") a@b", [box(b"a", b"b", b")")]),
    (b"a\0b@c", [box(b"b", b"c", b"a")]),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), LISTS)
def test_an_address_list_is_read_whatever_its_state(value: bytes, expected: list[Mailbox | Group]) -> None:
    assert parse(value) == expected


@pytest.mark.parametrize(("value", "expected"), LISTS)
def test_the_short_way_for_plain_addresses_changes_nothing(value: bytes, expected: list[Mailbox | Group]) -> None:
    assert parse(NOT_PLAIN + value) == expected


WORD = st.sampled_from([b"a", b"B.c", b"=?utf-8?q?x?=", b"O'Neil", b"\xc3\xa9", b".", b"x..y", b"-"])
PIECE = st.one_of(
    WORD, st.sampled_from([b" ", b"\t", b",", b"<", b">", b"@", b'"q r"', b'" "', b'""', b"(c)", b":", b";"])
)


@given(st.lists(PIECE, max_size=12).map(b"".join))
def test_the_short_way_agrees_with_the_long_one_on_anything(value: bytes) -> None:
    assert parse(value) == parse(NOT_PLAIN + value)


@pytest.mark.parametrize("address", [b"a@b.test", b"Some Name <a@b.test>", b"(c) <a@b.test>", b'"x" <a@b.test>'])
def test_eight_thousand_addresses_are_cut_at_the_limit(address: bytes) -> None:
    found = parse(b", ".join([address] * 8_000))
    assert len(found) == 2_000
    assert all(isinstance(each, Mailbox) and each.local == b"a" for each in found)


def test_members_of_groups_count_too() -> None:
    (group,) = parse(b"g:" + b"a@b," * 8_000 + b";")
    assert isinstance(group, Group)
    assert len(group.members) == 2_000


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (b"(" * 3_000 + b")" * 3_000 + b" a@b", 1),
        (b"(" * 200_000, 0),
        (b"<" * 200_000, 1),
        (b"@" * 200_000, 1),
        (b'"' * 200_000, 1),
        (b"\\" * 200_000, 1),
        (b"a " * 100_000, 1),
        (b"a." * 100_000 + b"@b", 1),
        (b". " * 100_000, 1),
        (b":;" * 100_000, 2_000),
        (b"<@" * 100_000, 1),
        (b"[" * 200_000, 1),
    ],
)
def test_bombs_become_few_addresses(value: bytes, count: int) -> None:
    assert len(parse(value)) == count
