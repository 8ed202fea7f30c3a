"""The contract of every mail store: what the docstrings of L{mailframe.interfaces} promise, as tests.

Inherit together with C{twisted.trial.unittest.TestCase} and give C{make_store}.
"""

from __future__ import annotations

from typing import Any

from zope.interface.verify import verifyObject

from mailframe import errors
from mailframe.interfaces import (
    DELETED,
    FLAGGED,
    SEEN,
    Fact,
    Filing,
    IAccount,
    IBulkDelivery,
    IChanges,
    IMailbox,
    IMailStore,
    IMovable,
    IRecent,
    StoreMode,
)
from mailframe.store import fallback
from mailframe.testing.store_case import NOTE, SECOND
from mailframe.testing.store_flags import FlagsContract

__all__ = ["NOTE", "SECOND", "MailStoreContract"]


class MailStoreContract(FlagsContract):
    """
    Tests of an L{IMailStore}; those of optional powers are passed over where a store lacks them.
    """

    # --- accounts -------------------------------------------------------------------------------------------------

    async def test_the_interfaces_are_provided(self) -> None:
        store = await self.make_store()
        account = await store.open("ann@example.org")
        verifyObject(IMailStore, store)
        verifyObject(IAccount, account)
        verifyObject(IMailbox, await account.mailbox("INBOX"))

    async def test_every_account_has_an_inbox(self) -> None:
        self.assertEqual(await self._names(await self._account()), [("INBOX", True)])

    async def test_a_new_mailbox_has_its_parents(self) -> None:
        account = await self._account()
        await account.create("lists/twisted/dev")
        names = [("INBOX", True), ("lists", True), ("lists/twisted", True), ("lists/twisted/dev", True)]
        self.assertEqual(await self._names(account), names)

    async def test_a_mailbox_is_made_once(self) -> None:
        account = await self._account()
        await account.create("Sent")
        await self._raises(errors.MailboxExists, account.create("Sent"))

    async def test_what_is_not_there_cannot_be_opened_deleted_or_renamed(self) -> None:
        account = await self._account()
        await self._raises(errors.NoSuchMailbox, account.mailbox("nowhere"))
        await self._raises(errors.NoSuchMailbox, account.delete("nowhere"))
        await self._raises(errors.NoSuchMailbox, account.rename("nowhere", "somewhere"))

    async def test_the_inbox_cannot_be_deleted(self) -> None:
        await self._raises(errors.NotPermitted, (await self._account()).delete("INBOX"))

    async def test_a_deleted_mailbox_is_gone_for_those_who_have_it_open(self) -> None:
        account = await self._account()
        await account.create("old")
        mailbox = await account.mailbox("old")
        await mailbox.append(NOTE, frozenset(), None)
        await account.delete("old")
        await self._raises(errors.NoSuchMailbox, mailbox.state())
        await self._raises(errors.NoSuchMailbox, mailbox.entries())
        await self._raises(errors.NoSuchMailbox, mailbox.append(NOTE, frozenset(), None))
        self.assertEqual(await self._names(account), [("INBOX", True)])

    async def test_a_deleted_parent_stays_as_a_name(self) -> None:
        account = await self._account()
        await account.create("a/b")
        await account.delete("a")
        self.assertEqual(await self._names(account), [("INBOX", True), ("a", False), ("a/b", True)])
        await self._raises(errors.NoSuchMailbox, account.mailbox("a"))
        await self._raises(errors.NotPermitted, account.delete("a"))

    async def test_a_mailbox_made_again_is_another_one(self) -> None:
        account = await self._account()
        await account.create("a/b")
        before = await account.mailbox("a")
        validity = (await before.state()).uidvalidity
        await account.delete("a")
        await account.create("a")
        after = await account.mailbox("a")
        self.assertTrue((await after.state()).uidvalidity != validity)
        self.assertTrue(after.id != before.id)
        await account.mailbox("a/b")

    async def test_renaming_takes_the_mailboxes_below_along(self) -> None:
        account = await self._account()
        await account.create("a/b/c")
        await account.create("ab")
        mailbox = await account.mailbox("a/b")
        await mailbox.append(NOTE, frozenset(), None)
        await account.rename("a", "x/y")
        names = ["INBOX", "ab", "x", "x/y", "x/y/b", "x/y/b/c"]
        self.assertEqual([name for name, _selectable in await self._names(account)], names)
        renamed = await account.mailbox("x/y/b")
        self.assertEqual((renamed.id, (await renamed.state()).messages), (mailbox.id, 1))

    async def test_a_mailbox_is_renamed_neither_onto_another_nor_below_itself(self) -> None:
        account = await self._account()
        await account.create("a")
        await account.create("b")
        await self._raises(errors.MailboxExists, account.rename("a", "b"))
        await self._raises(errors.NotPermitted, account.rename("a", "a/b"))

    async def test_renaming_the_inbox_moves_its_messages_and_leaves_it_empty(self) -> None:
        account = await self._account()
        await (await account.mailbox("INBOX")).append(NOTE, frozenset(), None)
        await account.create("INBOX/child")
        await account.rename("INBOX", "archive")
        self.assertEqual([name for name, _ in await self._names(account)], ["INBOX", "INBOX/child", "archive"])
        self.assertEqual((await (await account.mailbox("archive")).state()).messages, 1)
        self.assertEqual((await (await account.mailbox("INBOX")).state()).messages, 0)

    async def test_subscriptions_outlive_their_mailboxes(self) -> None:
        account = await self._account()
        await account.create("news")
        for _twice in range(2):
            await account.subscribe("news", True)
        await account.delete("news")
        self.assertEqual(list(await account.subscriptions()), ["news"])
        for _twice in range(2):
            await account.subscribe("news", False)
        self.assertEqual(list(await account.subscriptions()), [])

    async def test_accounts_see_nothing_of_each_other(self) -> None:
        store = await self.make_store()
        ann, bob = await store.open("ann@example.org"), await store.open("bob@example.org")
        await ann.create("mine")
        await (await ann.mailbox("INBOX")).append(NOTE, frozenset(), None)
        self.assertEqual(await self._names(bob), [("INBOX", True)])
        self.assertEqual((await (await bob.mailbox("INBOX")).state()).messages, 0)

    # --- messages -------------------------------------------------------------------------------------------------

    async def test_a_message_comes_back_octet_by_octet(self) -> None:
        inbox = await self._inbox(NOTE)
        data = bytes(NOTE)
        self.assertEqual(await inbox.read(1), data)
        self.assertEqual(await inbox.read(1, 5, 10), data[5:15])
        self.assertEqual(await inbox.read(1, len(data) - 3, 100), data[-3:])
        self.assertEqual(await inbox.read(1, len(data) + 5, 100), b"")
        await self._raises(errors.NoSuchMessage, inbox.read(2))

    async def test_numbers_grow_with_every_message(self) -> None:
        inbox = await self._inbox()
        before = await inbox.state()
        self.assertEqual((before.messages, before.unseen, before.uidnext), (0, 0, 1))
        first = await inbox.append(NOTE, frozenset({SEEN}), None)
        second = await inbox.append(SECOND, frozenset(), None)
        after = await inbox.state()
        self.assertEqual((first.uid, second.uid, first.uidvalidity), (1, 2, before.uidvalidity))
        self.assertEqual((after.messages, after.unseen, after.uidnext), (2, 1, 3))
        self.assertTrue(after.highestmodseq > before.highestmodseq or after.highestmodseq == 0)

    async def test_a_uid_is_never_given_out_twice(self) -> None:
        inbox = await self._inbox(NOTE, SECOND)
        await inbox.expunge([2], only_deleted=False)
        self.assertEqual((await inbox.append(NOTE, frozenset(), None)).uid, 3)

    async def test_entries_tell_uids_and_flags_in_order(self) -> None:
        inbox = await self._inbox(NOTE)
        await inbox.append(SECOND, frozenset({SEEN, "$Work"}), None)
        entries = (await inbox.entries()).entries
        self.assertEqual(list(entries.uids), [1, 2])
        self.assertEqual(list(entries.flags), [frozenset(), frozenset({SEEN, "$Work"})])

    async def test_size_and_date_are_known_and_missing_messages_left_out(self) -> None:
        inbox = await self._inbox(NOTE, SECOND, NOTE)
        await inbox.expunge([2], only_deleted=False)
        rows = await inbox.facts([1, 2, 3, 9], [Fact.SIZE, Fact.INTERNAL_DATE])
        self.assertEqual(list(map(tuple, rows)), [(1, NOTE.size, 1_000_000_000), (3, NOTE.size, 1_000_000_000)])
        self.assertEqual(list(await inbox.facts([], [Fact.SIZE])), [])

    async def test_every_fact_can_be_had(self) -> None:
        inbox = await self._inbox(NOTE)
        [(uid, *values)] = await fallback.facts(inbox, [1], list(Fact))
        known = dict(zip(Fact, values, strict=True))
        self.assertEqual((uid, known[Fact.SIZE], known[Fact.HEAD]), (1, NOTE.size, NOTE.head))
        self.assertTrue(known[Fact.WHOLE] in (None, bytes(NOTE)))
        self.assertEqual((known[Fact.SUBJECT], known[Fact.MESSAGE_ID], known[Fact.FROM]), ("a note", None, "ann"))
        self.assertTrue(known[Fact.ENVELOPE].startswith(b'(NIL "a note" (("Ann" NIL "ann" "example.org"))'))

    async def test_only_messages_marked_deleted_go(self) -> None:
        inbox = await self._inbox(NOTE, SECOND, NOTE)
        await inbox.store_flags([2], StoreMode.ADD, frozenset({DELETED}))
        self.assertEqual(list(await inbox.expunge([1, 2, 3])), [2])
        self.assertEqual(list(await inbox.expunge([3, 5], only_deleted=False)), [3])
        self.assertEqual(list((await inbox.entries()).entries.uids), [1])
        self.assertEqual(list(await inbox.expunge([1])), [])

    async def test_copies_keep_flags_and_dates_and_the_originals_stay(self) -> None:
        account = await self._account()
        inbox = await account.mailbox("INBOX")
        await account.create("copies")
        copies = await account.mailbox("copies")
        for message, flags in ((NOTE, {SEEN}), (SECOND, set()), (NOTE, {"$x"})):
            await inbox.append(message, frozenset(flags), 1_000_000_000)
        await inbox.expunge([2], only_deleted=False)
        copied = await inbox.copy([1, 2, 3], copies)
        self.assertEqual((list(copied.source), list(copied.target)), ([1, 3], [1, 2]))
        self.assertEqual(list((await copies.entries()).entries.flags), [frozenset({SEEN}), frozenset({"$x"})])
        self.assertEqual((await copies.state()).unseen, 1)
        rows = await copies.facts([1, 2], [Fact.INTERNAL_DATE])
        self.assertEqual([row[1] for row in rows], [1_000_000_000] * 2)
        await inbox.expunge([1, 3], only_deleted=False)
        self.assertEqual(await copies.read(2), bytes(NOTE))

    async def test_moved_messages_are_in_one_place(self) -> None:
        account = await self._account()
        inbox = await account.mailbox("INBOX")
        await account.create("there")
        there = await account.mailbox("there")
        await inbox.append(NOTE, frozenset({SEEN}), None)
        await inbox.append(SECOND, frozenset(), None)
        moved = await fallback.move(inbox, [1], there)
        self.assertEqual((list(moved.source), list(moved.target)), ([1], [1]))
        self.assertEqual((await inbox.state()).messages, 1)
        self.assertEqual(await there.read(1), bytes(NOTE))
        if IMovable.providedBy(inbox):
            self.assertEqual(list((await inbox.move([1], there)).source), [])

    async def test_watchers_hear_of_each_change_until_they_stop(self) -> None:
        inbox = await self._inbox()
        heard: list[int] = []
        end = inbox.watch(lambda: heard.append(1))
        await inbox.append(NOTE, frozenset(), None)
        first = len(heard)
        await inbox.store_flags([1], StoreMode.ADD, frozenset({SEEN}))
        second = len(heard)
        await inbox.expunge([1], only_deleted=False)
        third = len(heard)
        self.assertTrue(0 < first < second < third)
        end()
        end()
        await inbox.append(NOTE, frozenset(), None)
        self.assertEqual(len(heard), third)

    # --- optional powers ------------------------------------------------------------------------------------------

    async def test_changes_tell_what_is_new_changed_and_gone(self) -> None:
        inbox = await self._inbox(NOTE, SECOND, NOTE)
        if not IChanges.providedBy(inbox):
            return
        since = (await inbox.state()).highestmodseq
        nothing = await inbox.changes(since)
        assert nothing is not None
        self.assertEqual((list(nothing.entries.uids), list(nothing.expunged)), ([], []))
        await inbox.store_flags([1], StoreMode.ADD, frozenset({SEEN}))
        await inbox.expunge([2], only_deleted=False)
        await inbox.append(SECOND, frozenset(), None)
        changes = await inbox.changes(since)
        assert changes is not None, "what went just now is not forgotten"
        self.assertEqual((list(changes.entries.uids), list(changes.expunged)), ([1, 4], [2]))
        self.assertEqual(changes.state, await inbox.state())
        self.assertTrue(min(changes.entries.modseqs) > since)

    async def test_each_message_is_recent_once(self) -> None:
        inbox = await self._inbox(NOTE, SECOND)
        if not IRecent.providedBy(inbox):
            return
        self.assertEqual(await inbox.claim_recent(), 1)
        self.assertEqual(await inbox.claim_recent(), 3)
        await inbox.append(NOTE, frozenset(), None)
        self.assertEqual((await inbox.state()).recent, 3)

    async def test_one_message_is_delivered_to_many_and_failures_are_told(self) -> None:
        store: Any = await self.make_store()
        bulk: Any = store
        if not IBulkDelivery.providedBy(bulk):
            return
        filings = [Filing("ann@example.org"), Filing("bob@example.org", flags=frozenset({FLAGGED}))]
        self.assertEqual(await store.deliver(NOTE, filings), {})
        for name, flags in (("ann@example.org", frozenset()), ("bob@example.org", frozenset({FLAGGED}))):
            inbox = await (await store.open(name)).mailbox("INBOX")
            self.assertEqual(await inbox.read(1), bytes(NOTE))
            self.assertEqual(list((await inbox.entries()).entries.flags), [flags])
