"""The socket between a worker and the process that has started it: a line of JSON for each thing that is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

LINE_OCTETS = 1 << 24
"""A line is not longer: it names what was changed in one turn of the reactor."""


class Channel(LineOnlyReceiver):
    """
    One end. The other one is a process of the same server, so what it says is taken as it is.

    @ivar heard: is given the topic and the rest of what the other end tells.
    @ivar lost: is called when there is no other end any more.
    """

    transport: Any = None
    delimiter = b"\n"
    MAX_LENGTH = LINE_OCTETS

    def __init__(self, heard: Callable[[str, list[Any]], object], lost: Callable[[], object] = lambda: None) -> None:
        self._heard = heard
        self._lost = lost

    def tell(self, topic: str, what: list[Any]) -> None:
        """Tell the other end, if there is one."""
        if self.transport is not None:
            self.transport.write(json.dumps([topic, what]).encode("ascii") + self.delimiter)

    def lineReceived(self, line: bytes) -> None:
        """Hear what it tells."""
        topic, what = json.loads(line)
        self._heard(topic, what)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is gone."""
        self._lost()


class Given(Factory):
    """Builds what is there already."""

    noisy = False

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """Return it."""
        return self._protocol
