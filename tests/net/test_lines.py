"""CRLF framing: what is a line, what is not, and that hostile input costs no memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailframe.net.lines import Inbox, LineTooLong

LIMIT = 10

FRAMING = [
    (b"", []),
    (b"NOOP", []),
    (b"NOOP\r", []),
    (b"NOOP\r\n", [b"NOOP"]),
    (b"\r\n", [b""]),
    (b"\r\n\r\n", [b"", b""]),
    (b"A\r\nB\r\n", [b"A", b"B"]),
    (b"A\r\nB", [b"A"]),
    # Only CRLF ends a line; what others take for an end stays inside for the grammar to refuse.
    (b"A\nB\r\n", [b"A\nB"]),
    (b"A\rB\r\n", [b"A\rB"]),
    (b"A\n\rB\r\n", [b"A\n\rB"]),
    (b"A\r\r\n", [b"A\r"]),
    (b"\n.\n\r\n", [b"\n.\n"]),
    (b"\0\xff\r\n", [b"\0\xff"]),
    # The limit counts the CRLF.
    (b"12345678\r\n", [b"12345678"]),
    (b"123456789\r\n", [LineTooLong]),
    (b"123456789\r\nA\r\n", [LineTooLong, b"A"]),
    (b"A\r\n123456789\r\nB\r\n", [b"A", LineTooLong, b"B"]),
    (b"1234567\r8901\r\nA\r\n", [LineTooLong, b"A"]),
    (b"1" * 50 + b"\r\nA\r\n", [LineTooLong, b"A"]),
    (b"1" * 50 + b"\r\r\nA\r\n", [LineTooLong, b"A"]),
    (b"1" * 50 + b"\n\n\r\n\r\n", [LineTooLong, b""]),
    (b"1" * 50, []),
]


def lines(inbox: Inbox) -> list[object]:
    found: list[object] = []
    while True:
        try:
            line = inbox.line(LIMIT)
        except LineTooLong as error:
            found.append(type(error))
            continue
        if line is None:
            return found
        found.append(line)


def fed(*pieces: bytes) -> list[object]:
    inbox = Inbox()
    found = []
    for piece in pieces:
        inbox.feed(piece)
        found += lines(inbox)
    return found


@pytest.mark.parametrize(("octets", "expected"), FRAMING)
def test_octets_become_these_lines(octets: bytes, expected: list[object]) -> None:
    assert fed(octets) == expected


@pytest.mark.parametrize(("octets", "expected"), FRAMING)
def test_lines_are_the_same_wherever_the_network_cuts(octets: bytes, expected: list[object]) -> None:
    for cut in range(len(octets) + 1):
        assert fed(octets[:cut], octets[cut:]) == expected, cut
    assert fed(*(octets[i : i + 1] for i in range(len(octets)))) == expected


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"bcdefghij", b"\0"])))
def test_lines_are_those_of_a_plain_split(tokens: list[bytes]) -> None:
    octets = b"".join(tokens)
    expected = [line if len(line) + 2 <= LIMIT else LineTooLong for line in octets.split(b"\r\n")[:-1]]
    assert fed(*tokens) == expected
    assert fed(octets) == expected


def test_a_line_is_not_seen_before_its_end_and_the_rest_stays() -> None:
    inbox = Inbox()
    inbox.feed(b"MAIL FR")
    assert inbox.line(512) is None
    assert len(inbox) == 7
    inbox.feed(b"OM:<>\r\nrest")
    assert inbox.line(512) == b"MAIL FROM:<>"
    assert len(inbox) == 4


def test_counted_octets_follow_a_line() -> None:
    inbox = Inbox()
    inbox.feed(b"A {5}\r\nhe")
    assert inbox.line(512) == b"A {5}"
    assert inbox.take(5) == b"he"
    assert inbox.take(3) == b""
    inbox.feed(b"llo\r\nB\r\n")
    assert inbox.take(3) == b"llo"
    assert inbox.line(512) == b""
    assert inbox.line(512) == b"B"
    assert len(inbox) == 0


def test_octets_taken_are_not_looked_at_for_lines() -> None:
    inbox = Inbox()
    inbox.feed(b"\r\n\r\nX\r")
    assert inbox.line(512) == b""
    assert inbox.take(1) == b"\r"
    # The LF that is left has lost its CR: it is an octet of the next line.
    inbox.feed(b"\n")
    assert inbox.line(512) == b"\nX"


def test_a_line_too_long_is_thrown_away_while_it_comes() -> None:
    inbox = Inbox()
    for _ in range(1000):
        inbox.feed(b"x" * 1000)
        assert inbox.line(100) is None
        assert len(inbox) <= 1
        assert len(inbox.buffer) <= 2000
    inbox.feed(b"\r")
    assert inbox.line(100) is None
    inbox.feed(b"\nNOOP\r\n")
    with pytest.raises(LineTooLong):
        inbox.line(100)
    assert inbox.line(100) == b"NOOP"


def test_a_long_line_in_small_pieces_is_searched_once() -> None:
    inbox = Inbox()
    for _ in range(5000):
        inbox.feed(b"x")
        inbox.line(10_000)
        assert inbox._searched >= len(inbox.buffer) - 1


def test_what_came_before_a_handshake_is_forgotten() -> None:
    inbox = Inbox()
    inbox.feed(b"x" * 20 + b"\r")
    assert inbox.line(LIMIT) is None  # it is skipping now
    inbox.clear()
    inbox.feed(b"\nEHLO x\r\n")
    assert inbox.line(LIMIT) == b"\nEHLO x"
    assert len(inbox) == 0
