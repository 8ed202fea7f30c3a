"""Commands come out whole however their octets are cut, and refused literals are never taken for commands."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailframe.imap.limits import Limits
from mailframe.imap.reader import BadLine, LiteralComing, LiteralLost, RawCommand, Reader
from mailframe.net.lines import Inbox, LineTooLong
from mailframe.spool import Spool

LIMITS = Limits(line=60, unauthenticated_line=40, literals=2)


def events(pieces: list[bytes], take: bool = True, authenticated: bool = True) -> list[Any]:
    reader = Reader(Inbox(), LIMITS, authenticated)
    found: list[Any] = []
    for piece in pieces:
        reader.inbox.feed(piece)
        while (event := reader.next()) is not None:
            if isinstance(event, LiteralComing):
                reader.take_literal() if take else reader.refuse_literal()
                found.append(event.size)
            elif isinstance(event, RawCommand):
                found.append((event.tag, event.name, event.cursor.texts, event.cursor.literals))
            else:
                found.append(event)
    return found


CASES: list[tuple[bytes, list[Any]]] = [
    (b"a noop\r\n", [(b"a", b"NOOP", [b"a noop"], [])]),
    (b"a x {3}\r\nabc y\r\n", [3, (b"a", b"X", [b"a x ", b" y"], [b"abc"])]),
    (b"a x {0+}\r\n {2+}\r\nzz\r\n", [0, 2, (b"a", b"X", [b"a x ", b" ", b""], [b"", b"zz"])]),
    (b"a x {1+}\r\na{1+}\r\nb{1+}\r\nc\r\n", [1, 1, BadLine(b"a", "Too many literals")]),
    (b"a " + b"x" * 70 + b"\r\n", [BadLine(b"", "The command line is too long")]),
    (b"a x {1+}\r\nb" + b"x" * 70 + b"\r\n", [1, BadLine(b"a", "The command line is too long")]),
    (b"a (\r\n", [BadLine(b"a", "A command name is expected behind the tag")]),
    (b"(\0 {3+}\r\nabc\r\n", [BadLine(b"", "NUL, CR and LF are not allowed in a command line")]),
]


@pytest.mark.parametrize(("octets", "expected"), CASES)
def test_commands_at_every_cut(octets: bytes, expected: list[Any]) -> None:
    behind = b"z NOOP\r\n"
    after: Any = (b"z", b"NOOP", [b"z NOOP"], [])
    for cut in range(len(octets) + 1):
        assert events([octets[:cut], octets[cut:] + behind]) == [*expected, after]
    assert events([bytes([octet]) for octet in octets + behind]) == [*expected, after]


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"a x {3+}\r\nabc\r\n", [3]),
        (b"a x {3+}\r\nabc {2+}\r\nzz\r\n", [3]),
        (b"a x {3+}\r\nabc {2}\r\n", [3, BadLine(b"", "The command was refused")]),
        (b"a x {3}\r\n", [3]),
        (b"a x {3+}\r\nabc" + b"x" * 70 + b"\r\n", [3]),
    ],
)
def test_what_is_refused_is_thrown_away(octets: bytes, expected: list[Any]) -> None:
    after: Any = (b"z", b"NOOP", [b"z NOOP"], [])
    for cut in range(len(octets) + 1):
        assert events([octets[:cut], octets[cut:] + b"z NOOP\r\n"], take=False) == [*expected, after]


def test_before_login_lines_are_shorter() -> None:
    line = b"a x" + b"y" * 45 + b"\r\n"
    assert len(events([line])) == 1
    assert events([line], authenticated=False) == [BadLine(b"", "The command line is too long")]


def test_a_big_literal_goes_to_a_spool() -> None:
    reader = Reader(Inbox(), LIMITS, True)
    reader.inbox.feed(b"a APPEND x {20}\r\n")
    assert isinstance(reader.next(), LiteralComing)
    reader.take_literal(Spool().begin())
    reader.inbox.feed(b"Subject: x\r\n\r\n")
    assert reader.next() is None
    reader.inbox.feed(b"123456\r\n")
    command = reader.next()
    assert isinstance(command, RawCommand)
    [message] = command.cursor.literals
    assert bytes(message) == b"Subject: x\r\n\r\n123456"


def test_a_full_disk_loses_the_command_and_nothing_else() -> None:
    class Full:
        def write(self, data: bytes) -> None:
            raise OSError("full")

        def abort(self) -> None:
            pass

    reader = Reader(Inbox(), LIMITS, True)
    reader.inbox.feed(b"a APPEND x {20+}\r\n")
    reader.next()
    full: Any = Full()
    reader.take_literal(full)
    reader.inbox.feed(b"12345678")
    with pytest.raises(LiteralLost):
        reader.next()
    reader.inbox.feed(b"901234567890\r\nz NOOP\r\n")
    event = reader.next()
    assert isinstance(event, RawCommand)
    assert event.tag == b"z"


def test_lines_that_are_no_commands() -> None:
    reader = Reader(Inbox(), LIMITS)
    reader.inbox.feed(b"DONE\r\n" + b"x" * 100 + b"\r\n")
    assert reader.line() == b"DONE"
    with pytest.raises(LineTooLong):
        reader.line()


@given(st.lists(st.sampled_from([b"a ", b"NOOP", b"{3+}\r\n", b"{3}\r\n", b"\r\n", b"abc", b"\0", b"("]), max_size=15))
def test_junk_never_raises(pieces: list[bytes]) -> None:
    events(pieces)
    events(pieces, take=False)
