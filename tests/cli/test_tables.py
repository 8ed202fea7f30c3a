"""Tables are aligned, in human units, and safe to show."""

from __future__ import annotations

import pytest

from mailframe.cli.tables import octets, safe, shortened, span, table


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0s"), (0, "0s"), (59.9, "59s"), (60, "1m"), (3599, "59m"), (7200, "2h"), (86399, "23h"), (432000, "5d")],
)
def test_times_have_one_unit(seconds: float, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0"), (999, "999"), (1000, "1.0K"), (4300, "4.2K"), (31 * 1024**2, "31M"), (5 * 1024**4, "5120G")],
)
def test_sizes_have_one_unit(size: int, words: str) -> None:
    assert octets(size) == words


def test_a_terminal_obeys_nobody_else() -> None:
    assert safe("a\x1b[2Jb\r\nc\x9bd\u202ee") == "a\ufffd[2Jb\ufffd\ufffdc\ufffdd\ufffde"
    [_heading, row] = table(("A", "B"), [("\x1b]0;x\x07", "\x08")], 80)
    assert row.isprintable()


def test_columns_are_aligned_and_the_last_is_shortened() -> None:
    lines = list(table(("ID", "N", "WORDS"), [("a", "1", "short"), ("bcd", "100", "x" * 50)], 20, right=(1,)))
    assert lines == ["ID     N  WORDS", "a      1  short", "bcd  100  xxxxxxxxx…"]


def test_a_narrow_terminal_gets_at_least_the_heading() -> None:
    assert list(table(("ID", "WORDS"), [("abc", "much too long")], 1)) == ["ID   WORDS", "abc  much…"]
    assert shortened("abc", 0) == "…"
