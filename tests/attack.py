"""One connection of a hostile client, octet by octet, to a server on a virtual clock."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from mailframe.testing.transcript import Transcript, Wire


@define
class Attack:
    """
    @ivar player: makes the connection, and has the clock.
    """

    player: Transcript
    protocol: Any = field(init=False)
    wire: Wire = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.protocol, self.wire = self.player.build(), self.player.wire()
        self.protocol.makeConnection(self.wire)

    def send(self, *pieces: bytes) -> list[bytes]:
        """Return the lines of the answer."""
        for piece in pieces:
            self.protocol.dataReceived(piece)
            self.player.clock.advance(0)
        lines: list[bytes] = self.wire.value().splitlines()
        self.wire.clear()
        return lines

    def lose(self, reason: type[Exception] = ConnectionLost) -> None:
        """The connection is gone."""
        self.protocol.connectionLost(Failure(reason()))

    def left_nothing(self) -> bool:
        """End the connection; whether no timer is left."""
        self.lose()
        return self.player.clock.getDelayedCalls() == []
