"""Names that one process of a server at a time holds; what a process held is free when it ends."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile

from attrs import define


@define(eq=False)
class Locks:
    """
    Names are octets of one file, for the lock of an octet is a process's own, and it need not be there.

    @ivar descriptor: of the file, which all processes have open.
    """

    descriptor: int

    @classmethod
    def new(cls) -> Locks:
        """Return locks for this process and those that it starts."""
        descriptor, path = tempfile.mkstemp(prefix="mailframe-locks-")
        os.unlink(path)
        return cls(descriptor)

    def hold(self, name: str) -> bool:
        """Hold a name, and return whether no other process does."""
        try:
            fcntl.lockf(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _octet(name))
        except (BlockingIOError, PermissionError):  # which of them it is depends on the system (fcntl(2))
            return False
        return True

    def release(self, name: str) -> None:
        """Let others hold it."""
        fcntl.lockf(self.descriptor, fcntl.LOCK_UN, 1, _octet(name))


def _octet(name: str) -> int:
    """Return the place of a name: two that share one are as improbable as a lost disk."""
    return int.from_bytes(hashlib.sha256(name.encode("utf-8")).digest()[:7], "big")
