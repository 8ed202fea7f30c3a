"""A mail store in memory: for tests, and for programs that keep mail no longer than they run."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import define, field
from zope.interface import implementer

from mailframe import flagsets
from mailframe.errors import MailboxExists, MailError, NoSuchAccount, NoSuchMailbox, NoSuchMessage, NotPermitted
from mailframe.interfaces import (
    DELETED,
    SEEN,
    Appended,
    Changes,
    Copied,
    Entries,
    Fact,
    Filing,
    FlagSet,
    IAccount,
    IBulkDelivery,
    IChanges,
    IDigested,
    IMailbox,
    IMailStore,
    IMovable,
    IRecent,
    MailboxInfo,
    MailboxState,
    StoreMode,
)
from mailframe.message.digest import Digest
from mailframe.spool import Message
from mailframe.store.fallback import DIGESTED
from mailframe.store.watching import Watchers

TOMBSTONES = 10_000
"""Expunged messages that a mailbox remembers."""

_ids = itertools.count(1)


@define(eq=False)
class _Item:
    data: bytes
    head: bytes
    digest: Digest
    flags: FlagSet
    internal_date: int
    modseq: int


@implementer(IMailbox, IChanges, IDigested, IMovable, IRecent)
@define(eq=False)
class MemoryMailbox:
    """Messages by UID."""

    watchers: Watchers
    now: Callable[[], float]
    name: str
    uidvalidity: int
    id: str = field(factory=lambda: f"memory-{next(_ids)}")
    selectable: bool = True
    _items: dict[int, _Item] = field(factory=dict)
    _uidnext: int = 1
    _modseq: int = 1
    _recent: int = 1
    _expunged: list[tuple[int, int]] = field(factory=list)
    _forgotten: int = 0

    async def state(self) -> MailboxState:
        """Return the numbers of now."""
        return self._state()

    def _state(self) -> MailboxState:
        if not self.selectable:
            raise NoSuchMailbox("The mailbox is gone")
        unseen = sum(SEEN not in item.flags for item in self._items.values())
        return MailboxState(self.uidvalidity, self._uidnext, self._modseq, len(self._items), unseen, self._recent)

    async def entries(self) -> Changes:
        """Return all messages."""
        return Changes(self._state(), self._entries(0), ())

    async def changes(self, since: int) -> Changes | None:
        """Return what happened after a mod-sequence, if we remember."""
        if since < self._forgotten:
            return None
        gone = sorted(uid for modseq, uid in self._expunged if modseq > since)
        return Changes(self._state(), self._entries(since), gone)

    def _entries(self, since: int) -> Entries:
        found = [(uid, item) for uid, item in self._items.items() if item.modseq > since]
        return Entries(
            [uid for uid, _item in found], [item.flags for _uid, item in found], [item.modseq for _uid, item in found]
        )

    async def facts(self, uids: Sequence[int], wanted: Sequence[Fact]) -> Sequence[tuple[Any, ...]]:
        """Return what is known of messages."""
        self._state()
        return [(uid, *(_fact(self._items[uid], fact) for fact in wanted)) for uid in uids if uid in self._items]

    async def read(self, uid: int, start: int = 0, length: int | None = None) -> bytes:
        """Return octets of a message."""
        if uid not in self._items:
            raise NoSuchMessage("The message is gone")
        return self._items[uid].data[start:][:length]

    async def append(self, message: Message, flags: FlagSet, internal_date: int | None) -> Appended:
        """Add a message."""
        self._state()
        flagsets.checked(flags)
        when = int(self.now()) if internal_date is None else internal_date
        uid = self._add(_Item(bytes(message), message.head, message.digest(), flags, when, self._next_modseq()))
        self._changed()
        return Appended(self.uidvalidity, uid)

    def _add(self, item: _Item) -> int:
        uid, self._uidnext = self._uidnext, self._uidnext + 1
        self._items[uid] = item
        return uid

    async def store_flags(
        self, uids: Sequence[int], mode: StoreMode, flags: FlagSet, unchanged_since: int | None = None
    ) -> Sequence[int]:
        """Change flags."""
        self._state()
        flagsets.checked(flags)
        there = [uid for uid in uids if uid in self._items]
        refused = [uid for uid in there if unchanged_since is not None and self._items[uid].modseq > unchanged_since]
        left_alone = set(refused)
        after = {uid: flagsets.changed(self._items[uid].flags, mode, flags) for uid in there if uid not in left_alone}
        real = {uid: flagsets.checked(value) for uid, value in after.items() if value != self._items[uid].flags}
        if real:
            modseq = self._next_modseq()
            for uid, value in real.items():
                self._items[uid].flags, self._items[uid].modseq = value, modseq
            self._changed()
        return refused

    async def expunge(self, uids: Sequence[int], only_deleted: bool = True) -> Sequence[int]:
        """Remove messages."""
        self._state()
        there = [uid for uid in uids if uid in self._items]
        gone = [uid for uid in there if not only_deleted or DELETED in self._items[uid].flags]
        if gone:
            modseq = self._next_modseq()
            for uid in gone:
                del self._items[uid]
                self._expunged.append((modseq, uid))
            self._forget()
            self._changed()
        return gone

    def _forget(self) -> None:
        if excess := self._expunged[:-TOMBSTONES]:
            self._forgotten = excess[-1][0]
            del self._expunged[: len(excess)]

    async def copy(self, uids: Sequence[int], target: IMailbox) -> Copied:
        """Copy messages."""
        if not isinstance(target, MemoryMailbox) or target.watchers is not self.watchers:
            raise TypeError("a message is copied within one store")
        target._state()
        source = [uid for uid in uids if uid in self._items]
        modseq = target._next_modseq() if source else 0
        copies = []
        for uid in source:
            item = self._items[uid]
            copy = _Item(item.data, item.head, item.digest, item.flags, item.internal_date, modseq)
            copies.append(target._add(copy))
        if source:
            target._changed()
        return Copied(target.uidvalidity, source, copies)

    async def move(self, uids: Sequence[int], target: IMailbox) -> Copied:
        """Move messages."""
        copied = await self.copy(uids, target)
        await self.expunge(copied.source, only_deleted=False)
        return copied

    async def claim_recent(self) -> int:
        """Return the first recent UID, and leave none."""
        self._state()
        recent, self._recent = self._recent, self._uidnext
        return recent

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Tell of changes."""
        return self.watchers.watch(self.id, changed)

    def _next_modseq(self) -> int:
        self._modseq += 1
        return self._modseq

    def _changed(self) -> None:
        self.watchers.notify((self.id,))

    def gone(self) -> None:
        """The mailbox was deleted."""
        self.selectable = False
        self._items.clear()
        self._changed()


