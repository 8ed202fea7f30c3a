"""The contract of flags in a mail store: of one message, and of many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mailframe import errors
from mailframe.flagsets import KEYWORDS, changed
from mailframe.imap.model import Model
from mailframe.interfaces import DELETED, FLAGGED, SEEN, FlagSet, IMailbox, StoreMode
from mailframe.testing.store_case import NOTE, SECOND, StoreCase

GONE = [4, 5, 11]
REFLAGGINGS: Sequence[tuple[Sequence[int], StoreMode, set[str]]] = (
    (range(1, 13), StoreMode.ADD, {SEEN}),
    ([3], StoreMode.ADD, {FLAGGED}),
    ([2, 5, 9], StoreMode.SET, {"$x"}),
    (range(1, 13), StoreMode.REMOVE, {SEEN}),
    (range(2, 9), StoreMode.ADD, {SEEN, "$x"}),
    (GONE, StoreMode.ADD, {DELETED}),
    (range(1, 13), StoreMode.SET, {FLAGGED}),
    ([1, 2, 3, 6, 7, 8, 9, 10, 12], StoreMode.ADD, {SEEN}),
    ([6, 8, 40], StoreMode.REMOVE, {SEEN, FLAGGED}),
    *(([uid], StoreMode.ADD, {f"$only-{uid}"}) for uid in (1, 2, 3, 6, 7, 8, 9, 10, 12)),
    (range(1, 13), StoreMode.ADD, {SEEN}),
    (range(1, 13), StoreMode.ADD, {SEEN}),
    (range(40, 50), StoreMode.ADD, {SEEN}),
    ([], StoreMode.ADD, {SEEN}),
    (range(1, 13), StoreMode.SET, set()),
)
"""Changes of a mailbox of twelve messages, of which those that are C{GONE} are expunged when they are marked."""


class FlagsContract(StoreCase):
    """What L{IMailbox.store_flags} promises, and that whoever follows the mailbox knows."""

    async def test_flags_are_set_added_and_removed(self) -> None:
        inbox = await self._inbox(NOTE)
        for mode, flags, expected in (
            (StoreMode.ADD, {SEEN, FLAGGED}, {SEEN, FLAGGED}),
            (StoreMode.REMOVE, {SEEN, DELETED}, {FLAGGED}),
            (StoreMode.SET, {"$Junk"}, {"$Junk"}),
        ):
            self.assertEqual(list(await inbox.store_flags([1, 7], mode, frozenset(flags))), [])
            self.assertEqual(list((await inbox.entries()).entries.flags), [frozenset(expected)])
        self.assertEqual((await inbox.state()).unseen, 1)

    async def test_unseen_is_counted_right(self) -> None:
        inbox = await self._inbox(NOTE, SECOND, NOTE)
        await inbox.store_flags([1, 2], StoreMode.ADD, frozenset({SEEN}))
        self.assertEqual((await inbox.state()).unseen, 1)
        await inbox.expunge([2, 3], only_deleted=False)
        self.assertEqual((await inbox.state()).unseen, 0)
        await inbox.store_flags([1], StoreMode.REMOVE, frozenset({SEEN}))
        self.assertEqual((await inbox.state()).unseen, 1)

    async def test_flags_of_many_messages_change_as_those_of_each(self) -> None:
        inbox = await self._inbox(*[NOTE] * 12)
        model = await Model.of(inbox)
        self.addCleanup(model.close)
        truth: dict[int, FlagSet] = dict.fromkeys(range(1, 13), frozenset())
        for uids, mode, flags in REFLAGGINGS:
            since = (await inbox.state()).highestmodseq
            self.assertEqual(list(await inbox.store_flags(uids, mode, frozenset(flags))), [])
            before = dict(truth)
            truth.update({uid: changed(truth[uid], mode, frozenset(flags)) for uid in uids if uid in truth})
            if uids == GONE:
                for uid in await inbox.expunge(GONE):
                    del truth[uid]
            await self._check_flags(inbox, model, truth)
            same = [uid for uid in truth if truth[uid] == before[uid]]
            modseqs = dict(zip(model.uids, model.modseqs, strict=True))
            self.assertEqual([uid for uid in truth if modseqs[uid] <= since], same if since else list(truth))

    async def _check_flags(self, inbox: IMailbox, model: Model, truth: Mapping[int, FlagSet]) -> None:
        """What is in the mailbox is the truth, and who follows it knows."""
        await model.follow()
        everything = await inbox.entries()
        entries = everything.entries
        self.assertEqual(dict(zip(entries.uids, entries.flags, strict=True)), truth)
        self.assertEqual(everything.state.unseen, sum(SEEN not in flags for flags in truth.values()))
        self.assertEqual(
            (model.uids, model.flags, model.modseqs), (list(entries.uids), list(entries.flags), list(entries.modseqs))
        )

    async def test_too_many_or_too_long_keywords_are_refused_and_change_nothing(self) -> None:
        inbox = await self._inbox(NOTE)
        await self._raises(errors.BadFlags, inbox.store_flags([1], StoreMode.ADD, frozenset({"k" * 1000})))
        many = frozenset(f"k{number}" for number in range(1000))
        await self._raises(errors.BadFlags, inbox.store_flags([1], StoreMode.ADD, many))
        await self._raises(errors.BadFlags, inbox.append(NOTE, many, None))
        self.assertEqual(list((await inbox.entries()).entries.flags), [frozenset()])

    async def test_one_message_with_too_many_keywords_keeps_all_as_they_are(self) -> None:
        many = frozenset(f"k{number}" for number in range(KEYWORDS))
        for others in ([], [f"x{number}" for number in range(12)]):  # few different sets of flags, and many
            inbox = await self._inbox(NOTE)
            for flags in (many, *(frozenset({other}) for other in others)):
                await inbox.append(NOTE, flags, None)
            before = await inbox.entries()
            uids = list(before.entries.uids)
            await self._raises(errors.BadFlags, inbox.store_flags(uids, StoreMode.ADD, frozenset({"one-more"})))
            self.assertEqual(await inbox.entries(), before)
            await inbox.store_flags([uids[0], *uids[2:]], StoreMode.ADD, frozenset({"one-more"}))
            self.assertEqual([uid for uid, flags in await self._flags(inbox) if "one-more" not in flags], [2])

    async def _flags(self, inbox: IMailbox) -> list[tuple[int, FlagSet]]:
        entries = (await inbox.entries()).entries
        return list(zip(entries.uids, entries.flags, strict=True))

    async def test_a_change_that_changes_nothing_gives_no_new_mod_sequence(self) -> None:
        inbox = await self._inbox(NOTE)
        before = await inbox.state()
        await inbox.store_flags([1], StoreMode.REMOVE, frozenset({SEEN}))
        self.assertEqual(await inbox.state(), before)

    async def test_messages_changed_since_are_left_alone(self) -> None:
        inbox = await self._inbox(NOTE, SECOND)
        since = (await inbox.state()).highestmodseq
        if not since:
            return
        await inbox.store_flags([2], StoreMode.ADD, frozenset({SEEN}))
        self.assertEqual(list(await inbox.store_flags([1, 2], StoreMode.ADD, frozenset({FLAGGED}), since)), [2])
        flags = list((await inbox.entries()).entries.flags)
        self.assertEqual(flags, [frozenset({FLAGGED}), frozenset({SEEN})])

    async def test_of_many_messages_those_changed_since_are_left_alone(self) -> None:
        inbox = await self._inbox(*[NOTE] * 6)
        model = await Model.of(inbox)
        self.addCleanup(model.close)
        await inbox.expunge([3], only_deleted=False)
        since = (await inbox.state()).highestmodseq
        if not since:
            return
        await inbox.store_flags([2, 5], StoreMode.ADD, frozenset({SEEN}))
        truth = {1: {FLAGGED}, 2: {SEEN}, 4: {FLAGGED}, 5: {SEEN}, 6: {FLAGGED}}
        for uids, refused in (([2, 3, 5], [2, 5]), (range(1, 7), [2, 5]), ([1, 4, 6], [1, 4, 6])):
            asked = inbox.store_flags(uids, StoreMode.ADD, frozenset({FLAGGED}), since)
            self.assertEqual(list(await asked), refused)
        await self._check_flags(inbox, model, {uid: frozenset(flags) for uid, flags in truth.items()})
        now = (await inbox.state()).highestmodseq
        self.assertEqual(list(await inbox.store_flags(range(1, 7), StoreMode.SET, frozenset(), now)), [])
        await self._check_flags(inbox, model, dict.fromkeys(truth, frozenset()))
