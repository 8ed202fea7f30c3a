"""When mail is tried again: the table, the jitter, the warning and the end."""

from __future__ import annotations

import pytest

from mailframe.queue.schedule import DAY, HOUR, MINUTE, Schedule, Schedules


def least(_count: int) -> bytes:
    return b"\0\0\0\0"


def most(_count: int) -> bytes:
    return b"\xff\xff\xff\xff"


def test_retries_come_ever_more_rarely() -> None:
    schedule = Schedule()
    waits = [schedule.due(1000.0, attempts, "4.4.1", least) - 1000 for attempts in range(1, 10)]
    assert waits == [5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 4 * HOUR, 4 * HOUR]


def test_a_delay_is_longer_by_chance_and_never_shorter() -> None:
    schedule = Schedule(delays=(100.0,), jitter=0.1)
    assert schedule.due(0.0, 1, "4.0.0", least) == 100.0
    assert 109.9 < schedule.due(0.0, 1, "4.0.0", most) < 110.0
    assert Schedule(delays=(100.0,), jitter=0.0).due(0.0, 1, "4.0.0", most) == 100.0


@pytest.mark.parametrize(
    ("status", "seconds"),
    [("4.2.2", 1.0), ("4.2.1", 2.0), ("4.2.22", 2.0), ("4.7.0", 3.0), ("4.7.1", 3.0), ("4.0.0", 9.0), ("", 9.0)],
)
def test_the_longest_beginning_of_the_status_code_counts(status: str, seconds: float) -> None:
    schedule = Schedule(delays=(9.0,), by_status={"4.2.2": (1.0,), "4.2": (2.0,), "4.7": (3.0,)})
    assert schedule.due(0.0, 1, status, least) == seconds


def test_a_server_that_greylists_is_asked_again_soon_and_a_full_mailbox_later() -> None:
    schedule = Schedule()
    assert schedule.due(0.0, 1, "4.7.1", least) < schedule.due(0.0, 1, "4.4.1", least)
    assert schedule.due(0.0, 1, "4.2.2", least) > schedule.due(0.0, 1, "4.4.1", least)


def test_the_sender_is_warned_after_hours_and_told_of_the_end_after_days() -> None:
    schedule = Schedule()
    assert not schedule.to_warn(4 * HOUR - 1, 0.0)
    assert schedule.to_warn(4 * HOUR, 0.0)
    assert not Schedule(warn_after=0).to_warn(DAY, 0.0)
    assert not schedule.expired(5 * DAY - 1, 0.0)
    assert schedule.expired(5 * DAY, 0.0)


def test_each_destination_may_have_its_own() -> None:
    slow = Schedule(delays=(HOUR,))
    schedules = Schedules(by_destination={"slow.example": slow})
    assert schedules.of("slow.example") is slow
    assert schedules.of("other.example") == Schedule()


@pytest.mark.parametrize(
    "wrong",
    [
        {"delays": ()},
        {"delays": (1.0, 0.0)},
        {"by_status": {"4.2": ()}},
        {"expire": 0},
        {"warn_after": -1},
        {"jitter": 1.0},
        {"jitter": -0.1},
    ],
)
def test_a_schedule_that_cannot_be_kept_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"delays|expire|warn_after|jitter"):
        Schedule(**wrong)  # type: ignore[arg-type]  # of any field
