"""Servers that follow a script, as a client sees them."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from mailframe import Delivered, Retry, Server, over_tls
from mailframe.config import Listener
from mailframe.mailauth.tls_policy import Level
from mailframe.site import Site
from mailframe.testing.scripted import Act, Heard, Scripted, greylists
from mailframe.testing.transcript import Transcript
from mailframe.testing.world import World

THEM = "mx.them.example"
BOB, CAT = "bob@them.example", "cat@them.example"


def world_with(script: Scripted, tls: bool = False) -> World:
    world = World()
    world.network.latency = 0.0
    certificates = world.certificate(THEM) if tls else None
    listen: list[Listener] = [("tcp:25", script)]
    if tls:
        listen.append(("tcp:465", over_tls(script)))
    world.start(Server(THEM, certificates=certificates, listen=listen))
    return world


def send(world: World, *to: str, **options: object) -> list[object]:
    return list(world.send("ann@us.example", to or (BOB,), ".dot\n\n..dots\n", THEM, **options).values())  # type: ignore[arg-type]  # whatever it takes


def test_a_friendly_server_takes_everything() -> None:
    them = Scripted()
    with world_with(them) as world:
        assert isinstance(send(world, BOB, CAT)[0], Delivered)
        [taken] = them.taken
        assert taken.sender == "<ann@us.example> SIZE=16"
        assert taken.recipients == (f"<{BOB}>", f"<{CAT}>")
        assert bytes(taken.message) == b".dot\r\n\r\n..dots\r\n"
        assert (taken.time, taken.tls) == (world.start_time, False)
        verbs = [each.line.split(" ")[0] for each in them.heard]
        assert verbs == ["EHLO", "MAIL", "RCPT", "RCPT", "DATA", ".", "QUIT"]
        assert {(each.connection, each.peer) for each in them.heard} == {(1, "198.51.100.1")}
        assert them.connections == 1


def test_answers_come_one_after_the_other_and_the_last_one_for_ever() -> None:
    them = Scripted(RCPT=["450 4.2.1 Busy", "550 5.1.1 No", "250 OK"], END=["250 2.0.0 OK"])
    with world_with(them) as world:
        outcomes = send(world, BOB, CAT, "dan@them.example", "eve@them.example")
        statuses = [getattr(each, "status", "") for each in outcomes]
        assert statuses == ["4.2.1", "5.1.1", "", ""]


def test_what_is_refused_is_not_taken() -> None:
    them = Scripted(END=["554 5.7.1 No"])
    with world_with(them) as world:
        assert getattr(send(world)[0], "status", "") == "5.7.1"
        assert them.taken == []


def test_an_answer_may_be_a_function_of_what_was_heard() -> None:
    def answer(heard: Heard) -> str:
        return "250 OK" if heard.sender == "<ann@us.example> SIZE=16" and heard.line == f"RCPT TO:<{BOB}>" else "550 No"

    with world_with(Scripted(RCPT=[answer])) as world:
        first, second = send(world, BOB, CAT)
        assert isinstance(first, Delivered)
        assert not isinstance(second, Delivered)


def test_tls_begins_as_a_client_wants_it() -> None:
    them = Scripted()
    with world_with(them, tls=True) as world:
        send(world)
        send(world, tls=Level.NONE)
        send(world, implicit_tls=True)
        assert [each.tls for each in them.taken] == [True, False, True]


@pytest.mark.parametrize("act", list(Act))
def test_servers_fail_in_all_ways(act: Act) -> None:
    them = Scripted(MAIL=[act])
    with world_with(them) as world:
        assert isinstance(send(world)[0], Retry)
        assert them.taken == []


def test_its_words_in_a_row() -> None:
    them = Scripted(("SIZE",), END=["250 2.0.0 One", ("250 2.0.0 Two", Act.HANG)])
    factory = them.factory(Site("mx", Clock()))
    Transcript(lambda: factory.buildProtocol(None)).play("""
        S: 220 mx ESMTP
        C: EHLO client
        S: 250-mx
        S: 250 SIZE
        C: DATA
        S: 503 5.5.1 No recipients
        C: MAIL FROM:<a@a.example>
        S: 250 2.0.0 OK
        C: RCPT TO:<b@b.example>
        S: 250 2.0.0 OK
        C: RSET
        S: 250 2.0.0 OK
        C: MAIL FROM:<c@c.example>
        S: 250 2.0.0 OK
        C: RCPT TO:<d@d.example>
        S: 250 2.0.0 OK
        C: DATA
        S: 354 Go on
        C: one
        C> ..t
        C: wo
        C: .
        S: 250 2.0.0 One
        C: RCPT TO:<e@e.example>
        S: 250 2.0.0 OK
        C: DATA
        S: 354 Go on
        C: .
        S: 250 2.0.0 Two
        C: NOOP
    """)
    first, second = them.taken
    assert (first.sender, first.recipients) == ("<c@c.example>", ("<d@d.example>",))
    assert bytes(first.message) == b"one\r\n.two\r\n"
    assert (second.sender, bytes(second.message)) == ("", b"")


def test_what_comes_behind_a_fatal_word_is_not_heard() -> None:
    them = Scripted(DATA=[("354 Go on", Act.HANG)], TLS=[Act.HANG])
    factory = them.factory(Site("mx", Clock()))
    transcript = Transcript(lambda: factory.buildProtocol(None))
    transcript.play("""
        S1: 220 mx ESMTP
        C1: RCPT TO:<b@b.example>
        S1: 250 2.0.0 OK
        C1: DATA
        S1: 354 Go on
        C1: text
        C1: .
        S2: 220 mx ESMTP
        C2: STARTTLS
        S2: 220 2.0.0 Go on
        C2: EHLO client
    """)
    assert them.taken == []
    assert [each.line for each in them.heard] == ["RCPT TO:<b@b.example>", "DATA", "STARTTLS"]


def test_a_server_without_certificates_may_say_yes_to_starttls_and_not_begin() -> None:
    them = Scripted(STARTTLS=["220 Go on"])
    with world_with(them) as world:
        assert isinstance(send(world)[0], Delivered)
        assert [each.tls for each in them.taken] == [False]


def test_greylisting_is_over_after_a_while() -> None:
    them = Scripted(RCPT=[greylists(60)])
    with world_with(them) as world:
        assert isinstance(send(world)[0], Retry)
        world.advance(59)
        assert isinstance(send(world)[0], Retry)
        world.advance(1)
        assert isinstance(send(world)[0], Delivered)
        assert isinstance(send(world, CAT)[0], Retry)


def test_a_server_can_be_stopped_while_it_hangs() -> None:
    them = Scripted(GREETING=[Act.HANG])
    with world_with(them) as world:
        world.clock.call_on("", 5.0, world.machines[THEM].stop)
        before = world.now
        assert isinstance(send(world)[0], Retry)
        assert world.now - before == 5.0


@pytest.mark.parametrize("script", [{"HELLO": ["250 OK"]}, {"MAIL": "250 OK"}, {"MAIL": []}])
def test_a_script_that_makes_no_sense_is_refused(script: dict[str, list[str]]) -> None:
    with pytest.raises(ValueError, match="a script has lists of answers, for AUTH, DATA, EHLO, END, GREETING"):
        Scripted((), **script)


def test_certificates_can_be_had_for_tests_of_ones_own() -> None:
    with World() as world:
        issued = world.authority.issue("mx.example.org", "*.example.org")
        assert issued.tlsa[:3] == b"\x03\x01\x01"
        assert len(issued.tlsa) == 35
        assert len(world.authority.roots.certificates) == 1
        assert world.authority.self_signed("x.example").tlsa != issued.tlsa
