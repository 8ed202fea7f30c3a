"""Who gets no mail from here is refused when he is named, as long as the sender can still be told."""

from __future__ import annotations

from typing import Any
from unittest import mock

from mailframe.delivery.relay import ToMX
from mailframe.delivery.routes import Route
from mailframe.errors import Temporary
from mailframe.inline import now
from mailframe.queue.memory import MemoryQueue
from mailframe.queue.runner import Runner
from mailframe.queue.suppressions import MemorySuppressions
from tests.smtp.world import PEER, World


def served(world: World, **options: Any) -> tuple[MemorySuppressions, Any]:
    """Return the list of a relay, and a client of it that has said who sends."""
    listed = MemorySuppressions(world.clock)
    routes = [*world.routes, Route("*", ToMX())]
    runner = Runner(MemoryQueue(world.clock), routes, **{"suppressions": listed, **options})
    player = world.greeted(world.mx(routes=routes, queue=runner, relay_from=[PEER]))
    player.play("C: MAIL FROM:<ann@example.org>\nS: 250 2.1.0 Sender OK\n")
    return listed, player


def test_a_suppressed_address_is_refused_with_the_reason_and_what_to_do() -> None:
    listed, player = served(World())
    now(listed.suppress("gone.example", "They have moved"))
    player.play(
        """
        C: RCPT TO:<bob@gone.example>
        S: 550 5.1.1 No mail is sent from here to gone.example: They have moved. If it works again, tell the postmaster
        C: RCPT TO:<bob@there.example>
        S: 250 2.1.5 Recipient OK
        """
    )


def test_our_own_people_are_never_suppressed() -> None:
    listed, player = served(World())
    now(listed.suppress("example.org", "No"))
    player.play("C: RCPT TO:<bob@example.org>\nS: 250 2.1.5 Recipient OK\n")


def test_a_list_that_cannot_be_read_means_later() -> None:
    _listed, player = served(World())
    with mock.patch.object(MemorySuppressions, "find", side_effect=Temporary("disk")):
        player.play("C: RCPT TO:<bob@there.example>\nS: 451 4.3.0 Local error, try again later\n")


def test_a_queue_without_a_list_suppresses_nobody() -> None:
    _listed, player = served(World(), suppressions=None)
    player.play("C: RCPT TO:<bob@there.example>\nS: 250 2.1.5 Recipient OK\n")
