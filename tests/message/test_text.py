"""What SEARCH finds in a message."""

from __future__ import annotations

import base64

import pytest

from mailframe.message import headers, outline, text
from mailframe.message.limits import DEFAULT, Limits
from mailframe.message.parts import scan


def texts(message: bytes, limits: Limits = DEFAULT) -> list[str]:
    head, body = headers.split(message)
    tree = scan(head, body)
    found = list(text.body_text(tree, head, body, limits))
    assert list(text.body_text(outline.load(outline.dump(tree)), head, body, limits)) == found
    return found


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"\r\nplain", ["plain"]),
        (b"", [""]),
        (b"all header", [""]),
        (b"\r\nraw \xc3\xa9", ["raw é"]),
        (b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n\xe9", ["é"]),
        (b"Content-Transfer-Encoding: BASE64\r\n\r\n" + base64.b64encode("Grüße".encode()), ["Grüße"]),
        (b"Content-Transfer-Encoding: base64\r\n\r\n!bad?", ["m§"]),
        (b"Content-Transfer-Encoding: Quoted-Printable (x)\r\n\r\nGr=C3=BC=\r\n=C3=9Fe =XX", ["Grüße =XX"]),
        (b"Content-Transfer-Encoding: x-unknown\r\n\r\nas is", ["as is"]),
        (b"Content-Type: image/png\r\n\r\nnot text", []),
        (b"Content-Type: nonsense\r\n\r\ntext", ["text"]),
        (b"Content-Type: multipart/mixed\r\n\r\nbroken", ["broken"]),
        (
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\n\r\none\r\n"
            b"--b\r\nContent-Type: image/png\r\n\r\npicture\r\n"
            b"--b\r\nContent-Type: text/html\r\n\r\n<p>two\r\n--b--\r\nepilogue",
            ["one", "<p>two"],
        ),
        (
            b"Content-Type: message/rfc822\r\n\r\nSubject: =?utf-8?q?=C3=A9?=\r\nX: y\r\n\r\ninner",
            ["Subject: é\nX: y", "inner"],
        ),
    ],
)
def test_text_parts_are_decoded_and_others_left_out(message: bytes, expected: list[str]) -> None:
    assert texts(message) == expected


def test_only_so_much_text_is_decoded() -> None:
    message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n0123456789\r\n" * 5
    assert texts(message, Limits(text_bytes=25)) == ["0123456789", "0123456789", "01234"]
    forward = b"Content-Type: message/rfc822\r\n\r\nSubject: 0123456789\r\n\r\ninner"
    assert texts(forward, Limits(text_bytes=12)) == ["Subject: 012"]


def test_only_so_many_part_headers_are_read() -> None:
    message = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\nX: 0123456789\r\n\r\ntext\r\n" * 5
    assert texts(message, Limits(mime_header_bytes=0)) == ["text"] * 2
    assert texts(message, Limits(mime_header_bytes=17)) == ["text"] * 3


def test_the_header_is_decoded_and_unfolded() -> None:
    head = b"Subject: =?utf-8?q?a?=\r\n b\r\njunk\r\nX-\xe9: \xe9\r\n\r\n"
    assert text.header_text(head) == "Subject: a b\nX-é: é"


@pytest.mark.parametrize(("start", "end"), [(0, 3), (0, 6), (2, 5), (4, 6), (6, 6), (0, 0)])
def test_octets_are_cut_from_a_message_in_two_pieces(start: int, end: int) -> None:
    assert text.slice_of(b"head", b"BO", start, end) == b"headBO"[start:end]


def test_case_means_nothing_in_any_script() -> None:
    assert text.contains("Die GRÖSSE", text.fold("größe"))
    assert not text.contains("Die Größe", text.fold("klein"))
