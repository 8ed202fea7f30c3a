"""Checking passwords beside the reactor: a few at a time, and for unknown users as long as for known ones."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections import OrderedDict
from functools import cache

from attrs import define, field
from twisted.internet.defer import DeferredSemaphore

from mailframe.auth.hashing import hash_password, verify
from mailframe.errors import BadCredentials, Temporary
from mailframe.site import Site

AT_ONCE = 2
"""Passwords checked at the same time: each takes a core and 19 MiB."""
WAITING = 200
"""Attempts that may wait for their turn; more are told to come again."""
REMEMBERED_SECONDS = 300.0
"""How long a password that was right is known by a keyed digest of it: mail clients log in again and again."""
REMEMBERED = 1000
"""How many of them are known."""


@cache
def _nobody() -> str:
    """A hash for users who do not exist."""
    return hash_password(os.urandom(16).hex())


@define(eq=False)
class Verifier:
    """
    @ivar site: for threads and time.
    """

    site: Site
    _turns: DeferredSemaphore = field(factory=lambda: DeferredSemaphore(AT_ONCE), init=False)
    _waiting: int = field(default=0, init=False)
    _key: bytes = field(factory=lambda: os.urandom(32), init=False)
    _right: OrderedDict[bytes, float] = field(factory=OrderedDict, init=False)

    async def check(self, password: str, stored: str | None) -> None:
        """
        Check a password.

        @param stored: the user's hash; C{None} for a user who does not exist.
        @raise BadCredentials: it is wrong.
        @raise Temporary: too many are being checked.
        """
        known = self._digest(password, stored) if stored is not None else None
        if known is not None and self._right.get(known, 0.0) > self.site.clock.seconds():
            return
        if not await self._verified(password, stored):
            raise BadCredentials("Authentication failed")
        if known is not None:
            self._remember(known)

    async def _verified(self, password: str, stored: str | None) -> bool:
        if self._waiting >= WAITING:
            raise Temporary("Too many logins at the moment")
        self._waiting += 1
        try:
            await self._turns.acquire()
            try:
                right = await self.site.in_thread(_verify, password, stored)
            finally:
                self._turns.release()
        finally:
            self._waiting -= 1
        return right and stored is not None

    def _digest(self, password: str, stored: str) -> bytes:
        # The hash is part of it, so a changed password forgets the old one at once.
        return hmac.digest(self._key, f"{stored}\0{password}".encode(), hashlib.sha256)

    def _remember(self, known: bytes) -> None:
        self._right[known] = self.site.clock.seconds() + REMEMBERED_SECONDS
        self._right.move_to_end(known)
        if len(self._right) > REMEMBERED:
            self._right.popitem(last=False)


def _verify(password: str, stored: str | None) -> bool:
    return verify(password, _nobody() if stored is None else stored)
