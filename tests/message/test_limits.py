"""Every limit holds, and what is built to break parsers ends within them."""

from __future__ import annotations

import attrs
import pytest

from mailframe.message import addresses, envelope, headers, parameters, references, text, words
from mailframe.message.bodystructure import body, bodystructure
from mailframe.message.digest import digest
from mailframe.message.limits import DEFAULT, Limits
from mailframe.message.parts import Part, scan


def count(part: Part) -> int:
    return 1 + sum(map(count, part.parts)) + (count(part.message) if part.message else 0)


def depth(part: Part) -> int:
    inner = [*part.parts, *([part.message] if part.message else [])]
    return 1 + max(map(depth, inner), default=0)


def tree(message: bytes, limits: Limits = DEFAULT) -> Part:
    return scan(*headers.split(message, limits), limits)


def mixed(body: bytes, boundary: bytes = b"b") -> bytes:
    return b"Content-Type: multipart/mixed; boundary=" + boundary + b"\r\n\r\n" + body


def test_the_defaults_are_these() -> None:
    assert attrs.asdict(DEFAULT) == {
        "header_bytes": 262_144,
        "header_fields": 1_000,
        "mime_header_bytes": 524_288,
        "parts": 1_000,
        "depth": 50,
        "boundary_bytes": 200,
        "delimiters": 20_000,
        "parameters": 100,
        "parameter_bytes": 8_192,
        "addresses": 2_000,
        "languages": 100,
        "references": 200,
        "encoded_words": 2_000,
        "text_bytes": 16_777_216,
    }


def test_header_bytes() -> None:
    data = b"A: 1\r\n" * 100_000 + b"\r\nbody"
    head, rest = headers.split(data)
    assert DEFAULT.header_bytes - 6 < len(head) <= DEFAULT.header_bytes
    assert head + rest == data
    assert len(headers.fields(b"A: 1\r\n" * 10, Limits(header_bytes=30))) == 5
    assert headers.index(b"A: 1\r\n" * 10, Limits(header_bytes=30))[b"a"] == [b" 1\r"] * 5


def test_header_fields() -> None:
    head = b"A: 1\r\n" * 5_000 + b"Subject: late\r\n\r\n"
    assert len(headers.fields(head)) == len(headers.index(head)[b"a"]) == DEFAULT.header_fields
    assert b"subject" not in headers.index(head)
    assert headers.select(head, (b"Subject",)) == b"Subject: late\r\n\r\n"


def test_mime_header_bytes() -> None:
    part = b"--b\r\nContent-Type: image/png\r\nX: " + b"x" * 100 + b"\r\n\r\n\r\n"
    found = tree(mixed(part * 5), Limits(mime_header_bytes=300)).parts
    assert [each.type for each in found] == [b"image", b"image", b"text", b"text", b"text"]


