"""A small site for IMAP transcripts: one user, in memory and on a virtual clock."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock

from mailframe.auth.memory import MemoryAccounts
from mailframe.imap import IMAP
from mailframe.site import Site
from mailframe.spool import Message
from mailframe.store.memory import MemoryStore
from mailframe.testing.transcript import Transcript, Wire

USER = "ann@example.org"


@define
class World:
    """One IMAP server and its store."""

    clock: Clock = field(factory=Clock)
    store: Any = field(factory=MemoryStore)
    users: MemoryAccounts = field(factory=lambda: MemoryAccounts.of({USER: "secret"}))

    def __attrs_post_init__(self) -> None:
        self.clock.advance(1_000_000_000)

    def play(self, text: str, peer: str = "127.0.0.1", tls: Any = None, **options: Any) -> Transcript:
        """Play a transcript against a new server; return it for more."""
        player = self.player(peer, tls, **options)
        player.play(text)
        return player

    def player(self, peer: str = "127.0.0.1", tls: Any = None, **options: Any) -> Transcript:
        service = IMAP(self.store, users=self.users, default_domain="example.org", **options)
        site = Site("mx.example.org", self.clock)
        factory: Any = service.factory(site, tls)
        address = IPv4Address("TCP", peer, 50000)
        return Transcript(lambda: factory.buildProtocol(address), self.clock, lambda: Wire(peer))

    def mailbox(self, name: str = "INBOX") -> Any:
        return self.store.add(USER)._mailboxes[name]

    def append(self, *subjects: str, flags: tuple[str, ...] = ()) -> None:
        """Put messages into the inbox."""
        for subject in subjects:
            message = Message.from_bytes(
                f"Date: Sat, 1 Jan 2022 10:00:00 +0000\r\nFrom: Bob <bob@example.net>\r\nTo: {USER}\r\n"
                f"Subject: {subject}\r\n\r\nBody of {subject}.\r\n".encode()
            )
            ensureDeferred(self.mailbox().append(message, frozenset(flags), 1_000_000_000))


def login(number: str = "") -> str:
    """The opening of a transcript."""
    return f"""
        C{number}: a LOGIN ann secret
        S{number}: * OK [CAPABILITY ...] mailframe is ready
        S{number}: a OK [CAPABILITY IMAP4rev1 LITERAL+ ...] Logged in
    """


def selected(number: str = "", count: int = 0, recent: int | None = None) -> str:
    """The same, with INBOX selected."""
    unseen = f"S{number}: * OK [UNSEEN 1] ...\n" if count else ""
    return (
        login(number)
        + f"""
        C{number}: b SELECT INBOX
        S{number}: * FLAGS (...)
        S{number}: * OK [PERMANENTFLAGS (... \\*)] ...
        S{number}: * {count} EXISTS
        S{number}: * {count if recent is None else recent} RECENT
        {unseen}S{number}: * OK [UIDVALIDITY 1] ...
        S{number}: * OK [UIDNEXT {count + 1}] ...
        S{number}: * OK [HIGHESTMODSEQ ...] ...
        S{number}: b OK [READ-WRITE] Opened
    """
    )
