"""Sections: the example of RFC 3501 6.4.5, part by part, and outlines they are found in."""

from __future__ import annotations

import pytest

from mailframe.message import headers, outline
from mailframe.message.parts import scan
from mailframe.message.sections import Section, locate

MESSAGE = b"""\
Subject: top
Content-Type: multipart/mixed; boundary=m

--m

1 text
--m
Content-Type: application/octet-stream

2 octets
--m
Content-Type: message/rfc822

Subject: third
Content-Type: multipart/mixed; boundary=t

--t

3.1 text
--t
Content-Type: application/octet-stream

3.2 octets
--t--
--m
Content-Type: multipart/mixed; boundary=f

--f
Content-Type: image/gif

4.1 gif
--f
Content-Type: message/rfc822

Subject: fourth
Content-Type: multipart/mixed; boundary=s

--s

4.2.1 text
--s
Content-Type: multipart/alternative; boundary=a

--a

4.2.2.1 plain
--a
Content-Type: text/richtext

4.2.2.2 rich
--a--
--s--
--f--
--m--
""".replace(b"\n", b"\r\n")
PLAIN = b"Subject: x\r\n\r\nthe text"
FORWARD = b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner text"


def section(message: bytes, path: str, text: bytes | None = None) -> bytes | None:
    numbers = tuple(map(int, path.split("."))) if path else ()
    tree = scan(*headers.split(message))
    found = locate(tree, Section(numbers, text))
    assert locate(outline.load(outline.dump(tree)), Section(numbers, text)) == found
    return None if found is None else message[found[0] : found[0] + found[1]]


CASES: list[tuple[bytes, str, bytes | None, bytes | None]] = [
    (MESSAGE, "", None, MESSAGE),
    (MESSAGE, "", b"HEADER", b"Subject: top\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n"),
    (MESSAGE, "", b"HEADER.FIELDS", b"Subject: top\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n"),
    (MESSAGE, "", b"TEXT", MESSAGE.partition(b"\r\n\r\n")[2]),
    (MESSAGE, "", b"MIME", None),
    (MESSAGE, "1", None, b"1 text"),
    (MESSAGE, "1", b"MIME", b"\r\n"),
    (MESSAGE, "1", b"HEADER", None),
    (MESSAGE, "1", b"TEXT", None),
    (MESSAGE, "1.1", None, None),
    (MESSAGE, "2", None, b"2 octets"),
    (MESSAGE, "2", b"MIME", b"Content-Type: application/octet-stream\r\n\r\n"),
    (MESSAGE, "3", b"MIME", b"Content-Type: message/rfc822\r\n\r\n"),
    (MESSAGE, "3", b"HEADER", b"Subject: third\r\nContent-Type: multipart/mixed; boundary=t\r\n\r\n"),
    (MESSAGE, "3", b"HEADER.FIELDS.NOT", b"Subject: third\r\nContent-Type: multipart/mixed; boundary=t\r\n\r\n"),
    (MESSAGE, "3.1", None, b"3.1 text"),
    (MESSAGE, "3.2", None, b"3.2 octets"),
    (MESSAGE, "3.3", None, None),
    (MESSAGE, "4.1", None, b"4.1 gif"),
    (MESSAGE, "4.1", b"MIME", b"Content-Type: image/gif\r\n\r\n"),
    (MESSAGE, "4", b"HEADER", None),
    (MESSAGE, "4.2", b"HEADER", b"Subject: fourth\r\nContent-Type: multipart/mixed; boundary=s\r\n\r\n"),
    (MESSAGE, "4.2.1", None, b"4.2.1 text"),
    (MESSAGE, "4.2.2.1", None, b"4.2.2.1 plain"),
    (MESSAGE, "4.2.2.2", None, b"4.2.2.2 rich"),
    (MESSAGE, "4.2.2.2", b"MIME", b"Content-Type: text/richtext\r\n\r\n"),
    (MESSAGE, "5", None, None),
    (MESSAGE, "0", None, None),
    (PLAIN, "1", None, b"the text"),
    (PLAIN, "1", b"MIME", b"Subject: x\r\n\r\n"),
    (PLAIN, "1", b"HEADER", None),
    (PLAIN, "2", None, None),
    (PLAIN, "1.1", None, None),
    (FORWARD, "1", None, b"Subject: inner\r\n\r\ninner text"),
    (FORWARD, "1", b"HEADER", b"Subject: inner\r\n\r\n"),
    (FORWARD, "1", b"TEXT", b"inner text"),
    (FORWARD, "1.1", None, b"inner text"),
    (FORWARD, "1.1", b"MIME", b"Subject: inner\r\n\r\n"),
    (FORWARD, "1.1.1", None, None),
    (FORWARD, "1.2", None, None),
]


@pytest.mark.parametrize(("message", "path", "text", "expected"), CASES)
def test_a_section_is_exactly_these_octets(
    message: bytes, path: str, text: bytes | None, expected: bytes | None
) -> None:
    assert section(message, path, text) == expected


def test_the_parts_of_a_multipart_text_are_between_its_delimiters() -> None:
    third = section(MESSAGE, "3", b"TEXT")
    assert third is not None
    assert third.startswith(b"--t\r\n")
    assert third.endswith(b"--t--")
    assert section(MESSAGE, "3") == (section(MESSAGE, "3", b"HEADER") or b"") + third


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"[1]", b"7", b"[1,2,3,4]", b"[0,1,2,[7]]", b"[0,1,2,[],7]", b"\xff", b"[" * 100_000]
)
def test_what_is_no_outline_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        outline.load(data)


def test_an_outline_is_small() -> None:
    assert outline.dump(scan(*headers.split(PLAIN))) == b"[0,14,22]"
    assert outline.dump(scan(*headers.split(FORWARD))) == b"[0,32,60,[],[32,50,60]]"
