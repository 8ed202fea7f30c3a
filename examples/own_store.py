"""Somebody's own data as mailboxes: support tickets from a CSV file, read with any IMAP or POP3 program.

A ticket is a message, its status a mailbox. What is not here (searching, the ENVELOPE, POP3's sizes) the framework
works out itself from what is.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

from zope.interface import implementer

from mailframe import IMAP, POP3, MemoryAccounts, Server
from mailframe.errors import NoSuchMailbox, NoSuchMessage
from mailframe.interfaces import (
    SEEN,
    Changes,
    Entries,
    Fact,
    FlagSet,
    IAccount,
    IMailbox,
    IMailStore,
    MailboxInfo,
    MailboxState,
    StoreMode,
)
from mailframe.spool import header_field
from mailframe.store.read_only import ReadOnlyAccount, ReadOnlyMailbox

Ticket = dict[str, str]


def as_mail(ticket: Ticket) -> bytes:
    """Write a ticket as a message."""
    fields = {"From": ticket["customer"], "Subject": ticket["title"], "Content-Type": "text/plain; charset=utf-8"}
    head = b"".join(header_field(name, value) for name, value in fields.items())
    return head + b"\r\n" + ticket["text"].replace("\n", "\r\n").encode() + b"\r\n"


@implementer(IMailbox)
class Tickets(ReadOnlyMailbox):
    """The tickets of one status; a ticket's number is its UID. Which were read is remembered while the server runs."""

    def __init__(self, name: str, tickets: Sequence[Ticket]) -> None:
        self.id = self.name = name
        self.mails = {
            int(each["number"]): as_mail(each) for each in sorted(tickets, key=lambda each: int(each["number"]))
        }
        self.flags: dict[int, FlagSet] = dict.fromkeys(self.mails, frozenset())

    async def state(self) -> MailboxState:
        unseen = sum(SEEN not in flags for flags in self.flags.values())
        uidnext = max(self.mails, default=0) + 1
        return MailboxState(1, uidnext, highestmodseq=0, messages=len(self.mails), unseen=unseen, recent=uidnext)

    async def entries(self) -> Changes:
        found = Entries(list(self.mails), list(self.flags.values()), [0] * len(self.mails))
        return Changes(await self.state(), found, expunged=())

    async def facts(self, uids: Sequence[int], wanted: Sequence[Fact]) -> list[tuple[int, ...]]:
        def fact(uid: int, which: Fact) -> int:
            return len(self.mails[uid]) if which is Fact.SIZE else 0  # the other one is INTERNAL_DATE

        return [(uid, *(fact(uid, which) for which in wanted)) for uid in uids if uid in self.mails]

    async def read(self, uid: int, start: int = 0, length: int | None = None) -> bytes:
        if uid not in self.mails:
            raise NoSuchMessage(f"There is no ticket {uid}")
        return self.mails[uid][start : None if length is None else start + length]

    async def store_flags(
        self, uids: Sequence[int], mode: StoreMode, flags: FlagSet, unchanged_since: int | None = None
    ) -> Sequence[int]:
        for uid in self.mails.keys() & set(uids):
            old = self.flags[uid]
            self.flags[uid] = {StoreMode.SET: flags, StoreMode.ADD: old | flags, StoreMode.REMOVE: old - flags}[mode]
        return ()


@implementer(IMailStore, IAccount)
class TicketStore(ReadOnlyAccount):
    """Everybody who may log in sees the same tickets: the open ones in the inbox."""

    def __init__(self, file: Path) -> None:
        sorted_by_name: dict[str, list[Ticket]] = {"INBOX": []}
        with file.open(newline="", encoding="utf-8") as lines:
            for ticket in csv.DictReader(lines):
                name = "INBOX" if ticket["status"] == "open" else ticket["status"].title()
                sorted_by_name.setdefault(name, []).append(ticket)
        self.boxes = {name: Tickets(name, tickets) for name, tickets in sorted_by_name.items()}

    async def open(self, account: str) -> IAccount:
        return self

    async def mailboxes(self) -> list[MailboxInfo]:
        return [MailboxInfo(name) for name in self.boxes]

    async def mailbox(self, name: str) -> IMailbox:
        if name not in self.boxes:
            raise NoSuchMailbox(f"No ticket is {name}")
        return self.boxes[name]

    async def subscriptions(self) -> list[str]:
        return list(self.boxes)


def serve(file: Path, users: MemoryAccounts) -> Server:
    """Return a server of the tickets in a CSV file with C{number,status,customer,title,text}."""
    store = TicketStore(file)
    return Server(
        "localhost",
        listen=[
            ("tcp:2143:interface=127.0.0.1", IMAP(store, users=users)),
            ("tcp:2110:interface=127.0.0.1", POP3(store, users=users)),
        ],
    )
