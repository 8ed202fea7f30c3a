"""The MIME tree: which parts are found, and exactly where."""

from __future__ import annotations

import mmap
import tempfile

import pytest

from mailframe.message import headers, newlines
from mailframe.message.newlines import Newlines
from mailframe.message.parts import Part, scan


def tree(message: bytes) -> Part:
    return scan(*headers.split(message))


def kind(part: Part) -> str:
    return f"{part.type.decode()}/{part.subtype.decode()}"


def bodies(message: bytes) -> list[bytes]:
    return [message[part.body : part.end] for part in tree(message).parts]


MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"A: 1\r\n\r\nbody\r\n", "text/plain"),
        (b"body", "text/plain"),
        (b"", "text/plain"),
        (b"\r\nbody", "text/plain"),
        (b"Content-Type: TEXT/HTML\r\n\r\n", "text/html"),
        (b"Content-Type: text\r\n\r\n", "text/plain"),
        (b"Content-Type:\r\n\r\n", "text/plain"),
        (b"Content-Type: /\r\n\r\n", "text/plain"),
        (b"Content-Type: a/b/c\r\n\r\n", "text/plain"),
        (b"Content-Type: image/gif\r\nContent-Type: text/plain\r\n\r\n", "image/gif"),
        (b"Content-Type: application/x; " + b"x" * 100 + b"=1\r\n\r\n", "application/x"),
        (b"Content-Type: multipart/mixed\r\n\r\nno boundary", "text/plain"),
        (b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n\r\n', "text/plain"),
        (MIXED + b"no boundary line", "text/plain"),
        (MIXED + b"--b--\r\n", "text/plain"),
    ],
)
def test_a_message_is_of_the_type_it_names_or_else_plain_text(message: bytes, expected: str) -> None:
    assert kind(tree(message)) == expected
    assert not tree(message).parts


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n", [b"one", b"two"]),
        (b"--b\n\none\n--b\n\ntwo\n--b--\n", [b"one", b"two"]),
        (b"preamble\r\n--b\r\n\r\none\r\n--b--\r\nepilogue\r\n--b\r\n\r\nnot a part", [b"one"]),
        (b"--b\r\n\r\none\r\n", [b"one\r\n"]),
        (b"--b\r\n\r\none\r\n--b", [b"one", b""]),
        (b"--b\r\n\r\none\r\n--b--", [b"one"]),
        (b"--b\r\n\r\n\r\n--b--", [b""]),
        (b"--b\r\n\r\n--b--", [b""]),
        (b"--b\r\n--b\r\n--b--", [b"", b""]),
        (b"--b  \t\r\n\r\none\r\n--b-- \r\n", [b"one"]),
        (b"--bb\r\n\r\nno\r\n--b\r\n\r\none\r\n--bc\r\n--b--c\r\n--b--\r\n", [b"one\r\n--bc\r\n--b--c"]),
        (b"--b\r\n\r\none --b\r\n --b\r\n-b\r\n--b--", [b"one --b\r\n --b\r\n-b"]),
        (b"--b\r\nno empty line\r\n--b--", [b""]),
        (b"--b\r\n\r\none\n\r\n\r\n--b--", [b"one\n\r\n"]),
        (b"x--b\r\n\r\n\r\n--b\r\n\r\none\r\n--b--", [b"one"]),
        (b"--b\r\n\r\none\r--b\r\n--b--", [b"one\r--b"]),
    ],
)
def test_parts_lie_between_boundary_lines(body: bytes, expected: list[bytes]) -> None:
    assert bodies(MIXED + body) == expected


def test_an_outer_boundary_ends_an_inner_multipart_that_does_not_end() -> None:
    message = (
        b"Content-Type: multipart/mixed; boundary=out\r\n\r\n"
        b"--out\r\nContent-Type: multipart/alternative; boundary=out-in\r\n\r\n"
        b"--out-in\r\n\r\na\r\n--out-in\r\n\r\nb\r\n"
        b"--out\r\nContent-Type: image/png\r\n\r\nc\r\n--out--\r\n"
    )
    root = tree(message)
    first, second = root.parts
    assert [message[part.body : part.end] for part in first.parts] == [b"a", b"b"]
    assert (kind(second), message[second.body : second.end]) == ("image/png", b"c")
    assert root.end == len(message)


