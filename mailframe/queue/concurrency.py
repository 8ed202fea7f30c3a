"""How much may go to one destination at once: more while it works, less when it does not; pure.

The window grows by one for each window of successes and shrinks for failures, as Postfix's scheduler does. Only what
says something about the destination counts: a server that cannot be reached, not a user who is unknown there. A
destination whose window is used up is dead for a while, and one attempt then tells whether it lives.
"""

from __future__ import annotations

from attrs import define, field, frozen
from attrs.validators import ge, gt

FORGET_SECONDS = 600.0
"""How long what was learnt of a destination is kept when nothing goes there."""


@frozen(kw_only=True)
class Limits:
    """
    @ivar first: deliveries at once to a destination of which nothing is known.
    @ivar most: deliveries at once to one destination.
    @ivar rest: seconds for which a dead destination is left alone; twice as long each time it is still dead.
    @ivar longest_rest: seconds that this grows to.
    @ivar rate: deliveries to one destination in each second on average; 0 is no limit.
    """

    first: int = field(default=5, validator=gt(0))
    most: int = field(default=20, validator=gt(0))
    rest: float = field(default=60.0, validator=gt(0))
    longest_rest: float = field(default=1800.0, validator=gt(0))
    rate: float = field(default=0.0, validator=ge(0))


@define
class Window:
    """
    What is known of one destination.

    @ivar active: deliveries under way.
    @ivar dead_until: seconds since the epoch; it is left alone before.
    @ivar seen: when something last happened.
    """

    limits: Limits
    active: int = 0
    dead_until: float = 0.0
    seen: float = 0.0
    _size: float = field(init=False)
    _rest: float = field(init=False)
    _next: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self._size = float(min(self.limits.first, self.limits.most))
        self._rest = self.limits.rest

    @property
    def size(self) -> int:
        """Deliveries that may go on at once."""
        return int(self._size)

    def has_room(self, now: float) -> bool:
        """Say whether one more may start."""
        return self.active < int(self._size) and now >= self.dead_until and now >= self._next

    @property
    def is_full(self) -> bool:
        """Whether one has to end before another one may start."""
        return self.active >= self.size

    @property
    def free_at(self) -> float:
        """When one may start again, as far as time goes."""
        return max(self.dead_until, self._next)

    def start(self, now: float) -> None:
        """One more has started."""
        self.active += 1
        self.seen = now
        if self.limits.rate:
            self._next = max(now, self._next) + 1 / self.limits.rate

    def success(self, now: float) -> None:
        """One has ended, and the destination works."""
        self._end(now)
        self._size = min(self.limits.most, self._size + 1 / max(1.0, self._size))
        self._rest = self.limits.rest

    def failure(self, now: float) -> None:
        """One has ended, and the destination does not work."""
        self._end(now)
        self._size -= 1
        if self._size < 1:
            self._size = 1.0
            self.dead_until = now + self._rest
            self._rest = min(self.limits.longest_rest, 2 * self._rest)

    def neither(self, now: float) -> None:
        """One has ended, and it says nothing about the destination."""
        self._end(now)

    def revive(self) -> None:
        """Somebody wants to know at once whether it works."""
        self.dead_until = 0.0

    def _end(self, now: float) -> None:
        self.active -= 1
        self.seen = now
