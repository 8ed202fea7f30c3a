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

    def __attrs_post_init__(self) -> None:
        # To ask for the process's id each time would be a system call more. This keeps it for as long as the process
        # lives, which it does anyway.
        os.register_at_fork(after_in_child=self._forget)

    def __call__(self, octets: int) -> bytes:
        """Return so many octets, which nobody else has got or will get."""
        start, end = self._at, self._at + octets
        if end > len(self._stock):
            self._stock = os.urandom(max(octets, STOCK_OCTETS))
            start, end = 0, octets
        self._at = end
        return self._stock[start:end]

    def _forget(self) -> None:
        """This is a child now: it must not give out what its parent does."""
        self._stock, self._at = b"", 0
