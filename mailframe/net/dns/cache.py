"""What was learnt a while ago and still holds; bounded in size and time."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeAlias

from attrs import define, evolve, field

from mailframe.net.dns.answers import Answer, NoRecords, NoSuchName

ENTRIES = 10_000
"""Answers kept at most; those used longest ago go first."""
TTL_FLOOR = 5.0
"""Seconds an answer is kept even if it says less: one message asks the same thing many times."""
TTL_CEILING = 86_400.0
"""Seconds an answer is kept at most, whatever it says."""
NEGATIVE_TTL_CEILING = 3_600.0
"""Seconds the absence of records is believed at most (RFC 2308 5 advises one to three hours)."""

Key: TypeAlias = tuple[str, int]
Known: TypeAlias = "Answer | type[NoSuchName] | type[NoRecords]"
"""An answer, or which kind of absence."""


@define(eq=False)
class Cache:
    """
    @ivar entries: how many answers are kept.
    """

    entries: int = ENTRIES
    _kept: OrderedDict[Key, tuple[float, Known]] = field(factory=OrderedDict, init=False)

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Key, now: float) -> Known | None:
        """Return what is known and still holds, with the time it will hold; C{None} otherwise."""
        until, known = self._kept.get(key, (now, None))
        if known is None:
            return None
        if until <= now:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return evolve(known, ttl=until - now) if isinstance(known, Answer) else known

    def put(self, key: Key, known: Known, ttl: float, now: float) -> None:
        """Keep what was learnt for C{ttl} seconds, within the bounds above."""
        ceiling = TTL_CEILING if isinstance(known, Answer) else NEGATIVE_TTL_CEILING
        self._kept[key] = (now + min(max(ttl, TTL_FLOOR), ceiling), known)
        self._kept.move_to_end(key)
        if len(self._kept) > self.entries:
            self._kept.popitem(last=False)
