"""Accounts in memory: for tests and for programs that know their few users."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence

from attrs import define, field
from zope.interface import implementer

from mailframe.address import Address
from mailframe.auth.lookup import find, login_name, name_of
from mailframe.errors import AlreadyExists, BadCredentials, NoSuchAccount
from mailframe.interfaces import (
    AccountEntry,
    AliasEntry,
    IAccounts,
    IAuthenticator,
    Identity,
    IDirectory,
    Password,
)


@implementer(IAuthenticator, IDirectory, IAccounts)
@define(eq=False)
class MemoryAccounts:
    """Passwords are kept as they are, in memory only; build it with L{MemoryAccounts.of}."""

    _passwords: dict[str, str] = field(factory=dict, repr=False)
    _aliases: dict[str, tuple[Address, ...]] = field(factory=dict)

    @classmethod
    def of(cls, passwords: Mapping[str, str], aliases: Mapping[str, Sequence[str]] | None = None) -> MemoryAccounts:
        """
        Make accounts and aliases.

        @param passwords: by address.
        @param aliases: target addresses by address, or by C{@domain} for a catch-all.
        @raise ValueError: one of them is no address.
        """
        return cls(
            {name_of(Address.parse(address)): password for address, password in passwords.items()},
            {address.lower(): tuple(map(Address.parse, targets)) for address, targets in (aliases or {}).items()},
        )

    async def authenticate(self, credentials: Password) -> Identity:
        """Check a password."""
        name = login_name(credentials.username)
        stored = self._passwords.get(name or "")
        if not hmac.compare_digest((stored or "").encode(), credentials.password.encode()) or not stored:
            raise BadCredentials("Authentication failed")
        return Identity(name or "", frozenset({Address.parse(name or "")}))

    async def find(self, address: Address) -> AccountEntry | AliasEntry | None:
        """Look an address up."""
        return find(address, self._known)

    def _known(self, name: str) -> AccountEntry | AliasEntry | None:
        if name in self._passwords:
            return AccountEntry(name)
        if name in self._aliases:
            return AliasEntry(self._aliases[name])
        return None

    async def add_account(self, address: Address, password: str) -> None:
        """Add an account."""
        self._demand_new(address)
        self._passwords[name_of(address)] = password

    async def set_password(self, address: Address, password: str) -> None:
        """Change a password."""
        self._demand(address, self._passwords)
        self._passwords[name_of(address)] = password

    async def remove_account(self, address: Address) -> None:
        """Remove an account."""
        self._demand(address, self._passwords)
        del self._passwords[name_of(address)]

    async def accounts(self) -> Sequence[Address]:
        """Return all accounts."""
        return [Address.parse(name) for name in sorted(self._passwords)]

    async def add_alias(self, address: Address, targets: Sequence[Address]) -> None:
        """Add an alias."""
        self._demand_new(address)
        self._aliases[name_of(address)] = tuple(targets)

    async def remove_alias(self, address: Address) -> None:
        """Remove an alias."""
        self._demand(address, self._aliases)
        del self._aliases[name_of(address)]

    async def aliases(self) -> Sequence[tuple[Address, Sequence[Address]]]:
        """Return all aliases of single addresses."""
        return [(Address.parse(name), targets) for name, targets in sorted(self._aliases.items()) if name[0] != "@"]

    def _demand_new(self, address: Address) -> None:
        if self._known(name_of(address)) is not None:
            raise AlreadyExists(f"{address} is there already")

    def _demand(self, address: Address, among: Mapping[str, object]) -> None:
        if name_of(address) not in among:
            raise NoSuchAccount(f"There is no {address}")
