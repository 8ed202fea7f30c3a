"""What one client knows of its selected mailbox: which messages have which numbers, and what it must still be told."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from attrs import define, field

from mailframe.imap.fetching import Rows
from mailframe.imap.model import Model
from mailframe.imap.positions import flat, found, without
from mailframe.imap.sequence_set import SequenceSet
from mailframe.interfaces import FlagSet


@define(eq=False)
class View:
    """
    The client's numbering is a prefix of a list that it shares with the model. When messages go, the model makes a new
    list; the view keeps the old one until the client may be told, which RFC 3501 7.4.1 forbids in the answers to
    FETCH, STORE and SEARCH.

    @ivar read_only: opened by EXAMINE.
    @ivar recent: UIDs from here on, up to where the client's knowledge ends, are C{\\Recent} to it.
    @ivar noticed: something happened that the client was not told.
    @ivar on_notice: is called then, while the client waits for it.
    @ivar condstore: the client wants mod-sequences with every change (RFC 7162 3.1).
    """

    model: Model
    read_only: bool
    recent: int
    condstore: bool = False
    noticed: bool = field(default=False, init=False)
    on_notice: Callable[[], None] | None = field(default=None, init=False)
    _uids: list[int] = field(init=False)
    _count: int = field(init=False)
    _gone: set[int] = field(factory=set, init=False)
    _changed: set[int] = field(factory=set, init=False)
    _told_recent: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._uids, self._count = self.model.uids, len(self.model.uids)
        self._told_recent = self.recent_count
        self.model.followers.add(self)

    def close(self) -> None:
        """The client looks no more."""
        self.model.followers.discard(self)

    # --- what the client knows ------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many messages."""
        return self._count

    @property
    def uids(self) -> Sequence[int]:
        """Their UIDs, in the order of their numbers."""
        return self._uids if len(self._uids) == self._count else self._uids[: self._count]

    @property
    def recent_count(self) -> int:
        """How many of them are recent."""
        return self._count - bisect_left(self._uids, self.recent, 0, self._count)

    def positions(self, numbers: SequenceSet, by_uid: bool) -> list[range]:
        """
        Return the positions, from 0, that a sequence set means.

        @raise mailframe.imap.sequence_set.BadNumber: a message number does not exist.
        """
        if by_uid:
            return numbers.positions_of_uids(self.uids)
        return numbers.positions(self._count)

    def number(self, uid: int) -> int | None:
        """Return a message's number, or C{None}."""
        at = bisect_left(self._uids, uid, 0, self._count)
        return at + 1 if at < self._count and self._uids[at] == uid else None

    def rows(self, positions: Sequence[range]) -> Rows:
        """Return messages; those that have gone have no flags."""
        recent = range(self.recent, self._uids[self._count - 1] + 1) if self._count else range(0)
        model = self.model
        if self._uids is model.uids and len(positions) == 1:
            part = slice(positions[0].start, positions[0].stop)
            numbers = range(part.start + 1, part.stop + 1)
            return Rows(numbers, model.uids[part], model.flags[part], model.modseqs[part], recent)
        at = flat(positions)
        uids = [self._uids[each] for each in at]
        there = at if self._uids is model.uids else [model.position(uid) for uid in uids]
        flags: list[FlagSet] = [frozenset() if each is None else model.flags[each] for each in there]
        modseqs = [0 if each is None else model.modseqs[each] for each in there]
        return Rows([each + 1 for each in at], uids, flags, modseqs, recent)

    def everything(self) -> list[range]:
        """Return all positions."""
        return [range(self._count)] if self._count else []

    @property
    def gone(self) -> frozenset[int]:
        """UIDs of messages that have gone."""
        return frozenset(self._gone)

    # --- what happens to it, told by the model --------------------------------------------------------------------

    def changed(self, uids: Sequence[int]) -> None:
        """Flags have changed."""
        self._changed.update(uids)

    def expunged(self, uids: Sequence[int]) -> None:
        """Messages are gone."""
        self._gone.update(self._uids[at] for at in flat(self._positions_of(uids)))
        self.forget_change(uids)

    def notice(self) -> None:
        """Something happened."""
        self.noticed = True
        if self.on_notice is not None:
            self.on_notice()

    def forget_change(self, uids: Sequence[int]) -> None:
        """The client knows of these changes, or need not."""
        self._changed.difference_update(uids)

    @property
    def pending(self) -> frozenset[int]:
        """UIDs whose flags the client knows wrongly."""
        return frozenset(self._changed)

    # --- what the client is told ----------------------------------------------------------------------------------

    def news(self, expunges: bool, uids: bool = False) -> bytes:
        """
        Return what the client must be told, and take it for told.

        @param expunges: whether it may be told now that messages are gone.
        @param uids: tell UIDs with flags, as RFC 3501 6.4.8 wants for UID commands.
        """
        if self.model.deleted:
            return b""
        lines = []
        if expunges and self._gone:
            lines.append(self._expunge())
        before = self._count
        self._add_new()
        if self._count != before:
            lines.append(b"* %d EXISTS\r\n" % self._count)
        if (recent := self.recent_count) != self._told_recent:
            self._told_recent = recent
            lines.append(b"* %d RECENT\r\n" % recent)
        lines.append(self._flag_lines(uids))
        self.noticed = bool(self._gone)
        return b"".join(lines)

    def _expunge(self) -> bytes:
        """Take messages out of the numbering; the highest number first, so that the others keep theirs."""
        gone = sorted(self._gone)
        positions = self._positions_of(gone)
        last = self._uids[self._count - 1]
        kept = without(self._uids[: self._count], positions)
        self._gone.clear()
        self._uids, self._count = self.model.uids, bisect_right(self.model.uids, last)
        if self._uids[: self._count] != kept:  # a message went that we were not told of: never share a wrong list
            self._uids, self._count = kept, len(kept)
        self._changed.difference_update(gone)
        self._told_recent = min(self._told_recent, self.recent_count)
        numbers = [at + 1 for at in reversed(flat(positions))]
        return b"* %d EXPUNGE\r\n" * len(numbers) % tuple(numbers)

    def _add_new(self) -> None:
        uids = self.model.uids
        if self._uids is uids:
            self._count = len(uids)
            return
        known = self._uids[: self._count]
        fresh = uids[bisect_right(uids, known[-1]) :] if known else uids
        if fresh:
            self._uids = [*known, *fresh] if known else uids
            self._count = len(self._uids)

    def _flag_lines(self, uids: bool) -> bytes:
        positions = self._positions_of(sorted(self._changed))
        self._changed.clear()
        return self.rows(positions).lines(uids or self.condstore, True, self.condstore) if positions else b""

    def _positions_of(self, uids: Sequence[int]) -> list[range]:
        """Return the positions of messages; those that the client does not know are passed over."""
        return found(uids, self._uids, self._count)
