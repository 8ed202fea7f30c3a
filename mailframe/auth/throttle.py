"""Counting failures by client and by user, so that guessing passwords becomes slow and then impossible."""

from __future__ import annotations

from collections import OrderedDict

from attrs import define, field, frozen


@frozen
class ThrottleLimits:
    """
    How much guessing is borne.

    @ivar failures_per_client: from one address, before it is refused unheard.
    @ivar failures_per_user: for one user name, from anywhere; more, since nobody must lock users out cheaply.
    @ivar forget_seconds: a failure is forgotten after so long.
    @ivar delay_seconds: how long the answer to a first failure takes; it doubles with each.
    @ivar most_delay_seconds: and grows no further than this.
    @ivar remembered: addresses and names that are remembered at the most; the longest unheard of go first.
    """

    failures_per_client: int = 20
    failures_per_user: int = 100
    forget_seconds: float = 600.0
    delay_seconds: float = 0.5
    most_delay_seconds: float = 8.0
    remembered: int = 10_000


@define
class Throttle:
    """Remembers failures; pure but for the time it is told."""

    limits: ThrottleLimits = ThrottleLimits()
    _failures: OrderedDict[str, tuple[int, float]] = field(factory=OrderedDict, init=False)

    def refuses(self, client: str, user: str, now: float) -> bool:
        """Whether an attempt is not even heard."""
        return (
            self._count(f"client {client}", now) >= self.limits.failures_per_client
            or self._count(f"user {user}", now) >= self.limits.failures_per_user
        )

    def failed(self, client: str, user: str, now: float) -> float:
        """Remember a failure, and return how many seconds its answer shall take."""
        count = self._add(f"client {client}", now)
        self._add(f"user {user}", now)
        return min(self.limits.delay_seconds * 2.0 ** min(count - 1, 30), self.limits.most_delay_seconds)

    def succeeded(self, client: str, user: str) -> None:
        """Forget what the user mistyped; a client is not forgiven, or one account of its own would let it guess on."""
        self._failures.pop(f"user {user}", None)

    def _count(self, key: str, now: float) -> int:
        count, last = self._failures.get(key, (0, now))
        return count if now - last < self.limits.forget_seconds else 0

    def _add(self, key: str, now: float) -> int:
        count = self._count(key, now) + 1
        self._failures[key] = (count, now)
        self._failures.move_to_end(key)
        while len(self._failures) > self.limits.remembered:
            self._failures.popitem(last=False)
        return count
