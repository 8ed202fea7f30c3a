"""What a trace tells of mail between servers: arrival, queue, attempts, and reports, in a world on virtual time."""

from __future__ import annotations

import re
from typing import Any

from mailframe import (
    MX,
    Delivered,
    MemoryAccounts,
    Postpone,
    Route,
    Server,
    SQLite,
    Submission,
    ToMailbox,
    Verdict,
)
from mailframe.administration import perform
from mailframe.cli.trace import _timelines
from mailframe.delivery.forward import ToForward
from mailframe.delivery.relay import ToMX
from mailframe.hooks import RecipientEvent
from mailframe.journal.timeline import text_line
from mailframe.queue.runner import Runner
from mailframe.testing.world import World

HELLO = "Subject: hello\nMessage-ID: <hello@a.example>\n\nText\n"


class Greylist:
    """Postpones each first time."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def __call__(self, event: RecipientEvent) -> Verdict | None:
        address = str(event.recipient.address)
        if address in self.seen:
            return None
        self.seen.add(address)
        return Postpone("4.7.1", "Come back later")


def server(domain: str, *people: str, **options: Any) -> Server:
    accounts = MemoryAccounts.of({f"{each}@{domain}": "secret" for each in people})
    data = SQLite(f"/var/lib/{domain}", any_account=True)
    routes = [Route(domain, ToMailbox(data, accounts)), Route("*", ToMX())]
    runner = Runner(data, routes)
    return Server(
        f"mx.{domain}",
        certificates=f"/etc/{domain}/tls",
        run=[data, runner],
        listen=[
            ("tcp:25", MX(routes, queue=runner, **options)),
            ("tcp:587", Submission(routes, users=accounts, queue=runner)),
        ],
    )


def world_of_two() -> World:
    world = World(1)
    for domain, person, options in (("a.example", "ann", {}), ("b.example", "bob", {"at_recipient": [Greylist()]})):
        world.dns[domain] = {"MX": [(10, f"mx.{domain}")]}
        world.start(server(domain, person, **options))
    return world


def trace(world: World, what: str, name: str = "mx.a.example") -> list[list[str]]:
    """The timelines that the command shows, with names for times and ids, which are random."""

    def ask(do: str, **arguments: Any) -> Any:
        return world.run(perform(world.machines[name].server.administered, {"do": do, **arguments}))

    names: dict[str, str] = {}

    def named(match: re.Match[str]) -> str:
        return names.setdefault(match[0], f"ID{len(names) + 1}")

    def masked(line: str) -> str:
        line = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", "TIME", line)
        return re.sub(r"\d+ octets", "N octets", re.sub(r"\b[0-9a-f]{21}\b", named, line))

    return [[masked(text_line(event)) for event in events] for events in _timelines(ask, what)]


TLS = "TLSv1.3 TLS_AES_256_GCM_SHA384"
TO = "<ann@a.example>, <bob@b.example>, <nobody@b.example>, <x@nowhere.example>"
ALL = f"""
TIME ID1 arrived at submission from 198.51.100.1 (client.example.com), {TLS}, login ann@a.example: \
from <ann@a.example> to {TO}, N octets, Message-ID <hello@a.example>
TIME ID1 delivered for <ann@a.example>: INBOX of ann@a.example
TIME ID1 queued for <bob@b.example>
TIME ID1 queued for <nobody@b.example>
TIME ID1 queued for <x@nowhere.example>
TIME ID1 attempt 1 for <x@nowhere.example>: failed: 5.1.2 The domain nowhere.example does not exist
TIME ID1 reported to <ann@a.example> in ID2: failed for <x@nowhere.example>
TIME ID1 talked to mx.b.example, {TLS} (wanted: may)
TIME ID1 attempt 1 for <bob@b.example>: postponed until TIME: 4.7.1 mx.b.example said: 451 4.7.1 Come back later
TIME ID1 attempt 1 for <nobody@b.example>: postponed until TIME: 4.7.1 mx.b.example said: 451 4.7.1 Come back later
TIME ID1 talked to mx.b.example, {TLS} (wanted: may)
TIME ID1 attempt 2 for <bob@b.example>: delivered: mx.b.example said: 250 2.0.0 OK, stored as ID3
TIME ID1 talked to mx.b.example, {TLS} (wanted: may)
TIME ID1 attempt 2 for <nobody@b.example>: failed: 5.1.1 mx.b.example said: 550 5.1.1 No such user here
TIME ID1 reported to <ann@a.example> in ID4: failed for <nobody@b.example>
"""
OF_BOB = f"""
TIME ID1 arrived at submission from 198.51.100.1 (client.example.com), {TLS}, login ann@a.example: \
from <ann@a.example> to {TO}, N octets, Message-ID <hello@a.example>
TIME ID1 queued for <bob@b.example>
TIME ID1 talked to mx.b.example, {TLS} (wanted: may)
TIME ID1 attempt 1 for <bob@b.example>: postponed until TIME: 4.7.1 mx.b.example said: 451 4.7.1 Come back later
TIME ID1 talked to mx.b.example, {TLS} (wanted: may)
TIME ID1 attempt 2 for <bob@b.example>: delivered: mx.b.example said: 250 2.0.0 OK, stored as ID2
TIME ID1 talked to mx.b.example, {TLS} (wanted: may)
"""
REPORT = """
TIME ID1 made here as report of ID2: from <> to <ann@a.example>, N octets, Message-ID <ID1@mx.a.example>
TIME ID1 attempt 1 for <ann@a.example>: delivered: INBOX of ann@a.example
"""
POSTPONED = """
TIME - recipient <bob@b.example> judged by tests.journal.test_world.Greylist: postpone 4.7.1 Come back later
TIME - refused recipient at mx from 192.0.2.1 (mx.a.example): from <ann@a.example> to <bob@b.example>: \
451 4.7.1 Come back later
"""


def sent() -> World:
    """A world in which a message was sent to four, and two hours have passed."""
    world = world_of_two()
    to = ["ann@a.example", "bob@b.example", "nobody@b.example", "x@nowhere.example"]
    outcomes = world.send("ann@a.example", to, HELLO, "mx.a.example", login=("ann@a.example", "secret"))
    assert all(isinstance(outcome, Delivered) for outcome in outcomes.values())
    world.advance(hours=2)
    return world


def lines(text: str) -> list[str]:
    return text.replace("\\\n", "").strip().splitlines()


def test_a_message_is_followed_from_its_arrival_to_the_reports_that_it_failed() -> None:
    with sent() as world:
        [events] = trace(world, "<hello@a.example>")
        assert events == lines(ALL)
        [again] = trace(world, "hello@a.example")
        assert again == events


def test_a_recipient_sees_what_became_of_his_own_copy() -> None:
    with sent() as world:
        assert trace(world, "BOB@b.example") == [lines(OF_BOB)]


def test_a_report_is_a_message_that_can_be_traced_too() -> None:
    with sent() as world:
        of_ann = trace(world, "ann@a.example")
        assert [re.split(":| from", events[0])[0] for events in of_ann] == [
            "TIME ID1 made here as report of ID2",
            "TIME ID2 arrived at submission",
            "TIME ID3 made here as report of ID2",
        ]
        assert of_ann[0] == lines(REPORT)


def test_the_other_server_tells_what_it_refused_and_what_it_took() -> None:
    with sent() as world:
        taken, postponed = trace(world, "bob@b.example", "mx.b.example")
        assert postponed == [line.replace("ID1", "-") for line in lines(POSTPONED)]
        assert [line.split(" ")[2] for line in taken] == ["arrived", "delivered"]
        refused, postponed = trace(world, "nobody@b.example", "mx.b.example")
        assert refused == [
            "TIME - refused recipient at mx from 192.0.2.1 (mx.a.example): from <ann@a.example> to <nobody@b.example>: "
            "550 5.1.1 No such user here"
        ]


def test_a_server_that_cannot_be_reached_is_told_of() -> None:
    with world_of_two() as world:
        world.network.refuse("mx.b.example")
        world.send("ann@a.example", ["bob@b.example"], HELLO, "mx.a.example", login=("ann@a.example", "secret"))
        world.settle()
        [[_arrived, _queued, tried, attempt]] = trace(world, "bob@b.example")
        assert tried.startswith("TIME ID1 tried mx.b.example: mx.b.example cannot be reached: ")
        assert attempt.startswith("TIME ID1 attempt 1 for <bob@b.example>: postponed until TIME: 4.4.1 mx.b.example ")


def test_what_an_administrator_does_to_the_queue_is_told() -> None:
    with world_of_two() as world:
        world.network.refuse("mx.b.example")
        to = ["bob@b.example", "x@b.example"]
        world.send("ann@a.example", to, HELLO, "mx.a.example", login=("ann@a.example", "secret"))
        world.settle()
        administered = world.machines["mx.a.example"].server.administered
        for do, more in (("queue hold", {}), ("queue route", {"route": "mx.c.example:2525"}), ("queue remove", {})):
            world.run(perform(administered, {"do": do, "destination": "b.example", **more}))
        [events] = trace(world, "x@b.example")
        assert events[-3:] == [
            "TIME ID1 hold by the administrator for <x@b.example>",
            "TIME ID1 route by the administrator for <x@b.example> to mx.c.example:2525",
            "TIME ID1 remove by the administrator for <x@b.example>",
        ]
        [of_both] = trace(world, "ann@a.example")
        assert of_both[-2:] == [f"TIME ID1 remove by the administrator for <{each}>" for each in to]


def test_what_is_forwarded_is_found_under_both_its_ids() -> None:
    with world_of_two() as world:
        data = SQLite("/var/lib/c")
        routes = [Route("c.example", ToForward("ann@a.example")), Route("*", ToMX())]
        runner = Runner(data, routes)
        world.dns["c.example"] = {"MX": [(10, "mx.c.example")]}
        world.start(Server("mx.c.example", run=[data, runner], listen=[("tcp:25", MX(routes, queue=runner))]))
        world.send("bob@b.example", ["carol@c.example"], HELLO, "mx.c.example")
        world.settle()
        original, forwarded = trace(world, "<hello@a.example>", "mx.c.example")
        assert forwarded[0] == (
            "TIME ID2 made here as forward of ID1: from <bob@b.example> to <ann@a.example>, N octets, "
            "Message-ID <hello@a.example>"
        )
        assert forwarded[-1].startswith("TIME ID2 attempt 1 for <ann@a.example>: delivered: mx.a.example said: 250")
        assert original[-1] == "TIME ID1 delivered for <carol@c.example>: forwarded as ID2 to ann@a.example"


def test_what_was_noted_survives_a_restart_and_a_crash_loses_no_more_than_the_last_second() -> None:
    with sent() as world:
        world.restart("mx.a.example")
        assert trace(world, "<hello@a.example>") == [lines(ALL)]
        world.crash("mx.a.example")
        world.start(server("a.example", "ann"))
        assert trace(world, "<hello@a.example>") == [lines(ALL)]


def test_what_never_came_is_unknown() -> None:
    with world_of_two() as world:
        for unknown in ("<never@a.example>", "x@y.example", "0193abc", "-", "a b"):
            assert trace(world, unknown) == []
