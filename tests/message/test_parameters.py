"""Content-Type and Content-Disposition, and RFC 2231's extended parameters."""

from __future__ import annotations

import pytest

from mailframe.message import comments
from mailframe.message.limits import Limits
from mailframe.message.parameters import Parametered, decoded, parse

VALUES = [
    (b"text/plain", b"text/plain", ()),
    (b"TEXT/PLAIN; CHARSET=US-ASCII", b"text/plain", ((b"CHARSET", b"US-ASCII"),)),
    (b"text / plain ;charset = utf-8 ", b"text/plain", ((b"charset", b"utf-8"),)),
    (b'multipart/mixed; boundary="a b;c=d"; x=y', b"multipart/mixed", ((b"boundary", b"a b;c=d"), (b"x", b"y"))),
    (b'a/b; n="q\\"u\\\\o"', b"a/b", ((b"n", b'q"u\\o'),)),
    (b'a/b; n="never ends', b"a/b", ((b"n", b"never ends"),)),
    (b"a/b; name=two words.pdf; x=1", b"a/b", ((b"name", b"two words.pdf"), (b"x", b"1"))),
    (b"text/plain; charset=us-ascii (Plain text)", b"text/plain", ((b"charset", b"us-ascii"),)),
    (b"text/(nested (comment) \\) here)plain; (x) a=b", b"text/plain", ((b"a", b"b"),)),
    (b'a/b; c="(no comment)" (never ends; d=e', b"a/b", ((b"c", b"(no comment)"),)),
    (b"a/b;;; =x; y; z=1", b"a/b", ((b"z", b"1"),)),
    (b'a/b; empty=; e2=""', b"a/b", ((b"empty", b""), (b"e2", b""))),
    (b"attachment", b"attachment", ()),
    (b"", b"", ()),
    (b";;;", b"", ()),
    (b"a/b) ; c=d", b"a/b)", ((b"c", b"d"),)),
    (b"a/b ) (x) ; c=d\\", b"a/b", ((b"c", b"d\\"),)),
    (b"\xff/\x00; \xfe=\x01", b"\xff/\x00", ((b"\xfe", b"\x01"),)),
]


@pytest.mark.parametrize(("value", "kind", "pairs"), VALUES)
def test_a_value_and_its_parameters(value: bytes, kind: bytes, pairs: tuple[tuple[bytes, bytes], ...]) -> None:
    assert parse(value) == Parametered(kind, pairs)


def test_a_parameter_is_found_by_its_lower_case_name() -> None:
    kind = parse(b"a/b; X=1; x=2")
    assert kind.get(b"x") == b"1"
    assert kind.get(b"y") is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"URL*0=\"ftp://\"; URL*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\"",
         "ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar"),
        (b"URL=\"ftp://cs.utk.edu\"", "ftp://cs.utk.edu"),
        (b"url*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A", "This is ***fun***"),
        (b"url*0*=us-ascii'en'This%20is%20even%20more%20; url*1*=%2A%2A%2Afun%2A%2A%2A%20; url*2=\"isn't it!\"",
         "This is even more ***fun*** isn't it!"),
        (b"url*1=b; url*0=a", "ab"),
        (b"url*0=a; url*2=c", "a"),
        (b"url*1=b", None),
        (b"url*=utf-8''%C3%A9; url=e", "é"),
        (b"url=e; url*=utf-8''%C3%A9", "é"),
        (b"url*=%C3%A9", "é"),
        (b"url*=nonsense'%E9", "nonsense'é"),
        (b"url*=utf-8''a%0D%0Ab", "a b"),
        (b"url*=''%zz%", "%zz%"),
        (b"url*x=1; url**=2; url*99999=3", None),
        (b"url==?utf-8?q?=C3=A9?=", "é"),
        (b"url=first; url=second", "first"),
        (b"other=1; other*=x", None),
    ],
)  # fmt: skip
def test_extended_parameters_are_decoded(value: bytes, text: str | None) -> None:
    assert decoded(parse(b"a/b; " + value).parameters, "URL") == text


def test_joined_sections_are_bounded() -> None:
    pairs = parse(b"a/b" + b"".join(b"; n*%d=%b" % (n, b"x" * 10) for n in range(50))).parameters
    assert decoded(pairs, "n", Limits(parameter_bytes=35)) == "x" * 35


@pytest.mark.parametrize(
    ("value", "stripped"),
    [
        (b"a(b)c", b"a c"),
        (b"a((b)(c(d)))e", b"a e"),
        (b'"(a)"(b)', b'"(a)" '),
        (b'("a)b', b' b'),
        (b"\\(a(b)", b"\\(a "),
        (b"a)(b\\", b"a "),
        (b"(" * 3000 + b")" * 3000 + b"x", b" x"),
        (b"(" * 100_000, b" "),
        (b"()" * 50_000, b" " * 50_000),
    ],
)  # fmt: skip
def test_comments_nest_and_may_never_end(value: bytes, stripped: bytes) -> None:
    assert comments.strip(value) == stripped
