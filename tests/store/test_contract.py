"""Every store keeps the contract."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any

import pytest
from attrs import define
from twisted.internet import reactor
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from mailframe import errors
from mailframe.address import Address
from mailframe.interfaces import Fact, Filing, IAccount, IMailbox, IMailStore
from mailframe.site import Site
from mailframe.spool import FileBody
from mailframe.sqlite import SQLite
from mailframe.store.memory import MemoryStore
from mailframe.testing.stores import NOTE, MailStoreContract
from tests.temporary import path_for

ACCOUNTS = ("ann@example.org", "bob@example.org")


class MemoryStoreTests(MailStoreContract, TestCase):
    async def make_store(self) -> Any:
        return MemoryStore()

    async def test_unknown_accounts_are_refused_if_wanted(self) -> None:
        store = MemoryStore(any_account=False)
        store.add("ann@example.org")
        await self._raises(errors.NoSuchAccount, store.open("eve@example.org"))
        failed = await store.deliver(NOTE, [Filing("ann@example.org"), Filing("eve@example.org")])
        self.assertEqual([filing.account for filing in failed], ["eve@example.org"])


@implementer(IMailStore)
@define
class _PlainStore:
    inner: MemoryStore

    async def open(self, account: str) -> IAccount:
        return _PlainAccount(await self.inner.open(account))


@implementer(IAccount)
class _PlainAccount:
    mailboxes: Any
    create: Any
    delete: Any
    rename: Any
    subscriptions: Any
    subscribe: Any

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        for name in ("mailboxes", "create", "delete", "rename", "subscriptions", "subscribe"):
            setattr(self, name, getattr(inner, name))

    async def mailbox(self, name: str) -> IMailbox:
        return _PlainMailbox(await self._inner.mailbox(name))


@implementer(IMailbox)
class _PlainMailbox:
    """Only what every mailbox must have."""

    state: Any
    entries: Any
    read: Any
    append: Any
    store_flags: Any
    expunge: Any
    watch: Any

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.id, self.name = inner.id, inner.name
        for name in ("state", "entries", "read", "append", "store_flags", "expunge", "watch"):
            setattr(self, name, getattr(inner, name))

    async def facts(self, uids: Any, wanted: Any) -> Any:
        assert set(wanted) <= {Fact.SIZE, Fact.INTERNAL_DATE}
        return await self.inner.facts(uids, wanted)

    async def copy(self, uids: Any, target: Any) -> Any:
        return await self.inner.copy(uids, target.inner)


class PlainStoreTests(MailStoreContract, TestCase):
    """A store without any optional power: the framework does the rest."""

    async def make_store(self) -> Any:
        return _PlainStore(MemoryStore())


class _SQLiteTests(MailStoreContract):
    site: Site

    async def make_store(self) -> Any:
        folder = tempfile.mkdtemp(prefix="mailframe-")
        test: Any = self  # a TestCase, once it is mixed in
        test.addCleanup(shutil.rmtree, folder)
        data = SQLite(folder)
        await data.start(self.site)
        test.addCleanup(data.stop)
        for account in ACCOUNTS:
            await data.add_account(Address.parse(account), "secret")
        return data

    async def test_big_messages_stand_in_files_that_go_with_them(self) -> None:
        store = await self.make_store()
        folder = os.path.join(store.directory, "messages")
        writer = store.spool.begin()
        data = b"Subject: big\r\n\r\n" + os.urandom(300_000).replace(b"\r", b"x").replace(b"\n", b"y")
        for at in range(0, len(data), 50_000):
            writer.write(data[at : at + 50_000])
        message = writer.finish()
        assert isinstance(message.body, FileBody)
        assert await store.deliver(message, [Filing(account) for account in ACCOUNTS]) == {}
        message.discard()
        inboxes = [await (await store.open(account)).mailbox("INBOX") for account in ACCOUNTS]
        for inbox in inboxes:
            assert await inbox.read(1) == data
            assert await inbox.read(1, 10, 20) == data[10:30]
            assert await inbox.read(1, 200_000, 50_000) == data[200_000:250_000]
            assert await inbox.read(1, 0, 7) == data[:7]
        assert len(os.listdir(folder)) == 1
        await inboxes[0].expunge([1], only_deleted=False)
        assert len(os.listdir(folder)) == 1
        await store.remove_account(Address.parse("bob@example.org"))
        assert os.listdir(folder) == []
        assert os.listdir(store.spool.directory) == []

    async def test_a_message_that_a_mailbox_holds_several_times_goes_with_the_last(self) -> None:
        store = await self.make_store()
        folder = os.path.join(store.directory, "messages")
        writer = store.spool.begin()
        writer.write(b"Subject: big\r\n\r\n" + b"x" * 300_000)
        message = writer.finish()
        inbox = await (await store.open("ann@example.org")).mailbox("INBOX")
        await inbox.append(message, frozenset(), None)
        message.discard()
        await inbox.append(NOTE, frozenset(), None)
        for _twice in range(2):
            await inbox.copy([1, 2], inbox)
        await inbox.expunge([1, 3, 6], only_deleted=False)
        assert list((await inbox.entries()).entries.uids) == [2, 4, 5]
        assert (await inbox.read(5, 300_000), await inbox.read(2)) == (b"x" * 16, bytes(NOTE))
        assert len(os.listdir(folder)) == 1
        await inbox.expunge([2, 4, 5], only_deleted=False)
        assert os.listdir(folder) == []
        for table in ("message", "content", "item"):
            assert store._kept.database.read(f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608 - of constants

    async def test_unknown_accounts_are_refused_unless_any_will_do(self) -> None:
        store = await self.make_store()
        await self._raises(errors.NoSuchAccount, store.open("eve@example.org"))
        failed = await store.deliver(NOTE, [Filing("ann@example.org"), Filing("eve@example.org")])
        assert [filing.account for filing in failed] == ["eve@example.org"]
        assert len(await store.deliver(NOTE, [Filing("eve@example.org")])) == 1
        await store.stop()
        store.any_account = True
        await store.start(self.site)
        await store.open("eve@example.org")
        assert await store.deliver(NOTE, [Filing("fred@example.org", "Lists")]) == {}
        fred = await store.open("fred@example.org")
        assert await self._names(fred) == [("INBOX", True), ("Lists", True)]

    async def test_all_is_there_after_it_was_closed_and_opened_again(self) -> None:
        store = await self.make_store()
        inbox = await (await store.open("ann@example.org")).mailbox("INBOX")
        await inbox.append(NOTE, frozenset({"$x"}), 5)
        state = await inbox.state()
        await store.stop()
        await store.start(self.site)
        inbox = await (await store.open("ann@example.org")).mailbox("INBOX")
        assert await inbox.state() == state
        assert await inbox.read(1) == bytes(NOTE)

    async def test_an_operation_that_fails_takes_nothing_with_it(self) -> None:
        store = await self.make_store()
        account = await store.open("ann@example.org")
        inbox = await account.mailbox("INBOX")
        results = [
            inbox.append(NOTE, frozenset(), None),
            account.create("INBOX"),
            inbox.append(NOTE, frozenset(), None),
        ]
        await results[0]
        await self._raises(errors.MailboxExists, results[1])
        await results[2]
        assert (await inbox.state()).messages == 2


class InlineSQLiteTests(_SQLiteTests, TestCase):
    site = Site("mx.example.org", Clock())


class ThreadedSQLiteTests(_SQLiteTests, TestCase):
    site = Site("mx.example.org", reactor, deferToThread)


class SQLiteDataTests(TestCase):
    async def test_two_processes_cannot_have_it_open(self) -> None:
        site = Site("mx.example.org", Clock())
        one = SQLite(path_for(self))
        await one.start(site)
        self.addCleanup(one.stop)
        two = SQLite(one.directory)
        with pytest.raises(errors.Temporary, match=str(os.getpid())):
            await two.start(site)

    async def test_data_of_a_newer_version_is_left_alone(self) -> None:
        site = Site("mx.example.org", Clock())
        data = SQLite(path_for(self))
        await data.start(site)
        kept: Any = data._kept
        kept.database._writer.pragma("user_version", 999)
        await data.stop()
        with pytest.raises(errors.NewerSchema, match="999"):
            await data.start(site)

    async def test_nothing_can_be_asked_before_it_has_started(self) -> None:
        data = SQLite(path_for(self))
        for ask in (lambda: data.queue, lambda: data.store, lambda: data.people):
            self.assertRaises(errors.Temporary, ask)

    async def test_files_that_no_row_names_are_swept_away_at_the_start(self) -> None:
        site = Site("mx.example.org", Clock())
        data = SQLite(path_for(self))
        await data.start(site)
        orphan = os.path.join(data.directory, "messages", "orphan")
        left = os.path.join(data.directory, "spool", "left")
        for path in (orphan, left):
            with open(path, "w"):
                pass
        await data.stop()
        await data.start(site)
        self.addCleanup(data.stop)
        assert not os.path.exists(orphan)
        assert not os.path.exists(left)

    async def test_it_is_readable_for_its_user_alone(self) -> None:
        data = SQLite(path_for(self))
        await data.start(Site("mx.example.org", Clock()))
        self.addCleanup(data.stop)
        assert os.stat(data.directory).st_mode & 0o777 == 0o700
        assert os.stat(os.path.join(data.directory, "mail.sqlite3")).st_mode & 0o077 == 0
