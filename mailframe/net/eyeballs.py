"""Connecting to the first of several addresses that answers (RFC 8305, Happy Eyeballs)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, zip_longest
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IProtocolFactory
from twisted.python.failure import Failure

from mailframe.site import TCP, UNIX, Site

STAGGER_SECONDS = 0.25
"""How long an attempt has before the next address is tried beside it (RFC 8305 section 5)."""


def interleaved(v6: Sequence[str], v4: Sequence[str]) -> list[str]:
    """Return addresses with the families in turn, IPv6 first (RFC 8305 section 4)."""
    return [address for address in chain.from_iterable(zip_longest(v6, v4)) if address is not None]


def connect_first(
    site: Site, peers: Sequence[TCP | UNIX], factory: Callable[[], IProtocolFactory], seconds: float
) -> Deferred[Any]:
    """
    Connect to the peers, one beginning a little after the other, until one answers; the others are given up.

    @param factory: makes the factory for one attempt.
    @param seconds: how long each attempt may take.
    @return: fires with the protocol; fails like the last attempt.
    """
    race = _Race(site, list(peers), factory, seconds)
    race.next()
    return race.result


@define(eq=False)
class _Race:
    site: Site
    left: list[TCP | UNIX]
    factory: Callable[[], IProtocolFactory]
    seconds: float
    result: Deferred[Any] = field(init=False)
    _under_way: list[Deferred[Any]] = field(factory=list, init=False)
    _timer: IDelayedCall | None = field(default=None, init=False)
    _over: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.result = Deferred(lambda _result: self._end())

    def next(self) -> None:
        """Try one more."""
        self._stop_timer()
        if self._over or not self.left:
            return
        attempt = self.site.connect(self.left.pop(0), self.factory(), self.seconds)
        self._under_way.append(attempt)
        if self.left:
            self._timer = self.site.clock.callLater(STAGGER_SECONDS, self._late)
        attempt.addCallbacks(self._connected, self._failed, callbackArgs=(attempt,), errbackArgs=(attempt,))

    def _late(self) -> None:
        self._timer = None
        self.next()

    def _connected(self, protocol: Any, attempt: Deferred[Any]) -> None:
        self._under_way.remove(attempt)
        if self._over:
            protocol.transport.abortConnection()  # it came while it was being given up
            return
        self._end()
        self.result.callback(protocol)

    def _failed(self, failure: Failure, attempt: Deferred[Any]) -> None:
        self._under_way.remove(attempt)
        if self._over:
            return
        if self.left:
            self.next()
        elif not self._under_way:
            self._end()
            self.result.errback(failure)

    def _end(self) -> None:
        self._over = True
        self._stop_timer()
        for attempt in list(self._under_way):
            attempt.cancel()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
