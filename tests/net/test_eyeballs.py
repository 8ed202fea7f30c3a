"""The first address that answers wins."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mailframe.net.eyeballs import STAGGER_SECONDS, connect_first, interleaved
from mailframe.site import TCP, UNIX, Site


class Net:
    """Attempts that end when the test says so."""

    def __init__(self, *addresses: str) -> None:
        self.clock = Clock()
        self.attempts: dict[str, Deferred[Any]] = {}
        self.given_up: list[str] = []
        self.results: list[Any] = []
        site = Site("us.example", self.clock, connect=self.connect)
        self.race = connect_first(site, [TCP(address, 25) for address in addresses], lambda: None, 30.0)  # type: ignore[arg-type, return-value]  # nobody builds anything
        self.race.addBoth(self.results.append)

    def connect(self, peer: TCP | UNIX, _factory: IProtocolFactory, seconds: float, /) -> Deferred[Any]:
        assert isinstance(peer, TCP)
        assert seconds == 30.0
        attempt: Deferred[Any] = Deferred(lambda _attempt: self.given_up.append(peer.address))
        self.attempts[peer.address] = attempt
        return attempt

    def refuse(self, address: str) -> None:
        self.attempts[address].errback(ConnectionRefusedError(string=address))


class Connected:
    """A protocol whose transport notes that it was cut."""

    def __init__(self) -> None:
        self.transport = self
        self.cut = False

    def abortConnection(self) -> None:
        self.cut = True


def test_the_first_one_is_enough_when_it_answers_at_once() -> None:
    net = Net("a", "b")
    net.attempts["a"].callback("yes")
    net.clock.advance(60)
    assert net.results == ["yes"]
    assert list(net.attempts) == ["a"]


def test_the_next_is_tried_beside_one_that_is_slow() -> None:
    net = Net("a", "b", "c")
    net.clock.advance(STAGGER_SECONDS)
    assert list(net.attempts) == ["a", "b"]
    net.attempts["b"].callback("yes")
    net.clock.advance(60)
    assert (net.results, net.given_up, list(net.attempts)) == (["yes"], ["a"], ["a", "b"])
    assert net.clock.getDelayedCalls() == []


def test_the_next_is_tried_at_once_after_one_that_refuses() -> None:
    net = Net("a", "b")
    net.refuse("a")
    assert list(net.attempts) == ["a", "b"]
    net.attempts["b"].callback("yes")
    assert net.results == ["yes"]


def test_a_slow_one_may_still_win() -> None:
    net = Net("a", "b")
    net.clock.advance(STAGGER_SECONDS)
    net.refuse("b")
    assert net.results == []
    net.attempts["a"].callback("yes")
    assert net.results == ["yes"]


def test_when_all_refuse_the_last_reason_is_told() -> None:
    net = Net("a", "b")
    net.clock.advance(STAGGER_SECONDS)
    net.refuse("b")
    net.refuse("a")
    [failure] = net.results
    assert isinstance(failure, Failure)
    assert str(failure.value) == "Connection was refused by other side: a."


def test_one_that_answers_although_it_was_given_up_is_cut() -> None:
    net = Net("a", "b")
    attempt = net.attempts["a"]
    net.clock.advance(STAGGER_SECONDS)
    late = Connected()
    attempt._canceller = lambda _attempt: attempt.callback(late)
    net.attempts["b"].callback("yes")
    assert net.results == ["yes"]
    assert late.cut


def test_nobody_may_want_it_any_more() -> None:
    net = Net("a", "b")
    net.race.cancel()
    assert net.given_up == ["a"]
    assert net.results[0].check(CancelledError)
    assert net.clock.getDelayedCalls() == []


def test_families_come_in_turn() -> None:
    assert interleaved(["6a", "6b"], ["4a"]) == ["6a", "4a", "6b"]
    assert interleaved([], ["4a", "4b"]) == ["4a", "4b"]
