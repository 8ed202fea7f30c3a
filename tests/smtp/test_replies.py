"""Replies as the wire carries them."""

from __future__ import annotations

import pytest

from mailframe.smtp import replies
from mailframe.smtp.replies import LINE_CHARACTERS, Reply, reply


@pytest.mark.parametrize(
    ("answer", "octets"),
    [
        (reply(250, "2.0.0", "OK"), b"250 2.0.0 OK\r\n"),
        (reply(354, "", "Go on"), b"354 Go on\r\n"),
        (reply(214, "2.0.0", "one", "two"), b"214-2.0.0 one\r\n214 2.0.0 two\r\n"),
        (reply(250, "", "host", "SIZE 1", "PIPELINING"), b"250-host\r\n250-SIZE 1\r\n250 PIPELINING\r\n"),
        (reply(550, "5.1.1", "grüße"), b"550 5.1.1 gr??e\r\n"),
    ],
)
def test_replies(answer: Reply, octets: bytes) -> None:
    assert bytes(answer) == answer.encoded == octets


def test_a_line_never_exceeds_512_octets() -> None:
    lines = bytes(reply(550, "5.123.123", "x" * 1000, "y" * 1000)).splitlines(keepends=True)
    assert [len(line) for line in lines] == [4 + 10 + LINE_CHARACTERS + 2] * 2
    assert max(map(len, lines)) <= 512


ALL = [value for value in vars(replies).values() if isinstance(value, Reply)]


@pytest.mark.parametrize("answer", ALL, ids=lambda answer: answer.lines[0])
def test_the_status_is_of_the_class_of_the_code(answer: Reply) -> None:
    assert answer.status[:1] in ("", str(answer.code)[0])


@pytest.mark.parametrize(
    ("answer", "is_mistake"),
    [
        (replies.OK, False),
        (replies.UNKNOWN_COMMAND, True),
        (replies.BAD_SEQUENCE, True),
        (reply(535, "5.7.8", "Wrong password"), True),
        (reply(555, "5.5.4", "Unknown parameter"), True),
        (replies.RELAY_DENIED, False),
        (replies.TOO_MANY_RECIPIENTS, False),
        (replies.TOO_LARGE, False),
        (replies.FAULT, False),
    ],
)
def test_mistakes_are_told_from_mail_that_is_not_wanted(answer: Reply, is_mistake: bool) -> None:
    assert answer.is_mistake is is_mistake
