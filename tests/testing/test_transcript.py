"""The tool that plays transcripts: each kind of step, and that a wrong server fails."""

from __future__ import annotations

import pytest
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mailframe.net.tls import tls_info
from mailframe.testing.transcript import Transcript, Wire

CLOCK = Clock()


class Parrot(Protocol):
    """Says what it hears; C{QUIT} closes, C{LATER} speaks in two seconds, C{ABORT} cuts, C{ALL} tells everybody."""

    flock: list[Parrot] = []
    transport: ITCPTransport

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lost = 0

    def connectionMade(self) -> None:
        self.flock.append(self)
        self.transport.write(b"hello\r\n")

    def dataReceived(self, data: bytes) -> None:
        if data == b"QUIT\r\n":
            self.transport.loseConnection()
        elif data == b"ABORT\r\n":
            self.transport.abortConnection()
        elif data == b"LATER\r\n":
            self.clock.callLater(2, self.transport.write, b"now\r\n")
        elif data == b"SOON\r\n":
            self.clock.callLater(0, self.transport.write, b"soon\r\n")
        elif data == b"ALL\r\n":
            for parrot in self.flock:
                parrot.transport.write(b"all\r\n")
        else:
            self.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost += 1


@pytest.fixture
def transcript() -> Transcript:
    Parrot.flock = []
    clock = Clock()
    return Transcript(lambda: Parrot(clock), clock)


def parrots() -> list[Parrot]:
    return Parrot.flock


def test_lines_and_answers(transcript: Transcript) -> None:
    transcript.play("""
        # the indentation of the test is no matter
        S: hello
        C: one

        S: one
        C: größer
        S: größer
        C:
        S:
    """)


def test_pieces_of_lines_are_sent_without_an_end(transcript: Transcript) -> None:
    transcript.play("""
        S: hello
        C> hal
        C: f
        S: half
    """)


def test_dots_match_anything_within_a_line_and_nothing_else_is_a_pattern(transcript: Transcript) -> None:
    transcript.play("""
        S: h...o
        C: a.c (d) [e]* 12 f
        S: a.c (d) [e]* ... f
        C: x
        S: ...
    """)
    with pytest.raises(AssertionError, match=r"said 'abc', not 'a\.c'"):
        transcript.play("""
            C: abc
            S: a.c
        """)


def test_time_passes(transcript: Transcript) -> None:
    transcript.play("""
        S: hello
        C: LATER
        --: 1.5 seconds
        C: early
        S: early
        --: 1 second
        S: now
        C: SOON
        S: soon
        --: 2 hours
        --: 1 day
        --: 5 minutes
    """)
    assert transcript.clock.seconds() == pytest.approx(2.5 + 7200 + 86400 + 300)


def test_several_clients_talk_at_once_and_stay(transcript: Transcript) -> None:
    transcript.play("""
        S1: hello
        S2: hello
        C2: ALL
        S1: all
        S2: all
    """)
    transcript.play("""
        C1: still here
        S1: still here
    """)
    assert sorted(transcript.clients) == ["1", "2"]


def test_the_server_closes(transcript: Transcript) -> None:
    transcript.play("""
        S: hello
        C: QUIT
        S closes
    """)
    assert parrots()[0].lost == 1


def test_the_server_cuts(transcript: Transcript) -> None:
    transcript.play("""
        S: hello
        C: ABORT
        S closes
    """)
    assert transcript.clients[""].wire.aborted


def test_the_client_closes(transcript: Transcript) -> None:
    transcript.play("""
        S: hello
        C closes
    """)
    assert parrots()[0].lost == 1


FAULTS = [
    ("a wrong answer", "S: goodbye", "said 'hello', not 'goodbye'"),
    ("a longer answer", "S: hell", "said 'hello'"),
    ("a missing answer", "S: hello\nS: more", "did not say 'more'"),
    ("an answer without its end", "S: hello\nC> half\nS: half", "did not say 'half'"),
    ("an answer nobody demands", "C: x\nS: hello", "nobody demanded.*client 1.*x"),
    ("an answer to another client", "S1: hello\nC2: x\nS2: hello\nS2: x\nC2: ALL\nS2: all", "client 1.*all"),
    ("a connection that stays", "S: hello\nS closes", "did not close"),
    ("a client that speaks after the end", "S: hello\nC: QUIT\nS closes\nC: x", "has closed before 'C: x'"),
]


@pytest.mark.parametrize(("_fault", "text", "message"), FAULTS)
def test_a_server_that_does_something_else_fails(transcript: Transcript, _fault: str, text: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        transcript.play(text)


@pytest.mark.parametrize("line", ["X: what", "C what", "S1 opens", "--: 5 fortnights", "hello"])
def test_a_line_that_is_none_is_an_error_of_the_test(transcript: Transcript, line: str) -> None:
    with pytest.raises(ValueError, match="a transcript has no line like"):
        transcript.play(line)


@pytest.mark.parametrize("line", ["S> hello", "S>", "S2> hello"])
def test_half_a_line_of_the_server_cannot_be_demanded(transcript: Transcript, line: str) -> None:
    with pytest.raises(ValueError, match=f"'{line}': only clients can send half a line; demand a whole one with S:"):
        transcript.play(line)
    assert transcript.clients == {}


def test_octets_that_are_no_text_can_be_demanded(transcript: Transcript) -> None:
    transcript.play("S: hello")
    transcript.clients[""].protocol.dataReceived(b"\xff\r\n")
    transcript.play("S: ...")


def test_a_wire_knows_its_peer_and_its_protection() -> None:
    wire = Wire("203.0.113.9")
    assert wire.getPeer().host == "203.0.113.9"
    assert tls_info(wire) is None
    assert tls_info(Wire(tls=True)) is not None
