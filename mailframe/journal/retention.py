"""How long a journal remembers."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

DAY = 86400.0


def _positive(_retention: Any, attribute: Any, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{attribute.name} must be more than 0, and {value!r} is not: events=None keeps no journal")


@frozen
class Retention:
    """
    What is older, or more than that, is forgotten.

    @ivar days: how long an event is kept, as far as C{entries} does not end it before.
    @ivar entries: how many are kept; what becomes of a message at one moment is one entry.
    """

    days: float = field(default=30.0, validator=_positive)
    entries: int = field(default=5_000_000, validator=_positive)

    def oldest(self, now: float) -> float:
        """Return the time before which all is forgotten, seconds since the epoch."""
        return now - self.days * DAY
