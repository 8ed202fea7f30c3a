"""SQLite: mail, accounts and queue in one directory; the embedded default."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Awaitable, Mapping, Sequence
from functools import partial

from attrs import define, field
from attrs.validators import instance_of, optional
from zope.interface import implementer

from mailframe.address import Address
from mailframe.auth.sqlite import SQLiteAccounts
from mailframe.bodies import Files
from mailframe.errors import Temporary
from mailframe.files import make_directory
from mailframe.interfaces import (
    AccountEntry,
    AliasEntry,
    Credentials,
    Filing,
    IAccount,
    IAccounts,
    IAnswered,
    IAuthenticator,
    IBulkDelivery,
    Identity,
    IDirectory,
    IFellows,
    IJournal,
    IKeepsJournal,
    IKeepsQueue,
    IKeepsSpool,
    IKeepsSuppressions,
    IKeepsTLS,
    IMailStore,
    IPart,
    IRelocatable,
    IShared,
)
from mailframe.journal.retention import Retention
from mailframe.journal.sqlite import SQLiteJournal
from mailframe.queue.sqlite import SQLiteQueue
from mailframe.queue.suppressions import SQLiteSuppressions
from mailframe.site import Site, inline
from mailframe.spool import Message, Spool
from mailframe.sqlite import schema
from mailframe.sqlite.answered import SQLiteAnswered
from mailframe.sqlite.database import Database
from mailframe.sqlite.tls import SQLiteCounts, SQLitePolicies
from mailframe.sqlite.turns import Turns
from mailframe.store.sqlite.kept import Kept
from mailframe.store.sqlite.store import SQLiteStore


class InUse(Temporary):
    """Another process has the data open."""


def _absolute(path: str | os.PathLike[str]) -> str:
    """Return a path that is still right when twistd has changed its working directory."""
    return os.path.abspath(path)


@implementer(
    IMailStore,
    IBulkDelivery,
    IAuthenticator,
    IDirectory,
    IAccounts,
    IAnswered,
    IPart,
    IRelocatable,
    IKeepsQueue,
    IKeepsSpool,
    IKeepsSuppressions,
    IKeepsTLS,
    IKeepsJournal,
    IShared,
)
@define(eq=False)
class SQLite:
    """
    All data of a server. Inert until L{start}; one server at a time has it open, with all its processes.

    @ivar directory: where it is; made when it is not there, readable for this user alone.
    @ivar any_account: make accounts when mail or a login comes for them: for users who stand elsewhere.
    @ivar events: how long the journal remembers; C{None} keeps none, and forgets what there is.
    @ivar spool: where big messages wait while they arrive.
    @ivar queue: the delivery queue; there once it has started.
    """

    directory: str = field(converter=_absolute)
    any_account: bool = False
    events: Retention | None = field(factory=Retention, kw_only=True, validator=optional(instance_of(Retention)))
    spool: Spool = field(init=False)
    _lock: int = field(default=-1, init=False)
    _kept: Kept | None = field(default=None, init=False)
    _store: SQLiteStore | None = field(default=None, init=False)
    _accounts: SQLiteAccounts | None = field(default=None, init=False)
    _queue: SQLiteQueue | None = field(default=None, init=False)
    _suppressions: SQLiteSuppressions | None = field(default=None, init=False)
    _journal: SQLiteJournal = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._journal = SQLiteJournal(self.events)
        self.spool = Spool(self._path("spool"))

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def keep_in(self, directory: str) -> None:
        """Keep everything in another directory."""
        self.directory = directory
        self.spool = Spool(self._path("spool"))

    # --- IPart ----------------------------------------------------------------------------------------------------

    async def start(self, site: Site) -> None:
        """
        Open everything.

        @raise InUse: another process has it open.
        @raise mailframe.errors.NewerSchema: a newer mailframe has written it.
        """
        make_directory(self.directory)
        self._lock = _locked(self._path("lock"), site.is_worker)
        try:
            await self._open(site)
            if site.fellows is not None and not site.is_worker:
                # Shared with the workers, of whom the last one may end after us: nobody else tidies up before that.
                fcntl.flock(self._lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BaseException:
            await self.stop()
            raise

    async def _open(self, site: Site) -> None:
        # A site that runs blocking calls inline, as tests and commands do, wants the database to do so too.
        in_reactor = None if site.in_thread is inline else getattr(site.clock, "callFromThread", None)
        turns = None if site.fellows is None else Turns.at(self._path("turn"))
        database = Database(self._path("mail.sqlite3"), in_reactor, site.clock.callLater, turns=turns)
        old_mask = os.umask(0o077)
        try:
            database.open(schema.prepare)
        finally:
            os.umask(old_mask)
        kept = self._kept = Kept(database, Files(self._path("messages")), site)
        self._store = SQLiteStore(kept, self.any_account)
        self._accounts = SQLiteAccounts(kept)
        self._queue = SQLiteQueue(database, self._path("queue"), site)
        self._suppressions = SQLiteSuppressions(database, site.clock)
        self._journal.start(database, site)
        if site.fellows is not None:
            self._listen(site.fellows)
        if not site.is_worker:
            await self._tidy_up(site)

    def _listen(self, fellows: IFellows) -> None:
        """Hear what other processes change, and tell them what this one does."""
        assert self._kept is not None
        mailboxes, people = self._path("mailboxes"), self._path("people")
        self._kept.watchers.beyond = partial(fellows.tell, mailboxes)
        fellows.listen(mailboxes, self._kept.watchers.heard)
        self.people.changed = partial(fellows.tell, people)
        fellows.listen(people, self.people.heard)
        self.queue.share(fellows, self._path("queue"))

    async def _tidy_up(self, site: Site) -> None:
        """Remove what a crash has left, while no other process has it open."""
        assert self._kept is not None
        database, files = self._kept.database, self._kept.files
        self.spool.clear()
        await self.queue.start()
        rows = database.read("SELECT file FROM content WHERE file IS NOT NULL")
        await site.in_thread(files.sweep, {name for (name,) in rows})

    async def stop(self) -> None:
        """Finish what was asked for, and close."""
        self._journal.stop()
        if self._kept is not None:
            self._kept.database.close()
        self._kept = self._store = self._accounts = self._queue = self._suppressions = None
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # --- what stands inside ---------------------------------------------------------------------------------------

    @property
    def queue(self) -> SQLiteQueue:
        """The delivery queue."""
        if self._queue is None:
            raise _not_open()
        return self._queue

    @property
    def journal(self) -> IJournal | None:
        """The journal, if one is kept."""
        return None if self.events is None else self._journal

    @property
    def suppressions(self) -> SQLiteSuppressions:
        """Who on other servers gets no mail."""
        if self._suppressions is None:
            raise _not_open()
        return self._suppressions

    @property
    def store(self) -> SQLiteStore:
        """The mail store."""
        if self._store is None:
            raise _not_open()
        return self._store

    @property
    def people(self) -> SQLiteAccounts:
        """Accounts and aliases."""
        if self._accounts is None:
            raise _not_open()
        return self._accounts

    @property
    def policies(self) -> SQLitePolicies:
        """MTA-STS policies of other domains."""
        return SQLitePolicies(self._database)

    @property
    def tls_counts(self) -> SQLiteCounts:
        """How TLS with other servers went."""
        return SQLiteCounts(self._database)

    @property
    def _database(self) -> Database:
        if self._kept is None:
            raise _not_open()
        return self._kept.database

    # --- the powers, by whoever has them --------------------------------------------------------------------------

    def open(self, account: str) -> Awaitable[IAccount]:
        """Return an account's mail."""
        return self.store.open(account)

    def deliver(self, message: Message, filings: Sequence[Filing]) -> Awaitable[Mapping[Filing, Exception]]:
        """Store one message for many accounts."""
        return self.store.deliver(message, filings)

    def authenticate(self, credentials: Credentials) -> Awaitable[Identity]:
        """Check credentials."""
        return self.people.authenticate(credentials)

    def find(self, address: Address) -> Awaitable[AccountEntry | AliasEntry | None]:
        """Look an address up."""
        return self.people.find(address)

    def add_account(self, address: Address, password: str) -> Awaitable[None]:
        """Add an account."""
        return self.people.add_account(address, password)

    def set_password(self, address: Address, password: str) -> Awaitable[None]:
        """Change a password."""
        return self.people.set_password(address, password)

    def remove_account(self, address: Address) -> Awaitable[None]:
        """Remove an account and its mail."""
        return self.people.remove_account(address)

    def accounts(self) -> Awaitable[Sequence[Address]]:
        """Return all accounts."""
        return self.people.accounts()

    def add_alias(self, address: Address, targets: Sequence[Address]) -> Awaitable[None]:
        """Add an alias."""
        return self.people.add_alias(address, targets)

    def remove_alias(self, address: Address) -> Awaitable[None]:
        """Remove an alias."""
        return self.people.remove_alias(address)

    def answer_first(self, answerer: str, to: str, now: float, since: float) -> Awaitable[bool]:
        """Remember an automatic answer."""
        return SQLiteAnswered(self._database).answer_first(answerer, to, now, since)

    def aliases(self) -> Awaitable[Sequence[tuple[Address, Sequence[Address]]]]:
        """Return all aliases."""
        return self.people.aliases()


def _not_open() -> Temporary:
    return Temporary("The data is not open")


def _locked(path: str, shared: bool) -> int:
    """Return the descriptor that holds the lock for as long as it is open."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        owner = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise InUse(f"Process {owner} has {os.path.dirname(path)} open: stop it first") from None
    if shared:
        return descriptor
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    return descriptor
