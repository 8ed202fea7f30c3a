"""IMAP's strings."""

from __future__ import annotations

import pytest

from mailframe.message import quoting


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, b"NIL"),
        (b"", b'""'),
        (b"plain text", b'"plain text"'),
        (b'say "x" \\ y', b'"say \\"x\\" \\\\ y"'),
        (b"caf\xc3\xa9", b"{5}\r\ncaf\xc3\xa9"),
        (b"a\r\nb", b"{4}\r\na\r\nb"),
        (b"a\0b", b"{2}\r\nab"),
        (b"\0", b"{0}\r\n"),
        (b"tab\t", b'"tab\t"'),
        (b"bell\x07", b"{5}\r\nbell\x07"),
        (b"x" * 1024, b'"' + b"x" * 1024 + b'"'),
        (b"x" * 1025, b"{1025}\r\n" + b"x" * 1025),
    ],
)
def test_a_string_is_quoted_where_that_is_safe(value: bytes | None, written: bytes) -> None:
    assert quoting.nstring(value) == written


def test_a_quoted_string_stays_on_one_line_whatever_it_holds() -> None:
    assert quoting.quoted(b'a"b\\c\r\n\0\xff') == b'"a\\"b\\\\c????"'
