"""What a worker is told when it starts, and the descriptors it is started with."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence

from attrs import asdict, field, frozen
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress

CHANNEL = 3
"""Descriptor by which a worker speaks with the process that has started it; its end is the end of that process."""
SHARED = 4
"""Descriptor of the file of L{mailframe.workers.locks.Locks} and L{mailframe.workers.shares.Shares}."""
FIRST_PORT = 5
"""Descriptor of the first port."""
SERVING = "serving"
"""The topic by which a worker tells that it serves clients."""


@frozen(kw_only=True)
class Orders:
    """
    @ivar config: path of the configuration file, absolute; C{None} is the server without one.
    @ivar data: directory of that one's data, absolute.
    @ivar offset: what that one adds to each port.
    @ivar log_json: log JSON.
    @ivar place: among the workers: each that is there has another one.
    @ivar ports: of each entry in C{listen} the address family, or C{None} if it is served elsewhere.
    """

    config: str | None
    data: str
    offset: int
    log_json: bool
    place: int = 0
    ports: Sequence[int | None] = field(default=(), converter=tuple[int | None, ...])

    def as_text(self) -> str:
        """Return an argument of a command."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Orders:
        """Read what L{as_text} wrote."""
        return cls(**json.loads(text))


def family(address: IAddress) -> int | None:
    """
    Return the address family of a port that workers can serve, or C{None}.

    A UNIX socket they cannot: Twisted would give its file other permissions, and remove it when a worker ends.
    """
    if isinstance(address, IPv6Address):
        return int(socket.AF_INET6)
    return int(socket.AF_INET) if isinstance(address, IPv4Address) else None
