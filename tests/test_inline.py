"""Things done at once, without a reactor."""

from __future__ import annotations

import time

import pytest
from twisted.internet.defer import Deferred, succeed

from mailframe.inline import inline_site, now


def test_coroutines_and_deferreds_give_their_results() -> None:
    async def answer() -> int:
        return await succeed(42)

    assert now(answer()) == 42
    assert now(succeed("x")) == "x"


def test_errors_are_raised() -> None:
    async def fail() -> None:
        raise ValueError("oh")

    with pytest.raises(ValueError, match="oh"):
        now(fail())


def test_what_has_to_wait_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="without a running server"):
        now(Deferred())


def test_blocking_calls_run_here_and_the_time_is_now() -> None:
    site = inline_site("h")
    assert now(site.in_thread(lambda: 1)) == 1
    assert abs(site.clock.seconds() - time.time()) < 60
