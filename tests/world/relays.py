"""The worlds of these tests: a relay of ours, and somebody else's server that it sends to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mailframe import MX, MemoryAccounts, Route, Server, SQLite, Submission, ToMailbox
from mailframe.delivery.relay import ToMX
from mailframe.hooks import Delivered
from mailframe.queue.runner import Runner
from mailframe.queue.schedule import Schedule, Schedules
from mailframe.testing.mailboxes import Mail
from mailframe.testing.scripted import OFFERS, Act, Scripted
from mailframe.testing.world import World

US, THEM = "mx.us.example", "mx.them.example"
ANN, BOB = "ann@us.example", "bob@them.example"
HELLO = "Subject: hello\nMessage-ID: <1@us.example>\n\nText\n"
EXACT = Schedules(Schedule(jitter=0.0))
"""The usual schedule, without chance."""


def relay(name: str = "us.example", more: Sequence[Route] = (), **options: Any) -> Server:
    """A server whose user C{ann} may send to everybody."""
    people = MemoryAccounts.of({f"ann@{name}": "secret"})
    data = SQLite(f"/var/lib/{name}", any_account=True)
    routes = [*more, Route(name, ToMailbox(data, people)), Route("*", ToMX())]
    runner = Runner(data, routes, **options)
    listen = [("tcp:25", MX(routes, queue=runner)), ("tcp:587", Submission(routes, users=people, queue=runner))]
    return Server(f"mx.{name}", certificates=f"/etc/{name}", run=[data, runner], listen=listen)


def once(word: str, act: Act, offers: Sequence[str] = OFFERS) -> Scripted:
    """A server that does something at a word the first time, and is friendly then."""
    friendly = {"GREETING": "220 mx", "EHLO": "250 mx", "STARTTLS": "502 No", "DATA": "354 Go on"}
    script: dict[str, Any] = {word: [act, friendly.get(word, "250 OK")]}
    return Scripted(offers, **script)


def world_with(them: Scripted, certificates: str | None = None, seed: int = 1, **options: Any) -> World:
    """Return a world with our relay and their server."""
    world = World(seed)
    world.dns["them.example"] = {"MX": [(10, THEM)]}
    world.dns["us.example"] = {"MX": [(10, US)]}
    world.start(relay(schedules=EXACT, **options))
    world.start(Server(THEM, certificates=certificates, listen=[("tcp:25", them)]))
    return world


def submit(world: World, *to: str, **options: Any) -> None:
    """Let Ann send a message; our server takes it."""
    outcomes = world.send(ANN, to or (BOB,), HELLO, US, login=(ANN, "secret"), **options)
    assert all(isinstance(each, Delivered) for each in outcomes.values()), outcomes


def attempts(world: World, to: str = BOB) -> list[float]:
    """Return when attempts ended, in seconds since the world began."""
    return [each.time - world.start_time for each in world.events if f"to <{to}>, attempt " in each.text]


def outcomes(world: World, to: str = BOB) -> list[str]:
    """Return how attempts ended: outcome, status, text."""
    said = f"to <{to}>, attempt "
    return [each.text.partition(said)[2].partition(": ")[2] for each in world.events if said in each.text]


def reports(world: World) -> Sequence[Mail]:
    """Return what Ann was told."""
    return [each for each in world.mailbox(ANN) if each.header("Return-Path") == "<>"]
