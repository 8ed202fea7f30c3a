"""Whose turn it is to write, among processes that have the same database open.

SQLite lets one of them write at a time, and has the others ask again and again, after longer and longer pauses. Waiting
for a lock of the operating system ends when it is free, and a process that dies leaves no lock behind.
"""

from __future__ import annotations

import fcntl
import os

from attrs import define


@define(eq=False)
class Turns:
    """
    @ivar descriptor: of a file that all of them lock; each has opened it for itself.
    """

    descriptor: int

    @classmethod
    def at(cls, path: str) -> Turns:
        """Open the file, or make it."""
        return cls(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def taken(self) -> bool:
        """Take the turn if it is nobody else's; return whether it is ours now."""
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def take(self) -> None:
        """Wait for the turn, in a thread that may wait."""
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)

    def pass_on(self) -> None:
        """Let others write."""
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Want no turns any more."""
        os.close(self.descriptor)