def _fact(item: _Item, fact: Fact) -> Any:
    if fact is Fact.INTERNAL_DATE:
        return item.internal_date
    if fact is Fact.WHOLE:
        return item.data
    return item.head if fact is Fact.HEAD else DIGESTED[fact](item.digest)


@implementer(IAccount)
@define(eq=False)
class MemoryAccount:
    """Mailboxes by name."""

    watchers: Watchers
    now: Callable[[], float]
    uidvalidities: itertools.count[int]
    _mailboxes: dict[str, MemoryMailbox] = field(factory=dict)
    _subscriptions: set[str] = field(factory=set)

    def __attrs_post_init__(self) -> None:
        self._make("INBOX")

    def _make(self, name: str) -> None:
        self._mailboxes[name] = MemoryMailbox(self.watchers, self.now, name, next(self.uidvalidities))

    async def mailboxes(self) -> Sequence[MailboxInfo]:
        """Return all mailboxes."""
        return [MailboxInfo(name, mailbox.selectable) for name, mailbox in sorted(self._mailboxes.items())]

    async def mailbox(self, name: str) -> IMailbox:
        """Open a mailbox."""
        found = self._mailboxes.get(name)
        if found is None or not found.selectable:
            raise NoSuchMailbox("There is no such mailbox")
        return found

    async def create(self, name: str) -> None:
        """Make a mailbox and its parents."""
        if name in self._mailboxes and self._mailboxes[name].selectable:
            raise MailboxExists("There is such a mailbox already")
        self._make_parents(name)
        self._make(name)

    def _make_parents(self, name: str) -> None:
        levels = name.split("/")
        for depth in range(1, len(levels)):
            if (above := "/".join(levels[:depth])) not in self._mailboxes:
                self._make(above)

    async def delete(self, name: str) -> None:
        """Remove a mailbox."""
        if name == "INBOX":
            raise NotPermitted("INBOX cannot be deleted")
        if name not in self._mailboxes:
            raise NoSuchMailbox("There is no such mailbox")
        mailbox = self._mailboxes[name]
        has_children = any(other.startswith(f"{name}/") for other in self._mailboxes)
        if has_children and not mailbox.selectable:
            raise NotPermitted("The mailbox has others below it")
        if not has_children:
            del self._mailboxes[name]
        mailbox.gone()

    async def rename(self, old: str, new: str) -> None:
        """Rename a mailbox and all below it."""
        if old not in self._mailboxes:
            raise NoSuchMailbox("There is no such mailbox")
        if new in self._mailboxes:
            raise MailboxExists("There is such a mailbox already")
        if new.startswith(f"{old}/") and old != "INBOX":
            raise NotPermitted("A mailbox cannot be moved below itself")
        self._make_parents(new)
        below = [] if old == "INBOX" else [name for name in self._mailboxes if name.startswith(f"{old}/")]
        for name in [old, *below]:
            mailbox = self._mailboxes.pop(name)
            mailbox.name = new + name[len(old) :]
            self._mailboxes[mailbox.name] = mailbox
        if old == "INBOX":
            self._make("INBOX")

    async def subscriptions(self) -> Sequence[str]:
        """Return the subscribed names."""
        return sorted(self._subscriptions)

    async def subscribe(self, name: str, subscribed: bool) -> None:
        """Add or remove a subscription."""
        (self._subscriptions.add if subscribed else self._subscriptions.discard)(name)


@implementer(IMailStore, IBulkDelivery)
@define(eq=False)
class MemoryStore:
    """
    @ivar any_account: make an account when it is opened or delivered to.
    @ivar now: tells the time, in seconds since the epoch.
    """

    any_account: bool = True
    now: Callable[[], float] = time.time
    _accounts: dict[str, MemoryAccount] = field(factory=dict)
    _watchers: Watchers = field(factory=Watchers)
    _uidvalidities: itertools.count[int] = field(factory=lambda: itertools.count(1))

    def add(self, account: str) -> MemoryAccount:
        """Make an account."""
        if account not in self._accounts:
            self._accounts[account] = MemoryAccount(self._watchers, self.now, self._uidvalidities)
        return self._accounts[account]

    async def open(self, account: str) -> IAccount:
        """Return an account's mail."""
        if account not in self._accounts and not self.any_account:
            raise NoSuchAccount("There is no such account")
        return self.add(account)

    async def deliver(self, message: Message, filings: Sequence[Filing]) -> Mapping[Filing, Exception]:
        """Store one message for many accounts."""
        failed: dict[Filing, Exception] = {}
        for filing in filings:
            try:
                mailbox = await (await self.open(filing.account)).mailbox(filing.mailbox)
                await mailbox.append(message, filing.flags, None)
            except MailError as error:
                failed[filing] = error
        return failed
