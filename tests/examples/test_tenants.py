"""Tenants' mail really leaves by their own smarthosts, on virtual time and a network in memory."""

from __future__ import annotations

from typing import Any

import pytest

from mailframe import MX, Address, Delivered, Delivery, MemoryAccounts, Server, Submission
from mailframe.net import dns
from mailframe.testing.world import World
from tests.examples.loaded import FOLDER, example

PEOPLE = ("ann@red.example", "bob@blue.example", "eve@other.example")


def test_it_is_twenty_lines_of_code() -> None:
    lines = (FOLDER / "tenants.py").read_text("utf-8").splitlines()
    assert len([line for line in lines if line.strip()]) <= 20


def test_each_tenants_mail_leaves_by_its_own_smarthost(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[tuple[str, str, str | None]] = []

    def takes(name: str) -> Any:
        def take(delivery: Delivery) -> Delivered:
            taken.append((name, str(delivery.sender), delivery.account))
            return Delivered()

        return take

    monkeypatch.setenv("RED_PASSWORD", "secret of red")
    red_users = MemoryAccounts.of({"mx@red.example": "secret of red"})
    red = Submission(takes("red"), users=red_users, default_domain="red.example", any_sender=True)
    module = example("tenants")
    with World() as world:
        world.dns["friend.example"] = {"MX": [dns.MX(10, "mx.friend.example")]}
        world.start(Server("smtp.red.example", certificates="tls", listen=[("tcp:587", red)]))
        blue = MX(takes("blue"))
        world.start(Server("relay.blue.example", certificates="tls", listen=[("tcp:2525", blue)]))
        world.start(Server("mx.friend.example", certificates="tls", listen=[("tcp:25", MX(takes("friend")))]))
        world.start(module.server)
        for person in PEOPLE:
            world.run(module.data.add_account(Address.parse(person), "pw"))
            outcomes = world.send(
                person, ["me@friend.example"], "Subject: hi", to="mx.example.org", port=587, login=(person, "pw")
            )
            assert isinstance(outcomes["me@friend.example"], Delivered)
        world.advance(minutes=1)
    assert sorted(taken) == [
        ("blue", "bob@blue.example", None),
        ("friend", "eve@other.example", None),
        ("red", "ann@red.example", "mx@red.example"),
    ]
