"""Days of TLS reports: who asks for them is told how it went, once, and of nothing else."""

from __future__ import annotations

import base64
import gzip
import json
from email import message_from_bytes, policy
from typing import Any

from mailframe import TLSReports
from mailframe.testing.mailboxes import Mail
from mailframe.testing.world import World
from tests.world.relays import ANN, HELLO, US, relay

THEIRS = "ann@them.example"
REPORTS = TLSReports(organization="Us Ltd.", contact="postmaster@us.example")


def world_of_two() -> World:
    world = World(1)
    for name in ("us", "them"):
        world.dns[f"{name}.example"] = {"MX": [(10, f"mx.{name}.example")]}
    world.dns["_smtp._tls.them.example"] = {"TXT": [b"v=TLSRPTv1; rua=mailto:ann@them.example"]}
    world.start(relay("us.example", tls_reports=REPORTS))
    world.start(relay("them.example"))
    return world


def reported(mail: Mail) -> dict[str, Any]:
    parsed: Any = message_from_bytes(bytes(mail), policy=policy.SMTP)
    _words, report = parsed.iter_parts()
    found: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(report.get_payload())))
    return found


def test_who_asks_for_it_is_told_the_next_day_and_never_of_the_report_itself() -> None:
    with world_of_two() as world:
        for _ in range(3):
            world.send(ANN, (THEIRS,), HELLO, US, login=(ANN, "secret"))
            world.advance(hours=0.1)
        assert len(world.mailbox(THEIRS)) == 3
        world.advance(days=6)
        *_mail, report = world.mailbox(THEIRS)
        assert len(world.mailbox(THEIRS)) == 4
        assert report.header("Return-Path") == "<postmaster@us.example>"
        assert report.header("TLS-Report-Domain") == "them.example"
        found = reported(report)
        assert found["organization-name"] == "Us Ltd."
        [policy_used] = found["policies"]
        assert policy_used["policy"] == {"policy-type": "no-policy-found", "policy-domain": "them.example"}
        counted = policy_used["summary"]
        assert counted["total-failure-session-count"] == 0
        assert 1 <= counted["total-successful-session-count"] <= 3


def test_what_was_counted_before_a_crash_is_told_when_the_server_is_there_again() -> None:
    with world_of_two() as world:
        world.send(ANN, (THEIRS,), HELLO, US, login=(ANN, "secret"))
        world.advance(hours=1)
        world.crash(US)
        world.advance(days=1.5)
        assert len(world.mailbox(THEIRS)) == 1
        world.start(relay("us.example", tls_reports=REPORTS))
        world.advance(hours=1.5)
        _mail, report = world.mailbox(THEIRS)
        assert reported(report)["policies"][0]["summary"]["total-successful-session-count"] == 1
