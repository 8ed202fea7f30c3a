"""What automatic answers look like, whatever they answer."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime

import pytest

from mailframe.message.answer import REFERENCES, answer, is_addressed_to
from mailframe.message.automatic import should_answer_automatically

WHEN = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
HEAD = (
    b"From: Me <me@example.net>\r\nTo: Ann <ann@example.org>\r\nSubject: Lunch\r\nMessage-ID: <1@example.net>\r\n\r\n"
)


def written(head: bytes = HEAD, text: str = "I am away.\nAnn\n", subject: str | None = None) -> bytes:
    return answer(head, "me@example.net", "ann@example.org", text, subject, WHEN, "<2@mx.example.org>")


def test_an_answer_in_full() -> None:
    assert written() == (
        b"From: ann@example.org\r\nTo: me@example.net\r\nSubject: Auto: Lunch\r\n"
        b"Date: Fri, 27 Nov 2026 12:00:00 +0000\r\nMessage-ID: <2@mx.example.org>\r\n"
        b"In-Reply-To: <1@example.net>\r\nReferences: <1@example.net>\r\n"
        b"Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
        b"I am away.\r\nAnn\r\n"
    )


def test_no_program_answers_an_answer() -> None:
    assert not should_answer_automatically(written(), "ann@example.org")


def test_text_and_subject_may_be_any() -> None:
    octets = written(b"Subject: =?utf-8?b?TWl0dGFn4oCm?=\r\n\r\n", "Grüße\r\n.\r\n" + "x" * 3000)
    message = email.message_from_bytes(octets, policy=email.policy.SMTP)
    assert message["Subject"] == "Auto: Mittag…"
    assert message["Content-Transfer-Encoding"] == "8bit"
    assert message["In-Reply-To"] is None
    assert "Grüße\r\n.\r\n" in octets.decode()
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    assert b"Subject: =?utf-8?" in written(subject="Weg…")
    assert b"Subject: Away\r\n" in written(subject="Away")


@pytest.mark.parametrize("field", [b"Subject: a\rBcc: x@y.example\r\n", b"Message-ID: <a\rBcc: x@y.example>\r\n"])
def test_nothing_adds_a_line_to_the_header(field: bytes) -> None:
    head = written(field + b"\r\n").partition(b"\r\n\r\n")[0]
    assert not any(line.startswith(b"Bcc") for line in head.replace(b"\r", b"\n").split(b"\n"))


def test_the_thread_goes_on_and_does_not_grow_for_ever() -> None:
    ids = b" ".join(b"<%d@example.net>" % number for number in range(100))
    octets = written(b"References: %b\r\nMessage-ID: <m@example.net>\r\n\r\n" % ids)
    found = email.message_from_bytes(octets, policy=email.policy.SMTP)["References"].split()
    assert len(found) == REFERENCES
    assert (found[0], found[-2:]) == ("<0@example.net>", ["<99@example.net>", "<m@example.net>"])
    beyond = written("Message-ID: <ü@example.net>\r\n\r\n".encode())
    assert b"References" not in beyond


@pytest.mark.parametrize(
    ("field", "found"),
    [
        (b"To: Ann <Ann@Example.org>, x@y.example", True),
        (b"Cc: friends: x@y.example, ann+list@example.org;", True),
        (b"Resent-To:\r\n ann@example.org", True),
        (b"Bcc: a@anns.example\r\nBcc: ann@example.org", True),
        (b"To: undisclosed-recipients:;", False),
        (b"To: bob@example.org, ann@example.net", False),
        (b"X-To: ann@example.org", False),
        (b"To: ann", False),
    ],
)
def test_who_is_addressed(field: bytes, found: bool) -> None:
    assert is_addressed_to(field + b"\r\n\r\n", {"ann@example.org"}) is found
