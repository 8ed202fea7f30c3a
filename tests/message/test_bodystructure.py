"""BODYSTRUCTURE and BODY as RFC 3501 prints them."""

from __future__ import annotations

import pytest

from mailframe.message import headers
from mailframe.message.bodystructure import body, bodystructure
from mailframe.message.parts import Part, scan


def tree(message: bytes) -> Part:
    return scan(*headers.split(message))


LINES_48 = b"x" * 46 + b"\r\n" + (b"y" * 45 + b"\r\n") * 46 + b"z" * 67 + b"\r\n"


def test_the_one_part_message_of_rfc_3501() -> None:
    assert body(tree(b"\r\n" + LINES_48)) == b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 2279 48)'


def test_the_two_part_message_of_rfc_3501() -> None:
    one = b"x" * 1106 + b"\r\n" * 23
    two = b"y" * 4408 + b"\r\n" * 73
    message = (
        b"Content-Type: MULTIPART/MIXED; BOUNDARY=b\r\n\r\n--b\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n"
        + one
        + b'\r\n--b\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII; NAME="cc.diff"\r\n'
        b"Content-ID: <960723163407.20117h@cac.washington.edu>\r\nContent-Description: Compiler diff\r\n"
        b"Content-Transfer-Encoding: BASE64\r\n\r\n" + two + b"\r\n--b--\r\n"
    )
    written = (
        b'(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 1152 23)'
        b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII" "NAME" "cc.diff") "<960723163407.20117h@cac.washington.edu>"'
        b' "Compiler diff" "BASE64" 4554 73) "MIXED")'
    )
    assert body(tree(message)).upper() == written.upper()
    assert b'"NAME" "cc.diff"' in body(tree(message))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"\r\nhi\r\n", b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 4 1 NIL NIL NIL NIL)'),
        (b"Content-Type: text/html\r\n\r\nhi", b'("text" "html" NIL NIL NIL "7bit" 2 0 NIL NIL NIL NIL)'),
        (
            b"Content-Type: image/png; name=\xc3\xa9\r\nContent-MD5: abc\r\nContent-Language: en, de\r\n"
            b"Content-Disposition: inline\r\nContent-Location: x\r\n\r\nhi",
            b'("image" "png" ("name" {2}\r\n\xc3\xa9) NIL NIL "7bit" 2 "abc" ("inline" NIL) ("en" "de") "x")',
        ),
        (
            b"Content-Type: multipart/mixed; boundary=b\r\nContent-Language: fr\r\n"
            b"Content-Disposition: attachment; filename=x\r\n\r\n--b\r\n\r\nhi\r\n--b--",
            b'(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 2 0 NIL NIL NIL NIL) "mixed" ("boundary" "b")'
            b' ("attachment" ("filename" "x")) ("fr") NIL)',
        ),
        (
            b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nhi\r\n",
            b'("message" "rfc822" NIL NIL NIL "7bit" 18 (NIL "x" NIL NIL NIL NIL NIL NIL NIL NIL)'
            b' ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 4 1 NIL NIL NIL NIL) 3 NIL NIL NIL NIL)',
        ),
    ],
)
def test_extension_data_follows(message: bytes, expected: bytes) -> None:
    assert bodystructure(tree(message)) == expected


def test_the_short_form_has_no_extension_data_at_any_level() -> None:
    message = (
        b"Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b--"
    )
    assert body(tree(message)) == (
        b'("message" "rfc822" NIL NIL NIL "7bit" 61 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)'
        b' (("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 2 0) "mixed") 5)'
    )
