"""Accounts and aliases in the database that holds their mail."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from attrs import define, field
from zope.interface import implementer

from mailframe.address import Address
from mailframe.auth.hashing import hash_password
from mailframe.auth.lookup import find, login_name, name_of
from mailframe.auth.verifying import Verifier
from mailframe.errors import AlreadyExists, NoSuchAccount
from mailframe.interfaces import (
    AccountEntry,
    AliasEntry,
    IAccounts,
    IAuthenticator,
    Identity,
    IDirectory,
    Password,
)
from mailframe.sqlite.database import Writer
from mailframe.store.sqlite.kept import Kept
from mailframe.store.sqlite.store import drop_account, ensure_account, find_account

REMEMBERED = 10_000
"""Addresses whose account or alias is kept in memory."""


@implementer(IAuthenticator, IDirectory, IAccounts)
@define(eq=False)
class SQLiteAccounts:
    """
    An account without a password, made by a delivery for users who stand elsewhere, cannot log in here.

    @ivar changed: called after each change here: other processes remember too.
    @ivar remembers: answers about addresses that are kept in memory; when they are more, all are forgotten.
    """

    kept: Kept
    changed: Callable[[], object] | None = None
    remembers: int = REMEMBERED
    _verifier: Verifier = field(init=False)
    _remembered: dict[Address, AccountEntry | AliasEntry] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._verifier = Verifier(self.kept.site)

    async def authenticate(self, credentials: Password) -> Identity:
        """Check a password."""
        name = login_name(credentials.username)
        rows = self.kept.database.read("SELECT password, address FROM account WHERE name = ?", (name,)) if name else []
        await self._verifier.check(credentials.password, rows[0][0] if rows else None)
        return Identity(name or "", frozenset({Address.parse(rows[0][1])}))

    async def find(self, address: Address) -> AccountEntry | AliasEntry | None:
        """Look an address up: every message asks twice, and who asks often is answered without the database."""
        entry = self._remembered.get(address)
        if entry is None:
            entry = find(address, self._known)
            if entry is not None:
                self._remember(address, entry)
        return entry

    def _remember(self, address: Address, entry: AccountEntry | AliasEntry) -> None:
        if len(self._remembered) >= self.remembers:
            self._remembered.clear()
        self._remembered[address] = entry

    def _forget(self, _result: object) -> None:
        """Something has changed: here alone, and where others listen, are accounts and aliases made."""
        self.heard()
        if self.changed is not None:
            self.changed()

    def heard(self, _what: object = None) -> None:
        """Another process has changed something."""
        self._remembered.clear()

    def _known(self, name: str) -> AccountEntry | AliasEntry | None:
        if self.kept.database.read("SELECT 1 FROM account WHERE name = ? AND password IS NOT NULL", (name,)):
            return AccountEntry(name)
        for (targets,) in self.kept.database.read("SELECT targets FROM alias WHERE name = ?", (name,)):
            return AliasEntry(tuple(map(Address.parse, json.loads(targets))))
        return None

    async def add_account(self, address: Address, password: str) -> None:
        """Add an account."""
        stored = await self.kept.site.in_thread(hash_password, password)

        def add(connection: Writer) -> None:
            _demand_new(connection, address)
            number = ensure_account(connection, name_of(address))
            connection.execute(
                "UPDATE account SET password = ?, address = ? WHERE id = ?", (stored, str(address), number)
            )

        await self.kept.database.write(add, self._forget)

    async def set_password(self, address: Address, password: str) -> None:
        """Change a password."""
        stored = await self.kept.site.in_thread(hash_password, password)

        def change(connection: Writer) -> None:
            connection.execute("UPDATE account SET password = ? WHERE name = ?", (stored, name_of(address)))
            _demand_changed(connection, address)

        await self.kept.database.write(change)

    async def remove_account(self, address: Address) -> None:
        """Remove an account and its mail."""

        def remove(connection: Writer) -> tuple[list[int], list[str]]:
            number = find_account(connection, name_of(address))
            if number is None:
                raise NoSuchAccount(f"There is no {address}")
            return drop_account(connection, number)

        def removed(result: tuple[list[int], list[str]]) -> None:
            self._forget(result)
            self.kept.watchers.notify(result[0])

        _mailboxes, files = await self.kept.database.write(remove, removed)
        await self.kept.drop(files)

    async def accounts(self) -> Sequence[Address]:
        """Return all accounts."""
        rows = self.kept.database.read("SELECT address FROM account WHERE password IS NOT NULL ORDER BY name")
        return [Address.parse(address) for (address,) in rows]

    async def add_alias(self, address: Address, targets: Sequence[Address]) -> None:
        """Add an alias."""
        row = (name_of(address), str(address), json.dumps(list(map(str, targets))))

        def add(connection: Writer) -> None:
            _demand_new(connection, address)
            connection.execute("INSERT INTO alias (name, address, targets) VALUES (?, ?, ?)", row)

        await self.kept.database.write(add, self._forget)

    async def remove_alias(self, address: Address) -> None:
        """Remove an alias."""

        def remove(connection: Writer) -> None:
            connection.execute("DELETE FROM alias WHERE name = ?", (name_of(address),))
            _demand_changed(connection, address)

        await self.kept.database.write(remove, self._forget)

    async def aliases(self) -> Sequence[tuple[Address, Sequence[Address]]]:
        """Return all aliases."""
        rows = self.kept.database.read("SELECT address, targets FROM alias ORDER BY name")
        return [(Address.parse(address), list(map(Address.parse, json.loads(targets)))) for address, targets in rows]


# --- operations: they are given the writing connection ----------------------------------------------------------------


def _demand_new(connection: Writer, address: Address) -> None:
    taken = connection.execute(
        "SELECT 1 FROM account WHERE name = ?1 AND password IS NOT NULL UNION SELECT 1 FROM alias WHERE name = ?1",
        (name_of(address),),
    ).fetchall()
    if taken:
        raise AlreadyExists(f"{address} is there already")


def _demand_changed(connection: Writer, address: Address) -> None:
    if connection.changes() == 0:
        raise NoSuchAccount(f"There is no {address}")
