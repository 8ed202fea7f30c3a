"""The mail that the accounts of a test world have, read from whatever stores its servers deliver to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import frozen

from mailframe.address import Address
from mailframe.config import OverTLS, Server
from mailframe.delivery.mailbox import ToMailbox
from mailframe.delivery.routes import Routes
from mailframe.interfaces import AccountEntry, Fact, FlagSet
from mailframe.message import outline
from mailframe.message.text import body_text
from mailframe.spool import Message


@frozen(eq=False)
class Mail:
    """
    A message in a mailbox.

    @ivar received: when it came there, seconds since the epoch.
    """

    uid: int
    flags: FlagSet
    received: int
    message: Message

    @property
    def subject(self) -> str:
        """The decoded Subject; empty when there is none."""
        return self.message.subject

    def header(self, name: str) -> str | None:
        """Return the decoded value of the first field of that name, or C{None}."""
        return self.message.header(name)

    @property
    def text(self) -> str:
        """All that people read in it: its text parts, decoded."""
        tree = outline.load(self.message.digest().outline)
        with self.message.mapped() as body:
            return "\n".join(body_text(tree, self.message.head, body)).replace("\r\n", "\n")

    def __bytes__(self) -> bytes:
        return bytes(self.message)


def deliveries(server: Server) -> Iterator[ToMailbox]:
    """Yield the targets by which a server fills mailboxes."""
    targets: Iterator[Any] = (route.target for table in _tables(server) for route in table.routes)
    yield from {id(target): target for target in targets if isinstance(target, ToMailbox)}.values()


def is_at(server: Server, address: Address) -> bool:
    """Say whether a server delivers mail for an address to a mailbox."""
    return any(isinstance(table.find(address), ToMailbox) for table in _tables(server))


def _tables(server: Server) -> Iterator[Routes]:
    for each in [*server.run, *(service for _endpoint, service in server.listen)]:
        routes = getattr(each.service if isinstance(each, OverTLS) else each, "routes", None)
        if isinstance(routes, Routes):
            yield routes


async def read(server: Server, address: Address, mailbox: str) -> Sequence[Mail] | None:
    """Return the mail in a mailbox of an account, oldest first; C{None} if this server has no such account."""
    for target in deliveries(server):
        entry = await target.directory.find(address)
        if isinstance(entry, AccountEntry):
            return await _mail(await (await target.store.open(entry.account)).mailbox(mailbox))
    return None


async def _mail(mailbox: Any) -> Sequence[Mail]:
    entries = (await mailbox.entries()).entries
    flags = dict(zip(entries.uids, entries.flags, strict=True))
    dates: dict[int, int] = dict(await mailbox.facts(sorted(flags), [Fact.INTERNAL_DATE]))
    return [Mail(uid, flags[uid], dates[uid], Message.from_bytes(await mailbox.read(uid))) for uid in sorted(dates)]
