"""How often clients may ask for the same thing: once in a while for each name, whoever asks."""

from __future__ import annotations

from collections import OrderedDict

from attrs import define, field

REMEMBERED = 1000
"""Names that are remembered at the most; the longest unheard of go first."""


@define
class Pace:
    """
    @ivar seconds: between two times for one name.
    """

    seconds: float
    _last: OrderedDict[str, float] = field(factory=OrderedDict, init=False)

    def wait(self, name: str, now: float) -> float:
        """Return how many seconds are left until it may be done again; if none are, it is taken to be done now."""
        last = self._last.get(name)
        if last is not None and now < last + self.seconds:
            return last + self.seconds - now
        self._last[name] = now
        self._last.move_to_end(name)
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        return 0.0
