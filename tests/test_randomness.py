"""Random octets: as many as were wanted, and never twice the same."""

from __future__ import annotations

import os

from mailframe.randomness import STOCK_OCTETS, Randomness


def test_as_many_octets_come_as_were_wanted() -> None:
    random = Randomness()
    for octets in (0, 1, 16, STOCK_OCTETS - 1, STOCK_OCTETS, STOCK_OCTETS + 1, 5):
        assert len(random(octets)) == octets


def test_none_come_twice() -> None:
    random = Randomness()
    rounds = 3 * STOCK_OCTETS // 8
    assert len({random(8) for _ in range(rounds)}) == rounds


def test_a_child_has_others_than_its_parent() -> None:
    random = Randomness()
    random(8)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, random(8))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100) != random(8)
    os.close(reading)
    os.close(writing)
