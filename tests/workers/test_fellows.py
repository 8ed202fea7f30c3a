"""What processes of a server tell each other: gathered, sent as lines, heard by whoever listens."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from zope.interface.verify import verifyObject

from mailframe.interfaces import IFellows
from mailframe.workers.channel import LINE_OCTETS, Channel
from mailframe.workers.fellows import Fellows


def fellows(clock: Clock, said: list[Any]) -> Fellows:
    return Fellows(True, clock, say=lambda topic, what: said.append((topic, what)))


def test_they_are_what_parts_expect() -> None:
    assert verifyObject(IFellows, Fellows(False, Clock()))


def test_what_is_told_in_one_turn_is_sent_once_at_its_end() -> None:
    clock, said = Clock(), list[Any]()
    one = fellows(clock, said)
    for number in (3, 1, 3):
        one.tell("mailboxes", number)
    one.tell("people")
    assert said == []
    clock.advance(0)
    assert said == [("mailboxes", [3, 1]), ("people", [])]
    one.tell("mailboxes", 3)
    clock.advance(0)
    assert said[2:] == [("mailboxes", [3])]


def test_who_has_no_others_tells_nobody() -> None:
    clock = Clock()
    alone = Fellows(False, clock)
    alone.tell("mailboxes", 1)
    clock.advance(0)
    assert clock.getDelayedCalls() == []


def test_those_who_listen_to_a_topic_hear_it_and_nothing_else() -> None:
    heard: list[Any] = []
    one = Fellows(False, Clock())
    one.listen("mailboxes", heard.append)
    one.listen("mailboxes", heard.append)
    one.hear("people", [])
    one.hear("mailboxes", [7])
    assert heard == [[7], [7]]


def test_lines_arrive_whatever_pieces_the_socket_cuts_them_into() -> None:
    heard: list[Any] = []
    one, other = Channel(lambda *said: None), Channel(lambda topic, what: heard.append((topic, what)))
    transport = StringTransport()
    one.makeConnection(transport)
    other.makeConnection(StringTransport())
    one.tell("mailboxes of /var/m\u00e4il", [1, 2])
    one.tell("queue", ["a.test\n"])
    for octet in transport.value():
        other.dataReceived(bytes([octet]))
    assert heard == [("mailboxes of /var/m\u00e4il", [1, 2]), ("queue", ["a.test\n"])]


def test_a_line_without_an_end_ends_the_connection() -> None:
    one = Channel(lambda *said: None)
    transport = StringTransport()
    one.makeConnection(transport)
    one.dataReceived(b"x" * LINE_OCTETS)
    assert not transport.disconnecting
    one.dataReceived(b"x")
    assert transport.disconnecting


def test_what_is_told_before_there_is_a_connection_is_told_to_nobody() -> None:
    Channel(lambda *said: None).tell("queue", [])


def test_one_process_at_a_time_holds_a_name() -> None:
    one = Fellows(False, Clock())
    ask = (
        "import sys; from mailframe.workers.locks import Locks; locks = Locks(int(sys.argv[1]));"
        "print(locks.hold('ann'), locks.hold('bob'), locks.hold('b\u00f6b'))"
    )

    def others() -> str:
        descriptor = one.locks.descriptor
        command = [sys.executable, "-c", ask, str(descriptor)]
        return subprocess.run(command, pass_fds=[descriptor], capture_output=True, text=True, check=True).stdout

    assert one.hold("ann")
    assert others() == "False True True\n"
    one.release("ann")
    assert others() == "True True True\n", "what a process held is free when it ends"
    os.close(one.locks.descriptor)


def test_the_end_of_a_connection_is_told() -> None:
    lost: list[str] = []
    one = Channel(lambda *said: None, lambda: lost.append("lost"))
    one.makeConnection(StringTransport())
    one.connectionLost()
    assert lost == ["lost"]
