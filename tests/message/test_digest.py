"""The digest: all that is kept beside a message, at once."""

from __future__ import annotations

import pytest

from mailframe.message import bodystructure, headers, outline
from mailframe.message.digest import Digest, digest
from mailframe.message.parts import scan


def of(message: bytes) -> Digest:
    return digest(*headers.split(message))


def test_the_digest_of_an_ordinary_reply() -> None:
    message = (
        b"Date: Wed, 17 Jul 1996 02:23:25 -0700\r\nFrom: Terry Gray <Gray@cac.washington.edu>\r\n"
        b"Subject: Re: [list] =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nTo: =?utf-8?q?x?= <imap@x.test>, b@x.test\r\n"
        b"Cc: Team: minutes@x.test;\r\nMessage-Id: <3@x.test>\r\nReferences: <1@x.test>\r\n <2@x.test>\r\n"
        b"In-Reply-To: <0@x.test>\r\n\r\nhi\r\n"
    )
    found = of(message)
    assert found.size == len(message)
    assert found.envelope.startswith(b'("Wed, 17 Jul 1996 02:23:25 -0700" "Re: [list] =?utf-8?q?Gr=C3=BC=C3=9Fe?="')
    assert found.bodystructure == b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 4 1 NIL NIL NIL NIL)'
    assert found.body == b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 4 1)'
    assert outline.load(found.outline) == outline.Outline(0, len(message) - 4, len(message))
    assert found.sent == 837_595_405
    assert (found.subject, found.base_subject) == ("Re: [list] Grüße", "Grüße")
    assert (found.from_, found.to, found.cc) == ("Gray", "imap", "Team")
    assert found.message_id == b"<3@x.test>"
    assert found.references == (b"<1@x.test>", b"<2@x.test>")


SINGLE = [
    b"",
    b"Content-Type: text/html; charset=utf-8\r\n",
    b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Type: image/png; name=%25\r\nContent-ID: <a>\r\nContent-MD5: abc\r\nContent-Language: en, de\r\n",
    b"Content-Type: text/plain\r\nContent-Type: image/png\r\n",
    b"Content-Type: image/png\r\nContent-Type: text/plain\r\n",
    b"Content-Type: nonsense\r\n",
    b"Content-Type:\r\nContent-Description: " + b"long " * 200 + b"\r\n",
]


@pytest.mark.parametrize("body", [b"", b"hi\r\n", b"line\r\n" * 20_000])
def test_a_message_of_one_part_is_described_as_its_part_is(body: bytes) -> None:
    for head in SINGLE * 2:
        head += b"Subject: x\r\n\r\n"
        part, found = scan(head, body), digest(head, body)
        assert (found.body, found.bodystructure) == bodystructure.written(part)
        assert found.outline == outline.dump(part)


def test_the_digest_of_nothing() -> None:
    found = of(b"")
    assert found.envelope == b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
    assert (found.size, found.sent, found.subject, found.base_subject) == (0, None, "", "")
    assert (found.from_, found.to, found.cc, found.message_id, found.references) == ("", "", "", None, ())


def test_a_date_that_is_none_and_a_list_that_is_empty() -> None:
    found = of(b"Date: yesterday\r\nTo: ,\r\n\r\n")
    assert (found.sent, found.to) == (None, "")


def test_every_text_of_a_digest_can_be_stored_as_utf_8() -> None:
    found = of(b"Subject: =?utf-7?q?+2AA-?=\0\r\nFrom: \xed\xa0\x80@x\r\n\r\n")
    assert (found.subject + found.base_subject + found.from_).encode("utf-8")
    assert "\0" not in found.subject
