"""A selected mailbox in memory, one a process, shared by all who look at it; it follows the store.

A notice says only that something changed. The model then reads what did since its own mod-sequence, so a lost notice
costs time and never truth, and it makes no difference who changed the mailbox.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import compress
from typing import Protocol

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mailframe.errors import NoSuchMailbox
from mailframe.imap.positions import found, without
from mailframe.interfaces import Changes, FlagSet, IMailbox, MailboxState, Reflagging
from mailframe.store import fallback

_log = Logger()


class Follower(Protocol):
    """Somebody who looks at a mailbox."""

    def changed(self, uids: Sequence[int]) -> None:
        """Flags of these messages have changed."""

    def expunged(self, uids: Sequence[int]) -> None:
        """These messages are gone."""

    def notice(self) -> None:
        """Something above happened, or there is new mail, or the mailbox itself is gone."""


@define(eq=False)
class Model:
    """
    @ivar uids: ascending. A message that goes makes new lists, one that comes lengthens them: so whoever keeps an old
        list and its length keeps what it saw.
    @ivar flags: of each.
    @ivar modseqs: of each.
    @ivar deleted: the mailbox itself is gone.
    """

    mailbox: IMailbox
    state: MailboxState
    uids: list[int]
    flags: list[FlagSet]
    modseqs: list[int]
    followers: set[Follower] = field(factory=set)
    deleted: bool = False
    _unwatch: Callable[[], None] = field(default=lambda: None, init=False)
    _stale: bool = field(default=False, init=False)
    _following: bool = field(default=False, init=False)
    _joined: list[Deferred[None]] = field(factory=list, init=False)

    @classmethod
    async def of(cls, mailbox: IMailbox) -> Model:
        """
        Read a mailbox.

        @raise mailframe.errors.NoSuchMailbox: it was deleted.
        """
        stale: list[bool] = []
        unwatch = mailbox.watch(lambda: stale.append(True))
        all_of_it = await mailbox.entries()
        entries = all_of_it.entries
        model = cls(mailbox, all_of_it.state, list(entries.uids), list(entries.flags), list(entries.modseqs))
        unwatch()
        model._unwatch = mailbox.watch(model._changed)
        if stale:
            await model.follow()
        return model

    def close(self) -> None:
        """Stop following."""
        self._unwatch()

    def position(self, uid: int) -> int | None:
        """Return where a message is, or C{None}."""
        at = bisect_left(self.uids, uid)
        return at if at < len(self.uids) and self.uids[at] == uid else None

    def _changed(self) -> None:
        following: Deferred[None] = Deferred.fromCoroutine(self.follow())
        following.addErrback(
            lambda failure: _log.failure("cannot follow mailbox {mailbox}", failure, mailbox=self.mailbox.id)
        )

    async def follow(self) -> None:
        """
        Read what changed. When this returns, every change whose call returned before is known here.

        @raise mailframe.errors.Temporary: the store cannot tell now.
        """
        self._stale = True
        if self._following:
            # Whoever is reading now looks again when it has finished, since it finds this stale.
            joined: Deferred[None] = Deferred()
            self._joined.append(joined)
            await joined
            return
        self._following = True
        try:
            await self._read()
        finally:
            self._following = False
            joined_by, self._joined = self._joined, []
            for joined in joined_by:
                joined.callback(None)
        for follower in list(self.followers):
            follower.notice()

    async def _read(self) -> None:
        while self._stale and not self.deleted:
            self._stale = False
            try:
                self._apply(await fallback.changes(self.mailbox, self.state, self.uids, self.flags))
            except NoSuchMailbox:
                self.deleted = True

    def _apply(self, changes: Changes) -> None:
        self.state = changes.state
        if changes.expunged:
            self._expunge(changes.expunged)
        entries = changes.entries
        new = bisect_right(entries.uids, self.uids[-1]) if self.uids else 0
        changed = list(self._change(entries.uids[:new], entries.flags[:new], entries.modseqs[:new]))
        self.uids += entries.uids[new:]
        self.flags += entries.flags[new:]
        self.modseqs += entries.modseqs[new:]
        if changes.reflagging is not None:
            changed += self._reflag(changes.reflagging)
        if changed:
            for follower in self.followers:
                follower.changed(changed)

    def _change(self, uids: Sequence[int], flags: Sequence[FlagSet], modseqs: Sequence[int]) -> Sequence[int]:
        """Take over flags; return the UIDs of the messages that are here."""
        own = self.uids
        at = bisect_left(own, uids[0]) if uids else 0
        together = slice(at, at + len(uids))
        if own[together] == list(uids):
            self.flags[together], self.modseqs[together] = flags, modseqs
            return uids
        changed = []
        for uid, value, modseq in zip(uids, flags, modseqs, strict=True):
            at = bisect_left(own, uid, at)
            if at < len(own) and own[at] == uid:
                self.flags[at], self.modseqs[at] = value, modseq
                changed.append(uid)
        return changed

    def _reflag(self, change: Reflagging) -> list[int]:
        """Do the same here; return the UIDs of the messages that changed."""
        part = slice(bisect_left(self.uids, change.first), bisect_right(self.uids, change.last))
        before, after = self.flags[part], change.flags
        self.flags[part] = map(after.get, before, before)
        if after.keys() >= set(before):
            self.modseqs[part] = [change.modseq] * len(before)
            return self.uids[part]
        changed = [flags in after for flags in before]
        modseqs = zip(changed, self.modseqs[part], strict=True)
        self.modseqs[part] = [change.modseq if new else modseq for new, modseq in modseqs]
        return list(compress(self.uids[part], changed))

    def _expunge(self, uids: Sequence[int]) -> None:
        parts = found(uids, self.uids, len(self.uids))
        if not parts:
            return
        self.uids, self.flags, self.modseqs = (
            without(self.uids, parts),
            without(self.flags, parts),
            without(self.modseqs, parts),
        )
        for follower in self.followers:
            follower.expunged(uids)