def test_parts() -> None:
    root = tree(mixed(b"--b\r\n\r\nx\r\n" * 50_000))
    assert count(root) == DEFAULT.parts
    assert root.parts[-1].end == root.end
    nested = mixed(b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n\r\n--c\r\n\r\n\r\n" * 600)
    assert count(tree(nested)) <= DEFAULT.parts
    assert count(tree(nested, Limits(parts=3))) == 3


@pytest.mark.parametrize("kind", [b"multipart/mixed; boundary=c", b"message/rfc822"])
def test_parts_leave_nothing_for_what_is_inside_the_last(kind: bytes) -> None:
    root = tree(mixed(b"--b\r\nContent-Type: " + kind + b"\r\n\r\n--c\r\n\r\nx"), Limits(parts=2))
    assert (root.parts[0].type, root.parts[0].parts, root.parts[0].message) == (b"application", (), None)


def test_depth_of_multiparts() -> None:
    levels = 3_000
    message = b"".join(mixed(b"--%d\r\n" % level, b"%d" % level) for level in range(levels))
    root = tree(message)
    assert depth(root) == DEFAULT.depth
    assert bodystructure(root).count(b'"application" "octet-stream"') == 1


def test_depth_of_embedded_messages() -> None:
    root = tree(b"Content-Type: message/rfc822\r\n\r\n" * 5_000)
    assert depth(root) == DEFAULT.depth
    assert body(root).count(b'"application" "octet-stream"') == 1


def test_boundary_bytes() -> None:
    good, bad = b"x" * 200, b"x" * 201
    assert len(tree(mixed(b"--" + good + b"\r\n\r\nx", good)).parts) == 1
    assert tree(mixed(b"--" + bad + b"\r\n\r\nx", bad)).type == b"text"


def test_delimiters() -> None:
    near_misses = b"\r\n--bx" * 1_000_000
    root = tree(mixed(b"--b\r\n" + near_misses + b"\r\n--b\r\n\r\n\r\n--b--"))
    assert len(root.parts) == 1
    assert len(tree(mixed(b"--b\r\n\r\n\r\n--bx\r\n--b\r\n\r\n\r\n--b--")).parts) == 2
    assert len(tree(mixed(b"--b\r\n\r\n\r\n--bx\r\n--b\r\n\r\n\r\n--b--"), Limits(delimiters=2)).parts) == 1


def test_parameters() -> None:
    kind = parameters.parse(b"a/b" + b"; x=y" * 40_000)
    assert len(kind.parameters) == DEFAULT.parameters


def test_parameter_bytes() -> None:
    assert len(parameters.parse(b"a/b; x=" + b"y" * 100_000).parameters[0][1]) == DEFAULT.parameter_bytes
    assert len(parameters.parse(b'a/b; x="' + b"y" * 100_000).parameters[0][1]) == DEFAULT.parameter_bytes


def test_addresses() -> None:
    assert len(addresses.parse(b"a@b," * 50_000)) == DEFAULT.addresses
    fields = headers.fields(b"To: a@b\r\n" * 100 + b"\r\n")
    assert envelope.envelope(fields, Limits(addresses=7)).count(b'"b"') == 7


def test_languages() -> None:
    root = tree(b"Content-Language: " + b"en," * 50_000 + b"\r\n\r\n")
    assert len(root.language) == DEFAULT.languages


def test_references() -> None:
    found = references.references(b"".join(b"<%d@x>" % number for number in range(5_000)), None)
    assert len(found) == DEFAULT.references
    assert found[-1] == b"<4999@x>"


def test_encoded_words() -> None:
    decoded = words.decode(b"=?utf-8?q?x?= " * 10_000)
    assert decoded.startswith("x" * DEFAULT.encoded_words + " =?")


def test_text_bytes() -> None:
    head, rest = headers.split(b"\r\n" + b"x" * (DEFAULT.text_bytes + 10))
    (found,) = text.body_text(scan(head, rest), head, rest)
    assert len(found) == DEFAULT.text_bytes


BOMBS = {
    "open parentheses": b"From: " + b"(" * 260_000,
    "open brackets in the subject": b"Subject: " + b"[" * 260_000,
    "blobs in the subject": b"Subject: " + b"[x]" * 80_000,
    "encoded words": b"Subject: " + b"=?utf-8?b?QQ==?=" * 16_000,
    "half encoded words": b"Subject: " + b"=?a?q?" * 40_000,
    "question marks": b"Subject: " + b"=?" * 130_000,
    "quotes in the type": b"Content-Type: text/plain" + b'; x="' * 50_000,
    "semicolons": b"Content-Type: " + b";" * 260_000,
    "blanks in the type": b"Content-Type: text/plain;" + b" " * 260_000,
    "backslashes": b'Content-Type: text/plain; x="' + b"\\" * 260_000,
    "continuations": b"Subject: x\r\n" + b" \r\n" * 80_000,
    "colons": b":\r\n" * 80_000,
    "names without a colon": b"x" * 260_000,
    "empty lines of blanks": b" \t\r\n" * 60_000,
    "date": b"Date: " + b"1 " * 130_000,
    "references": b"References: " + b"<" * 260_000,
    "digest of digests": b"Content-Type: multipart/digest; boundary=b\r\n\r\n" + b"--b\r\n\r\nFrom: a@b\r\n" * 100_000,
    "padding behind the boundary": mixed((b"--b" + b" " * 100_000 + b"x\r\n") * 20),
    "line ends": mixed(b"\r\n" * 2_000_000),
    "hyphens": mixed(b"\n--" * 1_000_000),
    "header after header": b"Content-Type: message/rfc822\r\n" + (b"X: y\r\n" * 40_000 + b"\r\n") * 20,
    "parentheses in every part": mixed((b"--b\r\nContent-Type: " + b"(x" * 10_000 + b"\r\n\r\n\r\n") * 300),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_digested_like_any_message(name: str) -> None:
    message = BOMBS[name]
    head, rest = headers.split(message)
    found = digest(head, rest)
    assert found.size == len(message)
    assert len(found.references) <= DEFAULT.references
    assert count(scan(head, rest)) <= DEFAULT.parts
    assert len(found.bodystructure) < 2 * len(message) + 200_000
    assert sum(map(len, text.body_text(scan(head, rest), head, rest))) <= DEFAULT.text_bytes * 2
