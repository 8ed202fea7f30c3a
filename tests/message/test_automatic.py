"""What a program may answer."""

from __future__ import annotations

import pytest

from mailframe.message.automatic import should_answer_automatically

PLAIN = b"From: ann@example.org\r\nTo: bob@example.org\r\nSubject: lunch\r\n"


@pytest.mark.parametrize(
    "field",
    [
        b"",
        b"Auto-Submitted: no\r\n",
        b"AUTO-SUBMITTED: (really) NO (by hand); owner-email=x\r\n",
        b"Auto-Submitted:\r\n no\r\n",
        b"Precedence: first-class\r\n",
        b"X-List-Id: something of their own\r\n",
        b"Listing: x\r\n",
        b"X-Auto-Response-Suppress: DR, RN, NRN\r\n",
        b"broken line\r\n",
    ],
)
def test_a_message_of_a_person_is_answered(field: bytes) -> None:
    assert should_answer_automatically(field + PLAIN + b"\r\n", "ann@example.org") is True


@pytest.mark.parametrize(
    "field",
    [
        b"Auto-Submitted: auto-replied\r\n",
        b"auto-submitted: Auto-Generated; type=x\r\n",
        b'Auto-Submitted: auto-notified; owner-email="no"\r\n',
        b"Auto-Submitted: x-unknown\r\n",
        b"Auto-Submitted:\r\n",
        b"Auto-Submitted: (no)\r\n",
        b"Auto-Submitted: no\r\nAuto-Submitted: auto-replied\r\n",
        b"Precedence: bulk\r\n",
        b"Precedence: JUNK (sorry)\r\n",
        b"Precedence: first-class\r\nPrecedence:\r\n list\r\n",
        b"List-Id: <a.example.org>\r\n",
        b"LIST-UNSUBSCRIBE: <mailto:x@example.org>\r\n",
        b"List-Anything: x\r\n",
        b"X-Auto-Response-Suppress: All\r\n",
        b"X-Auto-Response-Suppress: DR,\r\n OOF\r\n",
    ],
)
def test_a_message_of_a_program_or_a_list_is_not(field: bytes) -> None:
    assert should_answer_automatically(PLAIN + field + b"\r\n", "ann@example.org") is False


@pytest.mark.parametrize(
    "sender",
    [
        *(None, "", "owner-list@example.org", "OWNER-List@example.org", "list-request@example.org"),
        *("list-owner@example.org", "list-bounces@example.org", "MAILER-DAEMON@example.org", "listserv@example.org"),
        *("majordomo@example.org", '"owner-my list"@example.org'),
    ],
)
def test_nobody_answers_a_program(sender: str | None) -> None:
    assert should_answer_automatically(PLAIN + b"\r\n", sender) is False


@pytest.mark.parametrize(
    "sender", ["homeowner-x@example.org", "request@example.org", "owner@example.org", "\xe9@x.test"]
)
def test_names_that_only_look_alike_are_answered(sender: str) -> None:
    assert should_answer_automatically(PLAIN + b"\r\n", sender) is True
