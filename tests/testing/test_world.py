"""A world in one process: what its users rely on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import CannotListenError, ConnectionRefusedError
from twisted.internet.task import deferLater
from zope.interface import implementer

from mailframe import (
    LMTP,
    MX,
    Delivered,
    Delivery,
    Failed,
    MemoryAccounts,
    MemoryStore,
    Outcome,
    Retry,
    Route,
    Server,
    SQLite,
    Submission,
    ToMailbox,
    over_tls,
)
from mailframe.delivery.relay import ToLMTP, ToMX, ToSmarthost
from mailframe.interfaces import IKeepsFiles, IPart, QueuedState, Selection
from mailframe.queue.runner import Runner
from mailframe.site import Site
from mailframe.smtp.client.login import Credentials
from mailframe.testing.happenings import WorldFailed
from mailframe.testing.world import World

HELLO = "Subject: hello\n\nText\n"
SECRET = "secret"


def server(domain: str, *people: str, more: Sequence[Route] = (), **options: Any) -> Server:
    """A whole server as users write it: local people, the world by MX, submission."""
    accounts = MemoryAccounts.of({f"{each}@{domain}": SECRET for each in people})
    data = SQLite(f"/var/lib/{domain}", any_account=True)
    routes = [*more, Route(domain, ToMailbox(data, accounts)), Route("*", ToMX())]
    runner = Runner(data, routes, **options)
    return Server(
        f"mx.{domain}",
        certificates=f"/etc/{domain}/tls",
        run=[data, runner],
        listen=[
            ("tcp:25", MX(routes, queue=runner)),
            ("tcp:587", Submission(routes, users=accounts, queue=runner)),
            ("tcp:465", over_tls(Submission(routes, users=accounts, queue=runner))),
        ],
    )


def two_servers(seed: int = 1) -> World:
    world = World(seed)
    for domain, person in (("a.example", "ann"), ("b.example", "bob")):
        world.dns[domain] = {"MX": [(10, f"mx.{domain}")]}
        world.start(server(domain, person))
    return world


def send(world: World, to: str = "bob@b.example", **options: Any) -> Outcome:
    [outcome] = world.send(
        "ann@a.example", [to], HELLO, "mx.a.example", login=("ann@a.example", SECRET), **options
    ).values()
    return outcome


def test_mail_goes_from_one_server_to_the_other() -> None:
    with two_servers() as world:
        assert isinstance(send(world), Delivered)
        [mail] = world.mailbox("bob@b.example")
        assert (mail.subject, mail.text, mail.flags) == ("hello", "Text\n", frozenset())
        assert mail.received == int(world.now)
        assert "from client.example.com" in (mail.header("Received") or "") + str(bytes(mail))
        assert b"with ESMTPSA" in bytes(mail)
        assert world.mailbox("ann@a.example") == []


def test_a_server_with_workers_runs_without_them() -> None:
    with World(1) as world:
        data = SQLite("anywhere")
        world.start(Server("mx.a.example", run=[data], listen=[("tcp:25", MX(ToMailbox(data)))], workers=4))
        world.add_account("ann@a.example", SECRET)
        sent = world.send("bob@b.example", ["ann@a.example"], HELLO, "mx.a.example")
        assert [type(outcome) for outcome in sent.values()] == [Delivered]


def test_the_server_says_what_it_does_not_take() -> None:
    with two_servers() as world:
        outcomes = world.send("x@c.example", ["ann@a.example", "nobody@a.example"], HELLO, "mx.a.example")
        assert isinstance(outcomes["ann@a.example"], Delivered)
        assert outcomes["nobody@a.example"] == Failed(
            "5.1.1",
            "mx.a.example said: 550 5.1.1 No such user here",
            "mx.a.example",
            "550 5.1.1 No such user here",
        )


def test_one_seed_gives_one_history_and_another_one_another() -> None:
    def history(seed: int) -> str:
        with two_servers(seed) as world:
            world.network.breaks = 0.05
            for _ in range(5):
                send(world)
                world.advance(hours=1)
            return world.log

    assert history(1) == history(1)
    assert history(1) != history(2)
    assert "breaks" in history(1)


def test_messages_may_be_composed() -> None:
    message = EmailMessage()
    message["Subject"] = "Grüße"
    message.set_content("Schöne Grüße")
    with two_servers() as world:
        world.send("x@c.example", ["ann@a.example"], message, "mx.a.example")
        world.send("", ["ann@a.example"], "Subject: no body", "192.0.2.1", port=25, source="203.0.113.5")
        first, second = world.mailbox("ann@a.example")
        assert (first.subject, first.text) == ("Grüße", "Schöne Grüße\n")
        assert second.header("Return-Path") == "<>"
        assert b"[203.0.113.5]" in bytes(second)


def test_a_restarted_server_has_its_mail() -> None:
    with two_servers() as world:
        send(world)
        world.restart("mx.b.example")
        world.stop("mx.b.example")
        with pytest.raises(LookupError, match=r"no server that runs has an account bob@b\.example"):
            world.mailbox("bob@b.example")
        world.restart("mx.b.example")
        send(world)
        assert len(world.mailbox("bob@b.example", on="mx.b.example")) == 2


def test_what_a_crashed_server_had_queued_goes_when_it_comes_back() -> None:
    with two_servers() as world:
        world.network.cut("mx.b.example")
        assert isinstance(send(world), Delivered)
        world.crash("mx.a.example")
        world.network.heal("mx.b.example")
        world.advance(days=1)
        assert world.mailbox("bob@b.example") == []
        world.start(server("a.example", "ann"))
        world.settle()
        assert len(world.mailbox("bob@b.example")) == 1


def test_where_the_network_is_cut_mail_waits_until_it_is_well_again() -> None:
    with two_servers() as world:
        world.network.cut("mx.a.example", "mx.b.example")
        send(world)
        world.advance(hours=1)
        assert world.mailbox("bob@b.example") == []
        assert "to <bob@b.example>, attempt 1: retry 4.4.1 mx.b.example cannot be reached" in world.log
        world.network.heal("mx.b.example")
        world.advance(hours=1)
        assert len(world.mailbox("bob@b.example")) == 1


def test_a_cut_in_the_middle_loses_nothing_of_what_is_under_way() -> None:
    with two_servers() as world:
        world.network.latency = 1.0
        world.clock.call_on("", 20.0, world.network.cut, "mx.b.example")
        world.clock.call_on("", 30.0, world.network.heal, "mx.b.example")
        send(world)
        world.advance(minutes=1)
        assert len(world.mailbox("bob@b.example")) == 1
        assert "attempt 1: delivered" in world.log


def test_hosts_refuse_hang_and_reset() -> None:
    with two_servers() as world:
        world.network.refuse("mx.a.example")
        refused = send(world)
        assert isinstance(refused, Retry)
        assert "refused" in refused.text
        world.network.heal("mx.a.example")
        world.network.hang("192.0.2.1")
        before = world.now
        hanging = send(world)
        assert isinstance(hanging, Retry)
        assert hanging.text == "mx.a.example did not answer in time (greeting)"
        assert 300 < world.now - before < 310
        world.network.heal("mx.a.example")
        world.clock.call_on("", 0.2, world.network.reset, "mx.a.example")
        assert isinstance(send(world), Retry)
        assert isinstance(send(world), Delivered)
        with pytest.raises(LookupError, match=r"'mx\.c\.example' is no host of this network"):
            world.network.cut("mx.c.example")


def test_what_fails_inside_fails_the_test() -> None:
    def broken(delivery: Delivery) -> Outcome:
        raise ZeroDivisionError("this hook is broken")

    with World() as world:
        world.start(Server("mx.a.example", listen=[("tcp:25", MX(broken))]))
        with pytest.raises(WorldFailed, match="ZeroDivisionError: this hook is broken"):
            world.send("x@c.example", ["ann@a.example"], HELLO, "mx.a.example")
        with world.expecting(ZeroDivisionError) as failures:
            world.send("x@c.example", ["ann@a.example"], HELLO, "mx.a.example")
        assert len(failures) == 1
        with pytest.raises(WorldFailed, match="there was no ValueError"), world.expecting(ValueError):
            world.advance(1)


def test_the_data_of_a_configuration_stays_where_it_is() -> None:
    with World() as world:
        machine = world.start(server("a.example", "ann"))
        assert machine.server.directories == [f"{world.directory}/mx.a.example/data"]
        assert Path(world.directory).is_dir()
        own = SQLite(f"{world.directory}/own")
        world.start(Server("other.example", run=[own]))
        assert own.directory == f"{world.directory}/own"
    assert not Path("/var/lib/a.example").exists()
    assert not Path(world.directory).exists()
    world.close()


def test_a_test_that_fails_leaves_nothing_behind() -> None:
    with pytest.raises(KeyError), two_servers() as world:
        raise KeyError
    assert not Path(world.directory).exists()


def test_smarthosts_lmtp_and_paths_work_as_they_do_outside() -> None:
    accounts = MemoryAccounts.of({"ann@a.example": SECRET})
    store = MemoryStore(any_account=True)
    with World() as world:
        inner = [Route("a.example", ToMailbox(store, accounts))]
        outer_routes = [Route("a.example", ToLMTP("/run/lmtp")), Route("*", ToSmarthost("[192.0.2.2]"))]
        data = SQLite("/var/lib/a")
        runner = Runner(data, outer_routes)
        lmtp = ("unix:/run/lmtp", LMTP(inner))
        world.start(
            Server("mx.a.example", run=[data, runner], listen=[("tcp:25", MX(outer_routes, queue=runner)), lmtp])
        )
        world.send("x@c.example", ["ann@a.example"], HELLO, "mx.a.example")
        [mail] = world.mailbox("ann@a.example")
        assert b"with LMTP" in bytes(mail)


def test_the_world_has_ipv6_too() -> None:
    with World() as world:
        store = MemoryStore(any_account=True)
        route = [Route("a.example", ToMailbox(store, MemoryAccounts.of({"ann@a.example": SECRET})))]
        listen = [("tcp:25:interface=\\:\\:", MX(route))]
        world.start(Server("mx.a.example", listen=listen), ["192.0.2.1", "2001:db8::1"])
        for to, source in (("192.0.2.1", "198.51.100.1"), ("2001:db8::1", "2001:db8::2")):
            assert isinstance(
                world.send("x@c.example", ["ann@a.example"], HELLO, to, source)["ann@a.example"], Delivered
            )
        first, second = world.mailbox("ann@a.example")
        assert b"[IPv6:::ffff:198.51.100.1]" in bytes(first)
        assert b"[IPv6:2001:db8::2]" in bytes(second)
        [unreachable] = world.send("x@c.example", ["ann@a.example"], HELLO, "2001:db8::1").values()
        assert isinstance(unreachable, Retry)


def test_smarthosts_are_logged_in_to_over_tls() -> None:
    with two_servers() as world:
        target = ToSmarthost("mx.b.example:465", implicit_tls=True, credentials=Credentials("bob@b.example", SECRET))
        routes = [Route("*", target)]
        data = SQLite("/var/lib/c")
        runner = Runner(data, routes)
        world.start(
            Server(
                "c.example",
                run=[data, runner],
                listen=[("tcp:25", MX(routes, queue=runner, relay_from=["198.51.100.0/24"]))],
            )
        )
        world.send("bob@b.example", ["bob@b.example"], HELLO, "c.example")
        world.settle()
        [mail] = world.mailbox("bob@b.example")
        assert b"with ESMTPSA" in bytes(mail)


def test_servers_can_be_talked_to() -> None:
    with two_servers() as world:
        smtp = world.talk("mx.a.example")
        assert smtp.hear() == "220 mx.a.example ESMTP mailframe\n"
        assert "STARTTLS\n" in smtp.say("EHLO me")
        assert smtp.say("STARTTLS") == "220 2.0.0 Ready to start TLS\n"
        smtp.start_tls()
        assert "STARTTLS" not in smtp.say("EHLO me")
        assert smtp.say("NOOP", "QUIT").count("\n") == 2
        assert smtp.closed
        submission = world.talk("mx.a.example", 465, tls=True)
        assert isinstance(send(world), Delivered)  # from the same machine, meanwhile
        assert "AUTH" in submission.say("EHLO me")
        submission.close()
        assert submission.closed
        with pytest.raises(ConnectionRefusedError):
            world.talk("mx.a.example", 99)


def test_waiting_ends() -> None:
    with World() as world:
        began = world.now
        world.run(deferLater(world.clock, 3600.0))
        assert world.now == began + 3600
        with pytest.raises(TimeoutError):
            world.run(deferLater(world.clock, 100_000.0))
        with pytest.raises(LookupError, match="was never started here"):
            world.restart("mx.a.example")


def test_two_machines_cannot_have_one_name_or_address() -> None:
    with World() as world:
        world.start(Server("a.example"), "192.0.2.7")
        with pytest.raises(RuntimeError, match=r"a\.example runs already"):
            world.start(Server("a.example"))
        with pytest.raises(ValueError, match=r"192\.0\.2\.7 is the address of a\.example already"):
            world.start(Server("b.example"), "192.0.2.7")
        with pytest.raises(RuntimeError, match="runs already"):
            world.machines["a.example"].start()
        world.stop("a.example")
        with pytest.raises(RuntimeError, match="does not run"):
            world.stop("a.example")


def test_a_server_that_cannot_start_says_why() -> None:
    with World() as world, pytest.raises(CannotListenError, match="in use"):
        world.start(
            Server(
                "a.example",
                listen=[
                    ("tcp:25", MX([Route("a.example", _nothing)])),
                    ("tcp6:25", MX([Route("a.example", _nothing)])),
                ],
            )
        )


def _nothing(_delivery: Delivery) -> Outcome:
    return Delivered()


def test_queues_can_be_looked_into() -> None:
    with two_servers() as world:
        world.network.cut("mx.b.example")
        send(world)
        world.advance(minutes=1)
        [waiting] = world.queue("mx.a.example")
        assert waiting.state is QueuedState.WAITING
        assert waiting.attempts == 1
        assert waiting.outcome is not None
        assert waiting.outcome.status == "4.4.1"
        assert world.queue("mx.a.example", Selection(destination="c.example")) == []
        assert world.queue("mx.b.example") == []
        world.start(Server("mx.c.example"))
        with pytest.raises(LookupError, match=r"mx\.c\.example has no queue"):
            world.queue("mx.c.example")


def test_accounts_can_be_made_where_they_are_kept() -> None:
    data = SQLite("/var/lib/mail")
    routes = [Route("a.example", ToMailbox(data)), Route("b.example", _nothing)]
    with World() as world:
        world.start(Server("mx.a.example", run=[data], listen=[("tcp:25", MX(routes))]))
        world.add_account("ann@a.example", SECRET)
        world.send("x@c.example", ["ann@a.example"], HELLO, "mx.a.example")
        assert len(world.mailbox("ann@a.example")) == 1
        with pytest.raises(LookupError, match=r"no server that runs keeps accounts for b\.example"):
            world.add_account("ann@b.example", SECRET)


def test_the_history_does_not_depend_on_the_process() -> None:
    program = (
        "from tests.testing.test_world import *\n"
        "with two_servers() as world:\n"
        "    world.network.breaks = 0.02\n"
        "    for _ in range(3): send(world); world.advance(hours=1)\n"
        "    print(world.log)"
    )
    logs = set()
    for hashes in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=environment, check=True
        )
        logs.add(done.stdout)
    assert len(logs) == 1
    assert "attempt 1" in logs.pop()


@implementer(IPart, IKeepsFiles)
class Immovable:
    """Keeps files where it will."""

    directory = "/var/lib/immovable"

    async def start(self, site: Site) -> None:
        raise AssertionError("it is never started")

    async def stop(self) -> None:
        raise AssertionError("nor stopped")


def test_a_part_that_cannot_keep_its_files_elsewhere_is_not_started() -> None:
    with (
        World() as world,
        pytest.raises(ValueError, match="keeps its files in /var/lib/immovable: give it"),
    ):
        world.start(Server("mx.a.example", run=[Immovable()]))


def test_what_a_test_waits_for_may_fail() -> None:
    async def failing() -> None:
        raise KeyError("no")

    with World() as world, pytest.raises(KeyError, match="no"):
        world.run(failing())
