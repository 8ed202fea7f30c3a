"""Servers that stop and start again, or die, while they send: nothing is lost, and next to nothing comes twice."""

from __future__ import annotations

import pytest

from mailframe.queue.runner import STOP_SECONDS
from mailframe.testing.scripted import Act, Scripted
from tests.world.relays import ANN, BOB, EXACT, THEM, US, once, outcomes, relay, reports, submit, world_with


def test_what_is_under_way_when_a_server_stops_may_end() -> None:
    with world_with(them := Scripted()) as world:
        world.network.latency = 0.3
        submit(world)
        assert them.taken == [] or len(them.taken) == 1
        world.restart(US)
        world.advance(minutes=1)
        assert len(them.taken) == 1
        assert len(outcomes(world)) == 1


@pytest.mark.parametrize("word", ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "END"])
def test_an_attempt_that_a_stop_interrupts_is_made_again_after_the_start_and_counts_for_nothing(word: str) -> None:
    with world_with(them := once(word, Act.HANG)) as world:
        submit(world)
        before = world.now
        world.stop(US)
        assert STOP_SECONDS <= world.now - before <= STOP_SECONDS + 15
        world.advance(days=1)
        world.restart(US)
        world.settle()
        assert [each.partition(" ")[0] for each in outcomes(world)] == ["delivered"]
        assert "attempt 1: delivered" in world.log
        assert len(them.taken) == (2 if word == "END" else 1)


@pytest.mark.parametrize("word", ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "END"])
def test_an_attempt_that_a_crash_ends_is_made_again(word: str) -> None:
    with world_with(them := once(word, Act.HANG)) as world:
        submit(world)
        world.crash(US)
        world.advance(minutes=1)
        world.start(relay(schedules=EXACT))
        world.settle()
        assert [each.partition(" ")[0] for each in outcomes(world)] == ["delivered"]
        assert len(them.taken) == (2 if word == "END" else 1)
        world.advance(days=6)
        assert len(them.taken) == (2 if word == "END" else 1)
        assert reports(world) == []


def test_the_time_that_a_server_was_down_counts_for_what_it_has_queued() -> None:
    with world_with(Scripted()) as world:
        world.network.cut(THEM)
        submit(world)
        world.advance(hours=1)
        world.stop(US)
        world.advance(days=5)
        world.restart(US)
        world.advance(minutes=1)
        [failed] = reports(world)
        assert failed.subject == "Your message could not be delivered"


def test_a_server_that_dies_again_and_again_delivers_in_the_end() -> None:
    with world_with(them := Scripted()) as world:
        world.network.latency = 1.0
        submit(world)
        for seconds in range(1, 25, 2):
            world.crash(US)
            world.start(relay(schedules=EXACT))
            world.advance(seconds)
        world.advance(minutes=1)
        assert 1 <= len(them.taken) <= 2
        assert world.log.count(f"to <{BOB}>, attempt 1: delivered") == 1
        world.advance(days=6)
        assert reports(world) == []


def test_a_destination_that_dies_while_it_takes_a_message_gets_it_again() -> None:

    with world_with(Scripted()) as world:
        world.dns["other.example"] = {"MX": [(10, "mx.other.example")]}
        world.start(relay("other.example"))
        world.network.latency = 0.5
        for moment in range(1, 16):
            submit(world, "ann@other.example")
            world.advance(moment / 2)
            world.crash("mx.other.example")
            world.start(relay("other.example"))
        world.advance(days=1)
        assert len(world.mailbox("ann@other.example")) >= 15
        assert reports(world) == []
        assert world.mailbox(ANN) == []
