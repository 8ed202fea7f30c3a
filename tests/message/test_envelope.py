"""ENVELOPE as RFC 3501 prints it, and where it must be NIL."""

from __future__ import annotations

import pytest

from mailframe.message import headers
from mailframe.message.envelope import envelope

RFC_3501_SECTION_8 = (
    b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
    b"From: Terry Gray <gray@cac.washington.edu>\r\n"
    b"Subject: IMAP4rev1 WG mtg summary and minutes\r\n"
    b"To: imap@cac.washington.edu\r\n"
    b"cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
    b"Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n"
)
ENVELOPE = (
    b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes"'
    b' (("Terry Gray" NIL "gray" "cac.washington.edu"))'
    b' (("Terry Gray" NIL "gray" "cac.washington.edu"))'
    b' (("Terry Gray" NIL "gray" "cac.washington.edu"))'
    b' ((NIL NIL "imap" "cac.washington.edu"))'
    b' ((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL'
    b' "<B27397-0100000@cac.washington.edu>")'
)
A = b'((NIL NIL "a" "x"))'
B = b'((NIL NIL "b" "x"))'


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (RFC_3501_SECTION_8, ENVELOPE),
        (b"", b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"),
        (b"Date:\r\nSubject:\r\nMessage-ID:\r\nIn-Reply-To:\r\n", b'("" "" NIL NIL NIL NIL NIL NIL "" "")'),
        (b"From: a@x\r\nSender:\r\nReply-To: ,\r\n", b"(NIL NIL %b %b %b NIL NIL NIL NIL NIL)" % (A, A, A)),
        (b"From: a@x\r\nSender: b@x\r\n", b"(NIL NIL %b %b %b NIL NIL NIL NIL NIL)" % (A, B, A)),
        (b"From: a@x\r\nReply-To: b@x\r\n", b"(NIL NIL %b %b %b NIL NIL NIL NIL NIL)" % (A, A, B)),
        (b"Sender: b@x\r\n", b"(NIL NIL NIL %b NIL NIL NIL NIL NIL NIL)" % B),
        (b"Bcc: b@x\r\n", b"(NIL NIL NIL NIL NIL NIL NIL %b NIL NIL)" % B),
        (b"To: a@x\r\nTo: b@x\r\n", b"(NIL NIL NIL NIL NIL %b NIL NIL NIL NIL)" % (A[:-1] + B[1:])),
        (
            b"To: Team: a@x, b@x;\r\n",
            b'(NIL NIL NIL NIL NIL ((NIL NIL "Team" NIL)%b%b(NIL NIL NIL NIL)) NIL NIL NIL NIL)' % (A[1:-1], B[1:-1]),
        ),
        (b"To: :;\r\n", b'(NIL NIL NIL NIL NIL ((NIL NIL "" NIL)(NIL NIL NIL NIL)) NIL NIL NIL NIL)'),
        (b"To: root\r\n", b'(NIL NIL NIL NIL NIL ((NIL NIL "root" "")) NIL NIL NIL NIL)'),
        (b"To: <@r:a@x>\r\n", b'(NIL NIL NIL NIL NIL ((NIL "@r" "a" "x")) NIL NIL NIL NIL)'),
        (b"Subject: a\r\n b\r\n", b'(NIL "a b" NIL NIL NIL NIL NIL NIL NIL NIL)'),
        (b"Subject: =?utf-8?q?x?=\r\n", b'(NIL "=?utf-8?q?x?=" NIL NIL NIL NIL NIL NIL NIL NIL)'),
        (b"Subject: \xc3\xa9\r\n", b"(NIL {2}\r\n\xc3\xa9 NIL NIL NIL NIL NIL NIL NIL NIL)"),
    ],
)
def test_the_envelope_of_a_header(head: bytes, expected: bytes) -> None:
    assert envelope(headers.fields(head)) == expected
