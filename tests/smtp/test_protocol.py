"""A connection of SMTP, from the reactor's side."""

from __future__ import annotations

import gc
import weakref

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailframe.delivery.discard import discard
from mailframe.site import Site
from mailframe.smtp import MX


class ConnectionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.addCleanup(gc.enable)
        gc.disable()
        self.clock = Clock()
        self.factory = MX(discard).factory(Site("mx.example.org", self.clock))

    def ended(self, commands: bytes) -> weakref.ref[object]:
        """Return whether a connection is still there that said this and went."""
        conversation = self.factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1025))
        assert conversation is not None
        transport = StringTransport()
        conversation.makeConnection(transport)
        conversation.dataReceived(commands)
        transport.producer = None  # as a real one forgets it when the connection is lost
        conversation.connectionLost(Failure(ConnectionDone()))
        return weakref.ref(conversation)

    def test_it_is_gone_when_it_is_over(self) -> None:
        assert self.ended(b"EHLO client.example\r\nMAIL FROM:<a@example.net>\r\nQUIT\r\n")() is None
        assert self.clock.getDelayedCalls() == []

    def test_it_is_gone_when_the_client_went_without_a_word(self) -> None:
        assert self.ended(b"EHLO client.example\r\nMAIL FROM:<a@example.net>\r\n")() is None
        assert self.clock.getDelayedCalls() == []
