"""Doing something with a server's parts at once, without a reactor: for commands, and before twistd has one."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mailframe.site import Site

T = TypeVar("T")


def inline_site(hostname: str = "localhost") -> Site:
    """Return a world without reactor and threads, whose clock stands still at this moment."""
    clock = Clock()
    clock.advance(time.time())
    return Site(hostname, clock)


def now(awaitable: Awaitable[T]) -> T:
    """
    Return the result of what waits for nothing, as everything does in such a world.

    @raise RuntimeError: it does wait.
    """
    results: list[Any] = []
    failures: list[Any] = []
    Deferred.fromCoroutine(_awaited(awaitable)).addCallbacks(results.append, failures.append)
    if failures:
        failures[0].raiseException()
    if not results:
        raise RuntimeError("this cannot be done without a running server")
    result: T = results[0]
    return result


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable
