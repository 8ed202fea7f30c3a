"""The syntax of SMTP commands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailframe.address import Address
from mailframe.smtp import grammar
from mailframe.smtp.grammar import BadSyntax, Path

PATHS = [
    (b"FROM:<>", Path(None, {})),
    (b"from:<a@example.org>", Path(Address("a", "example.org"), {})),
    (b"FROM: <a@example.org>", Path(Address("a", "example.org"), {})),
    (b"FROM:<@x.example,@y.example:a@example.org>", Path(Address("a", "example.org"), {})),
    (b'FROM:<"a> b"@example.org>', Path(Address("a> b", "example.org"), {})),
    (b"FROM:<a@[192.0.2.1]>", Path(Address("a", "[192.0.2.1]"), {})),
    (b"FROM:<Postmaster>", Path(None, {}, postmaster=True)),
    (b"FROM:<a@b.c> SIZE=1 x", Path(Address("a", "b.c"), {b"SIZE": b"1", b"X": None})),
]


@pytest.mark.parametrize(("text", "expected"), PATHS)
def test_paths(text: bytes, expected: Path) -> None:
    assert grammar.path(text, b"FROM:") == expected


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"TO:<a@b.c>",
        b"FROM:a@b.c",
        b"FROM:<a@b.c",
        b"FROM:<a b@c.d>",
        b"FROM:<a@b.c>x",
        b"FROM:<\xff@b.c>",
        b"FROM:<a@b.c> =1",
        b"FROM:<a@b.c> A=1 a=2",
        b"FROM:<a@b.c> A=",
        b"FROM:<a@b.c> " + b" ".join(b"P%d" % number for number in range(30)),
        b"FROM:<" + b"x" * 500 + b"@b.c>",
    ],
)
def test_bad_paths(text: bytes) -> None:
    with pytest.raises(BadSyntax):
        grammar.path(text, b"FROM:")


@pytest.mark.parametrize(
    ("line", "expected"),
    [(b"NOOP", (b"NOOP", b"")), (b"mail FROM:<> ", (b"MAIL", b"FROM:<>")), (b"VRFY  a b", (b"VRFY", b"a b"))],
)
def test_commands(line: bytes, expected: tuple[bytes, bytes]) -> None:
    assert grammar.command(line) == expected


@pytest.mark.parametrize("line", [b"", b"1", b"NOOP\0", b"NOOP x\nNOOP", b"NOOP\rx", b" NOOP", b"X" * 50])
def test_what_is_no_command(line: bytes) -> None:
    with pytest.raises(BadSyntax):
        grammar.command(line)


def test_names_in_helo() -> None:
    assert grammar.helo_name(b"[192.0.2.1]") == "[192.0.2.1]"
    for bad in (b"", b"a b", b"\xff", b"x" * 300):
        with pytest.raises(BadSyntax):
            grammar.helo_name(bad)


@given(st.binary(max_size=60))
def test_nothing_but_bad_syntax_is_raised(text: bytes) -> None:
    for read in (grammar.command, grammar.helo_name, lambda data: grammar.path(b"TO:" + data, b"TO:")):
        try:
            read(text)
        except BadSyntax:
            pass  # what a grammar says of junk


def test_a_line_with_a_password_is_not_remembered() -> None:
    before = grammar._known_command.cache_info()
    assert grammar.command(b"AUTH PLAIN AGFubgBzZWNyZXQ=") == (b"AUTH", b"PLAIN AGFubgBzZWNyZXQ=")
    assert grammar._known_command.cache_info() == before
