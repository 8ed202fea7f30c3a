"""Clients are shared out: whoever has more than another worker waits a moment before accepting one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock

from mailframe.workers.shares import YIELD_SECONDS, Shares, accept_in_turn


@pytest.fixture
def shares() -> Iterator[Shares]:
    """Those of no workers yet."""
    with tempfile.TemporaryFile() as file:
        found = Shares(file.fileno())
        found.clear()
        yield found


class Port:
    """A port with a client waiting."""

    connected = True
    numberAccepts = 100  # noqa: N815  Twisted names it

    def __init__(self) -> None:
        self.accepted = 0
        self.reads = True

    def doRead(self) -> None:
        self.accepted += self.numberAccepts
        self.numberAccepts += 20

    def stopReading(self) -> None:
        self.reads = False

    def startReading(self) -> None:
        self.reads = True


def test_who_is_alone_or_has_as_few_as_others_is_not_ahead(shares: Shares) -> None:
    assert not shares.have(0, 5)
    assert not shares.have(1, 5)
    assert shares.have(1, 6)
    shares.leave(0)
    assert not shares.have(1, 6)


def test_other_processes_see_it(shares: Shares) -> None:
    shares.have(3, 1)
    assert Shares(os.dup(shares.descriptor)).have(2, 2)


def test_a_port_accepts_one_at_a_time(shares: Shares) -> None:
    port = Port()
    accept_in_turn(port, Clock(), shares, 0, lambda: port.accepted)
    for accepted in (1, 2, 3):
        port.doRead()
        assert port.accepted == accepted
    assert shares.have(1, 4), "what it has is known"


def test_who_is_ahead_waits_once_and_accepts_then(shares: Shares) -> None:
    clock, port = Clock(), Port()
    shares.have(1, 0)
    accept_in_turn(port, clock, shares, 0, lambda: 1)
    for accepted in (1, 2):
        port.doRead()
        assert not port.reads
        clock.advance(YIELD_SECONDS)
        assert port.reads
        port.doRead()
        assert port.accepted == accepted


def test_a_port_that_was_closed_meanwhile_stays_closed(shares: Shares) -> None:
    clock, port = Clock(), Port()
    shares.have(1, 0)
    accept_in_turn(port, clock, shares, 0, lambda: 1)
    port.doRead()
    port.connected = False
    clock.advance(YIELD_SECONDS)
    assert not port.reads
