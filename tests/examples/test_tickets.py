"""Mail becomes tickets, waits while the program cannot take it, and comes back when it never will."""

from __future__ import annotations

from typing import Any

from mailframe import MX, Delivered, Delivery, Failed, Server
from mailframe.net import dns
from mailframe.site import Program
from mailframe.testing.world import World
from tests.examples.loaded import example


def test_mail_becomes_tickets() -> None:
    answers = [(75, b"The ticket server is down"), (0, b"ticket 4711"), (77, b"We know you, go away")]
    tickets: list[tuple[list[str], bytes]] = []
    bounced: list[bytes] = []

    def new_ticket(program: Program, mail: bytes) -> tuple[int, bytes]:
        assert program.environment["TICKET_SERVER"] == "http://127.0.0.1:8080"
        tickets.append((list(program.arguments[3:]), mail))
        return answers.pop(0)

    def home(delivery: Delivery) -> Delivered:
        bounced.append(bytes(delivery.message))
        return Delivered()

    with World() as world:
        world.programs.acts["/usr/local/bin/new-ticket"] = new_ticket
        world.dns["example.net"] = {"MX": [dns.MX(10, "mx.example.net")]}
        world.start(Server("mx.example.net", listen=[("tcp:25", MX(home))]))
        world.start(example("tickets").server)

        def write(to: str = "support@example.org") -> Any:
            return world.send("-ann@example.net", [to], "Subject: It burns", to="mx.example.org")[to]

        assert isinstance(write(), Delivered)
        world.advance(hours=1)
        assert [arguments for arguments, _mail in tickets] == [["--", "-ann@example.net"]] * 2
        assert tickets[0][1].startswith(b"Return-Path: <-ann@example.net>\nDelivered-To: support@example.org\n")
        assert isinstance(write("others@example.org"), Failed)
        write()
        world.advance(hours=1)
    assert answers == []
    [report] = bounced
    assert b"We know you, go away" in report
    assert b"Status: 5.7.1\r\n" in report
