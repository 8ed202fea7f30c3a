"""The configuration that C{mailframe init} writes, at work: it receives, sends, and is no open relay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mailframe import MX, Address, Delivered, Delivery, Failed, Server
from mailframe.cli.initial import write_configuration
from mailframe.config_file import load
from mailframe.first_run import everything_local
from mailframe.interfaces import IAccounts
from mailframe.net import dns
from mailframe.testing.world import World


def test_a_user_writes_to_elsewhere_and_is_answered(tmp_path: Path) -> None:
    server = load(write_configuration(tmp_path, "example.org", "mx.example.org"))
    data: Any = server.run[0]
    assert IAccounts.providedBy(data)
    got: list[tuple[str, str]] = []

    def friend(delivery: Delivery) -> Delivered:
        got.append((str(delivery.sender), delivery.message.subject))
        return Delivered()

    with World() as world:
        world.dns["friend.example"] = {"MX": [dns.MX(10, "mx.friend.example")]}
        world.start(Server("mx.friend.example", certificates="tls", listen=[("tcp:25", MX(friend))]))
        world.start(server)
        ann, them = "ann@example.org", "me@friend.example"
        world.run(data.add_account(Address.parse(ann), "pw"))
        sent = world.send(ann, [them], "Subject: hello", to="mx.example.org", port=587, login=(ann, "pw"))
        assert isinstance(sent[them], Delivered)
        world.advance(minutes=1)
        assert got == [(ann, "hello")]
        answered = world.send(them, [ann], "Subject: Re: hello", to="mx.example.org")
        assert isinstance(answered[ann], Delivered)
        assert len(world.mailbox(ann)) == 1
        world.run(data.add_alias(Address.parse("info@example.org"), [Address.parse(each) for each in (ann, them)]))
        world.send("x@other.example", ["info@example.org"], "Subject: both", to="mx.example.org")
        world.advance(minutes=1)
        assert len(world.mailbox(ann)) == 2
        assert got.pop()[1] == "both"
        relayed = world.send("x@spam.example", [them], "Subject: buy", to="mx.example.org")
        assert isinstance(relayed[them], Failed)
        assert len(got) == 1


def test_the_smarthost_that_it_mentions_is_right(tmp_path: Path) -> None:
    file = write_configuration(tmp_path, "example.org", "mx.example.org")
    text = file.read_text()
    [mentioned] = [line for line in text.splitlines() if "smtp.provider.example" in line]
    text = text.replace('    Route("*", ToMX()),\n', mentioned.replace("#", "") + "\n")
    file.write_text(text.replace("ToMX,", "ToSmarthost, Credentials,"))
    runner: Any = load(file).run[1]
    assert runner.routes.routes[-1].target.server == "smtp.provider.example:587"


@pytest.mark.parametrize("number", range(3))
def test_without_a_configuration_nothing_leaves_the_machine(tmp_path: Path, number: int) -> None:
    server = everything_local(str(tmp_path), 2000)
    service: Any = server.services[number]
    assert not service.routes.lead_elsewhere
    assert service.queue is None
    assert server.nameservers == ()
