"""Support tickets from a CSV file, read with any IMAP or POP3 program: a ticket is a message, its status a mailbox."""

import csv
from collections.abc import Sequence

from zope.interface import implementer

from mailframe import IMAP, POP3, MemoryAccounts, Server, errors, flagsets
from mailframe import interfaces as mail
from mailframe.spool import header_field
from mailframe.store.read_only import ReadOnlyAccount, ReadOnlyMailbox


def as_mail(ticket: dict[str, str]) -> bytes:
    head = header_field("From", ticket["customer"]) + header_field("Subject", ticket["title"])
    text = ticket["text"].replace("\n", "\r\n")
    return head + f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n".encode()


@implementer(mail.IMailbox)
class Tickets(ReadOnlyMailbox):
    """The tickets of one status, by number, which is the UID. Searching, MIME and ENVELOPE are the framework's work."""

    def __init__(self, name: str, mails: dict[int, bytes]) -> None:
        self.id, self.name, self.mails = name, name, mails
        self.flags: dict[int, mail.FlagSet] = dict.fromkeys(mails, frozenset())  # kept as long as the server runs

    async def state(self) -> mail.MailboxState:
        unseen = sum(mail.SEEN not in flags for flags in self.flags.values())
        uidnext = max(self.mails, default=0) + 1
        return mail.MailboxState(1, uidnext, highestmodseq=0, messages=len(self.mails), unseen=unseen, recent=uidnext)

    async def entries(self) -> mail.Changes:
        found = mail.Entries(list(self.mails), list(self.flags.values()), modseqs=[0] * len(self.mails))
        return mail.Changes(await self.state(), found, expunged=())

    async def facts(self, uids: Sequence[int], wanted: Sequence[mail.Fact]) -> list[tuple[int, ...]]:
        there = [uid for uid in uids if uid in self.mails]
        return [(uid, *(len(self.mails[uid]) if fact is mail.Fact.SIZE else 0 for fact in wanted)) for uid in there]

    async def read(self, uid: int, start: int = 0, length: int | None = None) -> bytes:
        return self.mails[uid][start:][:length]  # tickets never go, or this would raise NoSuchMessage

    async def store_flags(
        self, uids: Sequence[int], mode: mail.StoreMode, flags: mail.FlagSet, unchanged_since: int | None = None
    ) -> Sequence[int]:
        for uid in self.mails.keys() & set(uids):
            self.flags[uid] = flagsets.changed(self.flags[uid], mode, flags)
        return ()


@implementer(mail.IMailStore, mail.IAccount)
class TicketStore(ReadOnlyAccount):
    """Everybody who may log in sees the same tickets: the open ones in the inbox."""

    def __init__(self, file: str) -> None:
        mails: dict[str, dict[int, bytes]] = {"INBOX": {}}
        with open(file, newline="", encoding="utf-8") as lines:
            for ticket in sorted(csv.DictReader(lines), key=lambda ticket: int(ticket["number"])):
                name = "INBOX" if ticket["status"] == "open" else ticket["status"].title()
                mails.setdefault(name, {})[int(ticket["number"])] = as_mail(ticket)
        self.boxes = {name: Tickets(name, found) for name, found in mails.items()}

    async def open(self, account: str) -> mail.IAccount:
        return self

    async def mailboxes(self) -> list[mail.MailboxInfo]:
        return [mail.MailboxInfo(name) for name in self.boxes]

    async def mailbox(self, name: str) -> mail.IMailbox:
        if name not in self.boxes:
            raise errors.NoSuchMailbox(f"No ticket is {name}")
        return self.boxes[name]


def serve(file: str, users: MemoryAccounts) -> Server:
    """Return a server of the tickets in a CSV file with C{number,status,customer,title,text}."""
    store = TicketStore(file)
    imap, pop3 = IMAP(store, users=users), POP3(store, users=users)
    return Server("localhost", listen=[("tcp:2143:interface=127.0.0.1", imap), ("tcp:2110:interface=127.0.0.1", pop3)])
