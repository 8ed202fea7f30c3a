"""Servers that fall silent: how long each word is waited for (RFC 5321 4.5.3.2), and what follows."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mailframe.queue.schedule import MINUTE
from mailframe.testing.scripted import Act, Scripted
from tests.world.relays import HELLO, THEM, attempts, once, outcomes, reports, submit, world_with

STATES = [
    ("GREETING", 5 * MINUTE, "greeting"),
    ("EHLO", 5 * MINUTE, "EHLO"),
    ("STARTTLS", 1 * MINUTE, "STARTTLS"),
    ("MAIL", 5 * MINUTE, "message"),
    ("RCPT", 5 * MINUTE, "message"),
    ("DATA", 2 * MINUTE, "message"),
    ("END", 10 * MINUTE, "message"),
]


@pytest.mark.parametrize(("word", "seconds", "what"), STATES)
@pytest.mark.parametrize("offers", [("PIPELINING",), ("SIZE",)])
def test_a_server_that_hangs_is_given_its_time_and_tried_again(
    word: str, seconds: float, what: str, offers: Sequence[str]
) -> None:
    with world_with(them := once(word, Act.HANG, offers)) as world:
        world.network.latency = 0.0
        submit(world)
        world.advance(hours=1)
        assert attempts(world) == pytest.approx([seconds, seconds + 5 * MINUTE])
        hung, delivered = outcomes(world)
        assert hung == f"retry 4.4.2 {THEM} did not answer in time ({what})"
        assert delivered.startswith("delivered")
        # Once the message was there whole, nobody knows whether it was taken: twice is better than never.
        assert len(them.taken) == (2 if word == "END" else 1)
        assert reports(world) == []


def test_a_server_that_never_answers_is_given_half_a_minute() -> None:
    with world_with(them := Scripted()) as world:
        world.network.latency = 0.0
        world.network.cut(THEM)
        submit(world)
        world.advance(minutes=1)
        world.network.heal(THEM)
        world.advance(minutes=5)
        assert attempts(world) == pytest.approx([30, 30 + 5 * MINUTE])
        assert len(them.taken) == 1


def test_a_handshake_that_hangs_is_given_a_minute_and_done_without() -> None:
    with world_with(them := Scripted(TLS=[Act.HANG])) as world:
        world.network.latency = 0.0
        submit(world)
        world.advance(minutes=2)
        assert attempts(world) == pytest.approx([MINUTE])
        assert outcomes(world)[0].startswith("delivered")
        assert [each.tls for each in them.taken] == [False]


def test_a_server_that_does_not_read_on_is_given_three_minutes() -> None:
    with world_with(them := Scripted(DATA=[("354 Go on", Act.STALL), "354 Go on"])) as world:
        world.network.latency = 0.0
        outcome = world.send(
            "ann@us.example",
            ["bob@them.example"],
            HELLO + "x\n" * 500_000,
            "mx.us.example",
            login=("ann@us.example", "secret"),
        )
        assert outcome
        world.advance(hours=1)
        assert attempts(world) == pytest.approx([3 * MINUTE, 8 * MINUTE])
        assert outcomes(world)[0] == f"retry 4.4.2 {THEM} did not answer in time (message)"
        assert len(them.taken) == 1


@pytest.mark.parametrize("act", [Act.CLOSE, Act.RESET])
@pytest.mark.parametrize(("word", "what"), [(word, what) for word, _seconds, what in STATES])
def test_a_server_that_hangs_up_is_tried_again(word: str, what: str, act: Act) -> None:
    with world_with(them := once(word, act)) as world:
        world.network.latency = 0.0
        submit(world)
        world.advance(minutes=6)
        assert attempts(world) == pytest.approx([0, 5 * MINUTE])
        assert outcomes(world)[0] == f"retry 4.4.2 {THEM} closed the connection ({what})"
        # The reply to the end of the message is lost: it comes twice then, and never more often.
        assert len(them.taken) == (2 if word == "END" else 1)


def test_a_message_whose_final_reply_is_always_lost_is_never_forgotten() -> None:
    with world_with(them := Scripted(END=[Act.CLOSE])) as world:
        submit(world)
        world.advance(days=6)
        assert len(them.taken) == len(attempts(world)) > 30
        _delayed, failed = reports(world)
        assert "closed the connection" in " ".join(failed.text.split())
