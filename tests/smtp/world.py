"""A small site for SMTP transcripts: two users, one alias, in memory and on a virtual clock."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from mailframe.auth.memory import MemoryAccounts
from mailframe.delivery.mailbox import ToMailbox
from mailframe.delivery.routes import Route
from mailframe.interfaces import IJournal
from mailframe.site import Site
from mailframe.smtp import LMTP, MX, Submission
from mailframe.store.memory import MemoryStore
from mailframe.testing.transcript import Transcript, Wire

PEER = "192.0.2.7"


@define
class World:
    """The services over one store; C{options} go to the service that a test plays with."""

    clock: Clock = field(factory=Clock)
    users: MemoryAccounts = field(
        factory=lambda: MemoryAccounts.of(
            {"ann@example.org": "secret", "bob@example.org": "geheim"}, {"info@example.org": ["ann@example.org"]}
        )
    )
    store: MemoryStore = field(factory=MemoryStore)
    journal: IJournal | None = None

    def __attrs_post_init__(self) -> None:
        self.clock.advance(1_000_000_000)
        self.store.now = self.clock.seconds

    @property
    def site(self) -> Site:
        return Site("mx.example.org", self.clock, random=lambda octets: b"\x07" * octets, journal=self.journal)

    @property
    def routes(self) -> list[Route]:
        return [Route("example.org", ToMailbox(self.store, self.users))]

    def mx(self, peer: str = PEER, tls: Any = None, **options: Any) -> Transcript:
        return self._play(MX(options.pop("routes", self.routes), **options), peer, tls)

    def lmtp(self, **options: Any) -> Transcript:
        return self._play(LMTP(options.pop("routes", self.routes), **options), PEER, None)

    def submission(self, peer: str = "127.0.0.1", tls: Any = None, **options: Any) -> Transcript:
        return self._play(Submission(options.pop("routes", self.routes), users=self.users, **options), peer, tls)

    def _play(self, service: Any, peer: str, tls: Any) -> Transcript:
        factory = service.factory(self.site, tls)
        address = IPv4Address("TCP", peer, 50000)
        return Transcript(lambda: factory.buildProtocol(address), self.clock, lambda: Wire(peer))

    def greeted(self, player: Transcript, verb: str = "EHLO") -> Transcript:
        """Have the first client say hello, and pass over the answer."""
        client = player._client("")
        client.protocol.dataReceived(f"{verb} client.example.net\r\n".encode())
        client.collect()
        assert client.unread.startswith(b"220 ")
        client.unread = b""
        return player

    def mail(self, account: str = "ann@example.org") -> list[bytes]:
        """Return the messages of an inbox."""
        mailbox = self.store.add(account)._mailboxes["INBOX"]
        return [item.data for item in mailbox._items.values()]
