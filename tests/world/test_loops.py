"""Servers that send mail back and forth: it ends, and its sender is told."""

from __future__ import annotations

from mailframe import Route
from mailframe.delivery.relay import ToMX, ToSmarthost
from mailframe.testing.world import World
from tests.world.relays import ANN, US, relay, reports, submit

LOST = "lost@circle.example"


def test_two_servers_that_forward_to_each_other_do_not_do_so_for_ever() -> None:
    with World(1) as world:
        world.dns["us.example"] = {"MX": [(10, US)]}
        world.start(relay(more=[Route("circle.example", ToSmarthost("mx.them.example"))]))
        world.start(relay("them.example", more=[Route("circle.example", ToSmarthost("mx.us.example"))]))
        submit(world, LOST)
        world.network.cut("mx.them.example")
        world.advance(minutes=10)
        world.network.heal("mx.them.example")
        world.advance(days=6)
        [failed] = reports(world)
        assert "5.4.6" in failed.text
        assert bytes(failed).count(b"\r\nReceived: ") == 101
        assert f"to <{LOST}>, attempt" in world.log


def test_a_server_whose_mx_records_lead_to_itself_says_so() -> None:
    with World(1) as world:
        world.dns["us.example"] = {"MX": [(10, US)]}
        world.dns["circle.example"] = {"MX": [(10, US), (20, "mx.them.example")]}
        world.start(relay(more=[Route("circle.example", ToMX())]))
        submit(world, LOST)
        [failed] = reports(world)
        assert "leads back to this host" in " ".join(failed.text.split())


def test_a_report_that_goes_in_circles_is_not_reported() -> None:
    with World(1) as world:
        world.start(relay(more=[Route("circle.example", ToSmarthost("mx.them.example"))]))
        world.start(relay("them.example", more=[Route("circle.example", ToSmarthost("mx.us.example"))]))
        world.send("", [LOST], "Subject: report\n\nText\n", US)
        world.advance(days=6)
        assert world.mailbox(ANN) == []
        assert world.mailbox("ann@them.example") == []
