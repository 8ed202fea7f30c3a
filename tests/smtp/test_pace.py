"""Things that may be done once in a while, for each name."""

from __future__ import annotations

from mailframe.smtp.pace import REMEMBERED, Pace


def test_each_name_has_its_own_time() -> None:
    pace = Pace(60.0)
    assert pace.wait("a", 1000.0) == 0
    assert pace.wait("a", 1010.0) == 50
    assert pace.wait("b", 1010.0) == 0
    assert pace.wait("a", 1060.0) == 0
    assert pace.wait("a", 1061.0) == 59


def test_a_bounded_number_is_remembered_the_latest() -> None:
    pace = Pace(60.0)
    for number in range(REMEMBERED):
        pace.wait(str(number), number * 1e-6)
    pace.wait("0", 60.0)
    pace.wait("one more", 60.0)
    assert pace.wait("0", 60.1) > 0
    assert pace.wait("1", 59.0) == 0
