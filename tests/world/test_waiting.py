"""Mail that cannot be delivered at once: when it is tried again, and what its sender is told, over days."""

from __future__ import annotations

import pytest

from mailframe.queue.schedule import DAY, HOUR, MINUTE
from mailframe.testing.scripted import Act, Heard, Scripted, greylists
from tests.world.relays import BOB, THEM, attempts, outcomes, reports, submit, world_with

CONNECT = 30.0
"""What an attempt takes when nobody answers."""


def test_five_days_of_a_destination_that_cannot_be_reached() -> None:
    with world_with(Scripted()) as world:
        world.network.latency = 0.0
        world.network.cut(THEM)
        submit(world)
        world.advance(days=6)
        delays = [5 * MINUTE, 10 * MINUTE, 20 * MINUTE, 40 * MINUTE, HOUR, 2 * HOUR]
        expected = [CONNECT]
        while expected[-1] < 5 * DAY:
            delay = delays.pop(0) if delays else 4 * HOUR
            expected.append(min(expected[-1] + delay, 5 * DAY) + CONNECT)
        assert attempts(world) == pytest.approx(expected)
        assert len(expected) == 36
        why = f"{THEM} cannot be reached: no answer within 30 seconds"
        assert outcomes(world) == [f"retry 4.4.1 {why}"] * 35 + [
            f"failed 5.4.7 Given up after 5 days. The last attempt: {why}"
        ]

        delayed, failed = reports(world)
        told = next(each for each in expected if each >= 4 * HOUR)
        assert delayed.received == int(world.start_time + told)
        assert delayed.subject == "Your message is not delivered yet"
        assert b"Action: delayed\r\nStatus: 4.4.1\r\n" in bytes(delayed)
        assert b"Will-Retry-Until: Wed, 20 Jan 2027 08:00:00 +0000\r\n" in bytes(delayed)
        assert "This server keeps trying." in delayed.text
        assert failed.received == int(world.start_time + expected[-1])
        assert failed.subject == "Your message could not be delivered"
        assert b"Action: failed\r\nStatus: 5.4.7\r\n" in bytes(failed)
        assert b"Arrival-Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n" in bytes(failed)
        assert "This server has given up" in failed.text
        assert failed.text.endswith("Text\n")  # the message itself, back again


def test_a_destination_that_comes_back_gets_its_mail_at_the_next_attempt() -> None:
    with world_with(them := Scripted()) as world:
        world.network.cut(THEM)
        submit(world)
        world.advance(days=2)
        world.network.heal(THEM)
        world.advance(hours=4, minutes=1)
        assert len(them.taken) == 1
        [delayed] = reports(world)
        assert delayed.subject == "Your message is not delivered yet"


def test_a_destination_that_greylists_gets_it_after_a_few_minutes() -> None:
    with world_with(them := Scripted(RCPT=[greylists(300)])) as world:
        world.network.latency = 0.0
        submit(world)
        world.advance(hours=1)
        assert attempts(world) == pytest.approx([0, 2 * MINUTE, 7 * MINUTE])
        no = f"retry 4.7.1 {THEM} said: 451 4.7.1 Greylisted, try again later"
        assert outcomes(world) == [no, no, f"delivered  {THEM} said: 250 2.0.0 Taken"]
        assert len(them.taken) == 1
        assert reports(world) == []


def test_each_recipient_of_a_greylisted_message_gets_it_once() -> None:
    with world_with(them := Scripted(RCPT=["250 OK", "451 4.7.1 Not yet", "250 OK"])) as world:
        submit(world, BOB, "cat@them.example")
        world.advance(hours=1)
        assert [each.recipients for each in them.taken] == [(f"<{BOB}>",), ("<cat@them.example>",)]


def test_a_destination_that_says_421_after_each_message_gets_all_of_them_without_delay() -> None:
    goodbye = ("250 2.0.0 Taken", "421 4.3.2 One message a connection", Act.CLOSE)
    with world_with(them := Scripted(END=[goodbye])) as world:
        for _ in range(4):
            submit(world)
        assert len(them.taken) == 4
        assert [each.partition(" ")[0] for each in outcomes(world)] == ["delivered"] * 4
        assert them.connections == 4


def test_a_destination_that_says_421_to_the_next_message_gets_it_by_another_connection() -> None:
    said: set[int] = set()

    def once(heard: Heard) -> str | tuple[str | Act, ...]:
        if heard.connection in said:
            return ("421 4.3.2 One message a connection", Act.CLOSE)
        said.add(heard.connection)
        return "250 OK"

    with world_with(them := Scripted(MAIL=[once])) as world:
        for _ in range(3):
            submit(world)
        world.advance(minutes=1)
        assert len(them.taken) == 3
        assert [each.partition(" ")[0] for each in outcomes(world)] == ["delivered"] * 3
        assert them.connections == 3


def test_a_server_that_is_down_for_maintenance_is_tried_again() -> None:
    with world_with(them := Scripted(GREETING=[("421 4.3.2 Maintenance", Act.CLOSE), "220 mx"])) as world:
        world.network.latency = 0.0
        submit(world)
        world.advance(minutes=6)
        assert attempts(world) == pytest.approx([0, 5 * MINUTE])
        assert len(them.taken) == 1


def test_what_is_refused_for_good_comes_back_at_once() -> None:
    with world_with(Scripted(RCPT=["550 5.1.1 Bob does not live here"])) as world:
        submit(world)
        [failed] = reports(world)
        assert "Bob does not live here" in failed.text
        assert b"Diagnostic-Code: smtp; 550 5.1.1 Bob does not live here\r\n" in bytes(failed)
        assert len(attempts(world)) == 1