def test_the_parts_of_a_digest_are_messages() -> None:
    message = (
        b"Content-Type: multipart/digest; boundary=b\r\n\r\n"
        b"--b\r\n\r\nSubject: one\r\n\r\nfirst\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nsecond\r\n--b--\r\n"
    )
    first, second = tree(message).parts
    assert (kind(first), kind(second)) == ("message/rfc822", "text/plain")
    assert first.message is not None
    assert message[first.message.header : first.message.body] == b"Subject: one\r\n\r\n"
    assert message[first.message.body : first.message.end] == b"first"
    assert first.message.envelope == b'(NIL "one" NIL NIL NIL NIL NIL NIL NIL NIL)'


@pytest.mark.parametrize("name", [b"message/rfc822", b"Message/RFC822", b"message/global"])
def test_an_embedded_message_has_a_tree_of_its_own(name: bytes) -> None:
    message = b"Content-Type: " + name + b"\r\n\r\n" + MIXED + b"--b\r\n\r\none\r\n--b--\r\n"
    root = tree(message)
    assert root.message is not None
    assert (root.message.header, root.message.end) == (root.body, root.end)
    (part,) = root.message.parts
    assert message[part.body : part.end] == b"one"


def test_an_embedded_message_may_be_empty() -> None:
    root = tree(b"Content-Type: message/rfc822\r\n\r\n")
    assert root.message is not None
    assert (root.message.header, root.message.body, root.message.end) == (32, 32, 32)


def test_the_fields_that_describe_a_part() -> None:
    part = tree(
        b"Content-Type: image/png; name=x.png\r\nContent-ID: <a@b>\r\nContent-Description: a\r\n picture\r\n"
        b"Content-Transfer-Encoding: (x) BASE64 ; y\r\nContent-Disposition: Attachment; filename=y.png\r\n"
        b"Content-Language: en, de-AT (Austria),,\r\nContent-Location: http://x.test/\r\nContent-MD5: Q2hlY2s=\r\n\r\n"
    )
    assert part.parameters == ((b"name", b"x.png"),)
    assert (part.id, part.description, part.encoding) == (b"<a@b>", b"a picture", b"BASE64")
    assert part.disposition is not None
    assert (part.disposition.value, part.disposition.parameters) == (b"attachment", ((b"filename", b"y.png"),))
    assert (part.language, part.location, part.md5) == ((b"en", b"de-AT"), b"http://x.test/", b"Q2hlY2s=")


def test_lines_are_counted_in_the_body_alone() -> None:
    message = MIXED + b"preamble\r\n--b\r\nA: 1\r\n\r\none\r\ntwo\nthree\r\n--b--\r\n"
    root = tree(message)
    assert root.parts[0].lines == 2
    assert root.lines == 8


@pytest.fixture
def block(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(newlines, "BLOCK", 16)
    return 16


def test_lines_of_any_region_are_counted_by_blocks(block: int) -> None:
    data = b"a\nbb\n\nccccccccccccc\n" * 10
    lines = Newlines(data)
    for start in range(0, 64, 7):
        for end in range(start, len(data), 5):
            assert lines.count(start, end) == data[start:end].count(b"\n")


def test_a_mapped_file_is_scanned_like_octets_in_memory(block: int) -> None:
    head, body = headers.split(
        MIXED
        + b"preamble\r\n"
        + b"".join(b"--b\r\nA: %d\r\n\r\n%b\r\n" % (n, b"x\r\n" * n) for n in range(40))
        + b"--b--"
    )
    with tempfile.TemporaryFile() as file:
        file.write(body)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            assert scan(head, view) == scan(head, body)
            assert len(scan(head, view).parts) == 40
