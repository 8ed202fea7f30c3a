"""Whatever arrives, nothing raises, and every answer is about octets that are there."""

from __future__ import annotations

import email
import email.message
import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mailframe.message import (
    addresses,
    comments,
    dates,
    headers,
    outline,
    parameters,
    quoting,
    references,
    subject,
    text,
    trace,
    words,
)
from mailframe.message.digest import digest
from mailframe.message.parts import Part, scan
from mailframe.message.sections import Section, locate

SEEDS = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("golden/*/message.eml"))]
FRAGMENTS = st.sampled_from(
    [
        *(
            b"\r\n",
            b"\n",
            b"\r\n\r\n",
            b"--b\r\n",
            b"--b--",
            b"\0",
            b"\xff",
            b" ",
            b'"',
            b"(",
            b")",
            b"<",
            b";",
            b"\\",
            b":",
        ),
        *(b"=?utf-8?q?", b"?=", b"boundary=b", b"Content-Type: multipart/mixed; boundary=b\r\n"),
        *(b"Content-Type: message/rfc822\r\n", b"Content-Transfer-Encoding: base64\r\n", b"From: a <b@c>\r\n"),
        *(b"Subject: [fwd: re: x]\r\n", b"Date: 1 Jan 2001\r\n"),
    ]
)
ANYTHING = st.lists(st.one_of(FRAGMENTS, st.binary(max_size=8)), max_size=30).map(b"".join)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 40)))
        data = (
            data[:start] + draw(st.one_of(FRAGMENTS, st.binary(max_size=4), st.just(data[start:end] * 2))) + data[end:]
        )
    return data


def check_nesting(part: Part, start: int, end: int) -> None:
    assert start <= part.header <= part.body <= part.end <= end
    assert part.lines >= 0
    at = part.body
    for each in part.parts:
        check_nesting(each, at, part.end)
        at = each.end
    if part.message is not None:
        assert (part.message.header, part.message.end) == (part.body, part.end)
        check_nesting(part.message, part.body, part.end)


TOKEN = re.compile(rb'\(|\)|"(?:[^"\\\r\n\0\x80-\xff]|\\["\\])*"|NIL|\d+|\{(\d+)\}\r\n| ')


def check_imap(data: bytes) -> None:
    """What IMAP sends is made of parentheses, strings, numbers and NIL, and the parentheses match."""
    at = level = 0
    while at < len(data):
        token = TOKEN.match(data, at)
        assert token is not None, data[at : at + 40]
        level += {b"(": 1, b")": -1}.get(token[0], 0)
        assert level > 0 or token.end() == len(data)
        at = token.end()
        if token[1] is not None:
            assert b"\0" not in data[at : at + int(token[1])]
            at += int(token[1])
    assert (at, level) == (len(data), 0)


def paths(part: Part, prefix: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    found = [prefix, (*prefix, 1), (*prefix, len(part.parts) + 1)]
    for number, each in enumerate(part.parts, 1):
        found += paths(each, (*prefix, number))
    return found + (paths(part.message, prefix) if part.message else [])


def check(message: bytes) -> None:
    head, body = headers.split(message)
    assert head + body == message
    found = digest(head, body)
    check_imap(found.envelope)
    check_imap(found.bodystructure)
    check_imap(found.body)
    tree = scan(head, body)
    check_nesting(tree, 0, len(message))
    loaded = outline.load(found.outline)
    for path in paths(tree):
        for name in (None, b"HEADER", b"TEXT", b"MIME"):
            at = locate(loaded, Section(path, name))
            assert at == locate(tree, Section(path, name))
            assert at is None or (at[0] >= 0 and at[1] >= 0 and at[0] + at[1] <= len(message))
    decoded = [found.subject, found.base_subject, found.from_, found.to, found.cc, *text.body_text(tree, head, body)]
    assert "".join(decoded).encode("utf-8") is not None
    assert not re.search("[\x00-\x08\x0a-\x1f]", found.subject + found.from_)
    every = headers.select(head, (), True)
    assert headers.select(every, (), True) == every
    assert trace.hops(head) == sum(field.name.lower() == b"received" for field in headers.fields(head))


@given(ANYTHING)
def test_arbitrary_octets_are_a_message(message: bytes) -> None:
    check(message)


@given(mutated())
@settings(max_examples=200)
def test_a_damaged_message_is_still_one(message: bytes) -> None:
    check(message)


@given(ANYTHING)
def test_no_parser_raises(value: bytes) -> None:
    assert len(addresses.parse(value)) >= 0
    assert "\0" not in words.decode(value)
    assert "\0" not in text.header_text(value)
    assert parameters.decoded(parameters.parse(value).parameters, "x") is None or b"x" in value.lower()
    assert b"(" not in comments.strip(b"(" + value) or value.count(b")")
    assert dates.parse(value) is None or value
    assert dates.parse_internal_date(value) is None
    assert all(each.startswith(b"<") and each.endswith(b">") for each in references.message_ids(value))
    check_imap(b"(%b %b)" % (quoting.nstring(value), quoting.quoted(value)))
    kept = subject.base(value.decode("latin-1"))
    assert kept in re.sub("[ \t\r\n]+", " ", value.decode("latin-1"))


@given(st.text(max_size=300))
def test_any_text_survives_being_a_field(value: str) -> None:
    field = b"Subject: " + words.encode(value) + b"\r\n"
    assert [each.raw for each in headers.fields(field)] == [field]
    clean = words.printable(value).strip().encode("utf-8", "replace").decode()
    assert words.decode(headers.fields(field)[0].value) == clean


def leaves(part: Part) -> list[Part]:
    return [leaf for each in part.parts for leaf in leaves(each)] if part.parts else [part]


BODY = st.text(alphabet="ab-\r\n =", max_size=40).map(lambda text: text.replace("\r", "").replace("\n", "\r\n"))


@given(st.lists(st.one_of(BODY, st.lists(BODY, min_size=1, max_size=3)), min_size=1, max_size=4))
def test_the_standard_library_sees_the_same_parts(shape: list[str | list[str]]) -> None:
    def written(parts: list[str | list[str]], boundary: str) -> str:
        pieces = [f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\npreamble"]
        for each in parts:
            inner = "\r\n" + each if isinstance(each, str) else written(list(each), boundary + "x")
            pieces.append(f"\r\n--{boundary}\r\n{inner}")
        return "".join(pieces) + f"\r\n--{boundary}--\r\n"

    message = written(shape, "=B").encode()
    theirs = [each for each in email.message_from_bytes(message).walk() if not each.is_multipart()]
    ours = [message[leaf.body : leaf.end].decode() for leaf in leaves(scan(*headers.split(message)))]
    assert ours == [str(each.get_payload()) for each in theirs]
