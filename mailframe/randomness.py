"""Random octets that nobody can guess, fetched from the system many at a time.

Each fetch is a system call during which another thread may take over, which costs more than the octets: ids, of which
every message and every session has one, are made of few.
"""

from __future__ import annotations

import os

from attrs import define, field

STOCK_OCTETS = 4096


@define(eq=False)
class Randomness:
    """What L{mailframe.site.Site} wants for C{random}; for one thread."""

    _stock: bytes = field(default=b"", init=False)
    _at: int = field(default=0, init=False)
    _process: int = field(default=0, init=False)

    def __call__(self, octets: int) -> bytes:
        """Return so many octets, which nobody else has got or will get."""
        start, end = self._at, self._at + octets
        if end > len(self._stock) or self._process != os.getpid():  # a child must not give out what its parent does
            self._stock, self._process = os.urandom(max(octets, STOCK_OCTETS)), os.getpid()
            start, end = 0, octets
        self._at = end
        return self._stock[start:end]
