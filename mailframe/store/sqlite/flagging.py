"""The transaction that changes flags: what can be done once for all messages that have the same flags is done once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter

from attrs import frozen

from mailframe import flagsets
from mailframe.interfaces import SEEN, Entries, FlagSet, Reflagging, StoreMode
from mailframe.sqlite.database import Rows, Writer
from mailframe.store.sqlite import history
from mailframe.store.sqlite.changing import next_modseq
from mailframe.store.sqlite.spans import rows_of

STATEMENTS = 8
"""Different sets of flags up to which a statement for each set, which visits all messages, is quicker than one for each
message."""

_UIDS = "SELECT uid FROM item WHERE mailbox = ? AND uid BETWEEN ? AND ?"
_SETS = "SELECT DISTINCT flags FROM item WHERE mailbox = ? AND uid BETWEEN ? AND ?"
_FLAGS = "SELECT uid, flags FROM item WHERE mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid"
_CHANGED = "SELECT uid FROM item WHERE mailbox = ? AND uid BETWEEN ? AND ? AND modseq > ? ORDER BY uid"
_CHANGE_ALL = "UPDATE item SET flags = ?, modseq = ? WHERE mailbox = ? AND uid BETWEEN ? AND ? AND flags = ?"
_CHANGE = "UPDATE item SET flags = ?, modseq = ? WHERE mailbox = ? AND uid = ?"
_COUNT = "UPDATE mailbox SET unseen = unseen + ? WHERE id = ?"


@frozen
class FlagsStored:
    """
    What came of a STORE.

    @ivar refused: the UIDs left alone because they changed since.
    @ivar modseq: of the change, which is one more than that of the change before; 0 when nothing changed.
    @ivar entries: the messages that changed;
    @ivar reflagging: or what changed.
    """

    mailbox: int
    refused: Sequence[int] = ()
    modseq: int = 0
    entries: Entries = Entries((), (), ())
    reflagging: Reflagging | None = None

    def is_all_between(self, mailbox: int, since: int, now: int) -> bool:
        """Whether it is all that happened in a mailbox between two mod-sequences."""
        return (mailbox, since, now) == (self.mailbox, self.modseq - 1, self.modseq)


@frozen
class FlagChange:
    """One STORE."""

    mailbox: int
    uids: Sequence[int]
    mode: StoreMode
    flags: FlagSet
    unchanged_since: int | None

    def run(self, connection: Writer) -> FlagsStored:
        """Change the flags that really change, of at least one message; all get one new mod-sequence."""
        refused = self._refused(connection)
        if not refused and self._is_all(connection):
            after = self._after(text for (text,) in connection.execute(_SETS, self._between))
            if len(after) <= STATEMENTS:
                return self._change_all(connection, after)
        return self._change_each(connection, refused)

    def is_vain(self, read: Callable[[str, Sequence[int]], Rows]) -> bool:
        """Whether all messages have the flags already, so that there is nothing to write."""
        if not self.uids:
            return True
        if self.unchanged_since is not None:
            return False
        wanted = frozenset(self.uids)
        return not self._after(text for uid, text in read(_FLAGS, self._between) if uid in wanted)

    @property
    def _between(self) -> tuple[int, int, int]:
        return self.mailbox, self.uids[0], self.uids[-1]

    def _refused(self, connection: Writer) -> list[int]:
        if self.unchanged_since is None:
            return []
        wanted = frozenset(self.uids)
        changed = connection.execute(_CHANGED, (*self._between, self.unchanged_since))
        return [uid for (uid,) in changed if uid in wanted]

    def _is_all(self, connection: Writer) -> bool:
        """Whether no other message lies between the first and the last."""
        if self.uids[-1] - self.uids[0] + 1 == len(self.uids):
            return True
        return frozenset(self.uids).issuperset(uid for (uid,) in connection.execute(_UIDS, self._between))

    def _after(self, before: Iterable[str]) -> dict[str, str]:
        """
        Return what becomes of each set of flags that changes.

        @raise mailframe.errors.BadFlags: one would have too many keywords.
        """
        sets = {text: flagsets.parsed(text) for text in before}
        changed = {text: flagsets.changed(flags, self.mode, self.flags) for text, flags in sets.items()}
        return {text: flagsets.text(flagsets.checked(flags)) for text, flags in changed.items() if flags != sets[text]}

    def _change_all(self, connection: Writer, after: dict[str, str]) -> FlagsStored:
        if not after:
            return FlagsStored(self.mailbox)
        modseq, counts = next_modseq(connection, self.mailbox), {}
        # No set of flags is both before and after a change: so their order does not matter.
        for before, text in after.items():
            connection.execute(_CHANGE_ALL, (text, modseq, *self._between, before))
            counts[before] = connection.changes()
        self._finish(connection, modseq, self.uids, after, counts)
        sets = {flagsets.parsed(before): flagsets.parsed(text) for before, text in after.items()}
        reflagging = Reflagging(self.uids[0], self.uids[-1], sets, modseq)
        return FlagsStored(self.mailbox, (), modseq, reflagging=reflagging)

    def _change_each(self, connection: Writer, refused: Sequence[int]) -> FlagsStored:
        left_alone = frozenset(refused)
        rows = [row for row in rows_of(connection, _FLAGS, self.mailbox, self.uids) if row[0] not in left_alone]
        counts = Counter(map(itemgetter(1), rows))
        after = self._after(counts)
        changed = [(uid, after[before]) for uid, before in rows if before in after]
        if not changed:
            return FlagsStored(self.mailbox, refused)
        modseq = next_modseq(connection, self.mailbox)
        connection.executemany(_CHANGE, [(text, modseq, self.mailbox, uid) for uid, text in changed])
        uids = [uid for uid, _text in changed]
        self._finish(connection, modseq, uids, after, counts)
        flags = [flagsets.parsed(text) for _uid, text in changed]
        return FlagsStored(self.mailbox, refused, modseq, Entries(uids, flags, [modseq] * len(uids)))

    def _finish(
        self, connection: Writer, modseq: int, uids: Sequence[int], after: dict[str, str], counts: dict[str, int]
    ) -> None:
        """
        Count how many more are unseen now, and note what was changed.

        @param counts: how many messages had which flags before.
        """
        unseen = sum((_is_seen(before) - _is_seen(text)) * counts[before] for before, text in after.items())
        if unseen:
            connection.execute(_COUNT, (unseen, self.mailbox))
        history.note(connection, self.mailbox, modseq, uids)


def _is_seen(text: str) -> bool:
    return SEEN in flagsets.parsed(text)
