"""Programs in a world on virtual time are functions of their input."""

from __future__ import annotations

import pytest
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol

from mailframe import MX, Route, Runner, Server, SQLite, ToCommand
from mailframe.site import Program
from mailframe.testing.programs import FakeProcess, FakePrograms
from mailframe.testing.world import World


def test_a_server_runs_a_program_again_after_a_temporary_failure() -> None:
    data = SQLite("/nowhere/data")
    routes = [Route("example.org", ToCommand(["/usr/bin/take", "--", "{recipient}"]))]
    runner = Runner(data, routes)
    server = Server("mx.example.org", run=[data, runner], listen=[("tcp:25", MX(routes, queue=runner))])
    answers = [(75, b"busy"), (0, b"")]
    with World() as world:
        world.programs.acts["/usr/bin/take"] = lambda program, data: answers.pop(0)
        world.start(server)
        world.send("ann@example.net", ["bob@example.org"], "Subject: hello", to="mx.example.org")
        assert len(world.programs.started) == 1
        world.advance(hours=1)
        (_first, _data), (program, mail) = world.programs.started
        assert program.arguments[1:] == ["--", "bob@example.org"]
        assert mail.startswith(b"Return-Path: <ann@example.net>\nDelivered-To: bob@example.org\n")
    assert answers == []


def test_what_has_ended_cannot_be_killed() -> None:
    process = FakeProcess(FakePrograms(), ProcessProtocol(), Program(["/bin/true"], {}))
    process.end(RuntimeError())
    with pytest.raises(ProcessExitedAlready):
        process.signalProcess("KILL")
