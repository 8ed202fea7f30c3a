"""Accounts and aliases in a text file: a line each, read again when the file changes.

::

    # an account: its address and the hash of its password, as `mailframe user add` writes it
    ann@example.org: $argon2id$v=19$m=19456,t=2,p=1$...
    # an alias: its address and where its mail goes; @domain catches all that is unknown there
    info@example.org = ann@example.org, bob@example.org
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TypeVar

from attrs import define, evolve, field, frozen
from zope.interface import implementer

from mailframe.address import Address, parse_domain
from mailframe.auth import hashing
from mailframe.auth.lookup import find, login_name, name_of
from mailframe.auth.verifying import Verifier
from mailframe.errors import AlreadyExists, NoSuchAccount, Temporary
from mailframe.files import write_durably
from mailframe.interfaces import (
    AccountEntry,
    AliasEntry,
    IAccounts,
    IAuthenticator,
    Identity,
    IDirectory,
    IPart,
    IShared,
    Password,
)
from mailframe.site import Site

T = TypeVar("T")


class BadFile(ValueError):
    """The file is malformed; the text names file and line."""


@frozen
class Contents:
    """
    @ivar accounts: address and hash, by name.
    @ivar aliases: address as given and targets, by name.
    """

    accounts: Mapping[str, tuple[Address, str]]
    aliases: Mapping[str, tuple[str, tuple[Address, ...]]]


def parse(text: str, path: str) -> Contents:
    """
    Read a file.

    @param path: named in errors.
    @raise BadFile: a line is malformed.
    """
    accounts: dict[str, tuple[Address, str]] = {}
    aliases: dict[str, tuple[str, tuple[Address, ...]]] = {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        try:
            _parse_line(line, accounts, aliases)
        except ValueError as problem:
            raise BadFile(f"{path}:{number}: {problem}") from None
    return Contents(accounts, aliases)


def _parse_line(
    line: str, accounts: dict[str, tuple[Address, str]], aliases: dict[str, tuple[str, tuple[Address, ...]]]
) -> None:
    left, equals, right = line.partition(" = ")
    if equals:
        name = f"@{parse_domain(left[1:])}" if left.startswith("@") else name_of(Address.parse(left.strip()))
        targets = tuple(Address.parse(target.strip()) for target in right.split(","))
        if name in aliases or name in accounts:
            raise ValueError(f"{left} is there twice")
        aliases[name] = (left.strip(), targets)
        return
    left, colon, stored = line.rpartition(": ")
    if not colon:
        raise ValueError("wanted 'address: hash' or 'address = target, target'")
    address = Address.parse(left.strip())
    hashing.check_form(stored.strip())
    if name_of(address) in accounts or name_of(address) in aliases:
        raise ValueError(f"{address} is there twice")
    accounts[name_of(address)] = (address, stored.strip())


def written(contents: Contents) -> str:
    """Return the text that L{parse} reads."""
    lines = [f"{address}: {stored}\n" for address, stored in contents.accounts.values()]
    lines += [f"{given} = {', '.join(map(str, targets))}\n" for given, targets in contents.aliases.values()]
    return "".join(lines)


@implementer(IAuthenticator, IDirectory, IAccounts, IPart, IShared)
@define(eq=False)
class PasswordFile:
    """
    An authenticator and directory on a text file. It is a part of the server (C{run=}), which starts it.

    Changes by the C{mailframe} command replace the file as a whole, and with it its remarks.

    @ivar path: of the file.
    """

    path: str = field(converter=os.fspath)
    _site: Site | None = field(default=None, init=False)
    _verifier: Verifier | None = field(default=None, init=False)
    _stamp: tuple[int, int, int] | None = field(default=None, init=False)
    _contents: Contents = field(factory=lambda: Contents({}, {}), init=False)

    async def start(self, site: Site) -> None:
        """
        Read the file.

        @raise BadFile: it is malformed.
        @raise OSError: it cannot be read.
        """
        self._site, self._verifier = site, Verifier(site)
        self._read()

    async def stop(self) -> None:
        """There is nothing to end."""

    def _read(self) -> None:
        info = os.stat(self.path)
        stamp = (info.st_mtime_ns, info.st_size, info.st_ino)
        if stamp != self._stamp:
            with open(self.path, encoding="utf-8") as file:
                self._contents = parse(file.read(), self.path)
            self._stamp = stamp

    def _now(self) -> Contents:
        """Return what the file says now; while it cannot be read, nobody is unknown and nobody is known."""
        try:
            self._read()
        except (OSError, ValueError) as problem:
            raise Temporary("The accounts cannot be read now") from problem
        return self._contents

    async def authenticate(self, credentials: Password) -> Identity:
        """Check a password."""
        assert self._verifier is not None, "PasswordFile stands in the server's run="
        name = login_name(credentials.username) or ""
        found = self._now().accounts.get(name)
        await self._verifier.check(credentials.password, found[1] if found else None)
        assert found is not None, "nobody's password is never right"
        return Identity(name, frozenset({found[0]}))

    async def find(self, address: Address) -> AccountEntry | AliasEntry | None:
        """Look an address up."""
        return find(address, self._known)

    def _known(self, name: str) -> AccountEntry | AliasEntry | None:
        contents = self._now()
        if name in contents.accounts:
            return AccountEntry(name)
        return AliasEntry(contents.aliases[name][1]) if name in contents.aliases else None

    # --- changes --------------------------------------------------------------------------------------------------

    async def add_account(self, address: Address, password: str) -> None:
        """Add an account."""
        stored = await self._hash(password)
        contents = self._demand_new(address)
        self._write(evolve(contents, accounts={**contents.accounts, name_of(address): (address, stored)}))

    async def set_password(self, address: Address, password: str) -> None:
        """Change a password."""
        stored = await self._hash(password)
        contents = self._demand(address, self._now().accounts)
        self._write(evolve(contents, accounts={**contents.accounts, name_of(address): (address, stored)}))

    async def remove_account(self, address: Address) -> None:
        """Remove an account; its mail is the store's business."""
        contents = self._demand(address, self._now().accounts)
        self._write(evolve(contents, accounts=_without(contents.accounts, name_of(address))))

    async def accounts(self) -> Sequence[Address]:
        """Return all accounts."""
        return [address for _name, (address, _stored) in sorted(self._now().accounts.items())]

    async def add_alias(self, address: Address, targets: Sequence[Address]) -> None:
        """Add an alias."""
        contents = self._demand_new(address)
        entry = (str(address), tuple(targets))
        self._write(evolve(contents, aliases={**contents.aliases, name_of(address): entry}))

    async def remove_alias(self, address: Address) -> None:
        """Remove an alias."""
        contents = self._demand(address, self._now().aliases)
        self._write(evolve(contents, aliases=_without(contents.aliases, name_of(address))))

    async def aliases(self) -> Sequence[tuple[Address, Sequence[Address]]]:
        """Return all aliases of single addresses."""
        aliases = sorted(self._now().aliases.items())
        return [(Address.parse(name), targets) for name, (_given, targets) in aliases if not name.startswith("@")]

    async def _hash(self, password: str) -> str:
        assert self._site is not None, "PasswordFile stands in the server's run="
        return await self._site.in_thread(hashing.hash_password, password)

    def _write(self, contents: Contents) -> None:
        try:
            write_durably(self.path, written(contents).encode("utf-8"))
        except OSError as problem:
            raise Temporary(f"{self.path} cannot be written") from problem

    def _demand_new(self, address: Address) -> Contents:
        contents = self._now()
        if name_of(address) in contents.accounts or name_of(address) in contents.aliases:
            raise AlreadyExists(f"{address} is there already")
        return contents

    def _demand(self, address: Address, among: Mapping[str, object]) -> Contents:
        if name_of(address) not in among:
            raise NoSuchAccount(f"There is no {address}")
        return self._contents


def _without(entries: Mapping[str, T], name: str) -> dict[str, T]:
    return {key: value for key, value in entries.items() if key != name}
