"""The contracts of L{mailframe.interfaces.IAuthenticator}, C{IDirectory} and C{IAccounts}, as tests of every promise.

Mix one into a C{twisted.trial.unittest.TestCase}: L{AuthenticatorContract} and L{DirectoryContract} for what only lets
in or only looks up, L{AccountsContract} for what is both and can be changed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping, Sequence
from typing import Any

from zope.interface.verify import verifyObject

from mailframe.address import Address
from mailframe.errors import AlreadyExists, BadCredentials, NoSuchAccount
from mailframe.interfaces import (
    AccountEntry,
    AliasEntry,
    IAccounts,
    IAuthenticator,
    IDirectory,
    Password,
)

__all__ = ["AccountsContract", "AuthenticatorContract", "DirectoryContract"]

ANN, BOB, INFO = map(Address.parse, ("ann@example.org", "bob@example.org", "info@example.org"))


async def raises(kind: type[Exception], awaitable: Awaitable[Any]) -> None:
    """Assert that awaiting something raises that kind of exception."""
    try:
        await awaitable
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was not raised")


class AuthenticatorContract:
    """What whoever decides about passwords promises."""

    async def make_authenticator(self, passwords: Mapping[str, str]) -> Any:
        """Return an L{IAuthenticator} that knows these addresses and no others."""
        raise NotImplementedError("a contract is tested on an implementation: define make_authenticator")

    async def test_it_is_an_authenticator(self) -> None:
        verifyObject(IAuthenticator, await self.make_authenticator({}))

    async def test_the_right_password_lets_in(self) -> None:
        users = await self.make_authenticator({"ann@example.org": "secret", "bob@example.org": "other"})
        ann = await users.authenticate(Password("ann@example.org", "secret"))
        bob = await users.authenticate(Password("bob@example.org", "other"))
        assert ann.account
        assert bob.account not in ("", ann.account)
        again = await users.authenticate(Password("ann@example.org", "secret"))
        assert again.account == ann.account

    async def test_no_other_password_does(self) -> None:
        users = await self.make_authenticator({"ann@example.org": "secret", "bob@example.org": "other"})
        for wrong in ("Secret", "secret ", " secret", "other", "secre", "", "\0", "s" * 1000):
            await raises(BadCredentials, users.authenticate(Password("ann@example.org", wrong)))

    async def test_nobody_else_comes_in(self) -> None:
        users = await self.make_authenticator({"ann@example.org": "secret"})
        for name in ("eve@example.org", "ann@example.com", "ann", "", "@example.org", "ann@", "a\0b@example.org"):
            await raises(BadCredentials, users.authenticate(Password(name, "secret")))

    async def test_a_password_may_have_any_characters(self) -> None:
        for password in ("p: w", "pässwörd", "密码", "a'b\"c\\d", "x" * 200):
            users = await self.make_authenticator({"ann@example.org": password})
            assert (await users.authenticate(Password("ann@example.org", password))).account


class DirectoryContract:
    """What whoever knows addresses promises."""

    async def make_directory(self, accounts: Collection[str], aliases: Mapping[str, Sequence[str]]) -> Any:
        """Return an L{IDirectory} that knows these addresses and no others."""
        raise NotImplementedError("a contract is tested on an implementation: define make_directory")

    async def test_it_is_a_directory(self) -> None:
        verifyObject(IDirectory, await self.make_directory([], {}))

    async def test_accounts_are_found(self) -> None:
        directory = await self.make_directory(["ann@example.org", "bob@example.org"], {})
        ann, bob = [await directory.find(each) for each in (ANN, BOB)]
        assert isinstance(ann, AccountEntry)
        assert isinstance(bob, AccountEntry)
        assert ann != bob
        assert await directory.find(ANN) == ann

    async def test_aliases_are_found_with_their_targets(self) -> None:
        targets = ["ann@example.org", "x@y.test"]
        directory = await self.make_directory(["ann@example.org"], {"info@example.org": targets})
        entry = await directory.find(INFO)
        assert isinstance(entry, AliasEntry)
        assert list(entry.targets) == list(map(Address.parse, targets))

    async def test_others_are_unknown(self) -> None:
        directory = await self.make_directory(["ann@example.org"], {})
        for text in ("eve@example.org", "ann@example.com", '"ann@example.org"@example.org', "ann@sub.example.org"):
            assert await directory.find(Address.parse(text)) is None


class AccountsContract(AuthenticatorContract, DirectoryContract):
    """What accounts that can be changed promise: what is done is seen by the very next question."""

    async def make_accounts(self) -> Any:
        """Return an empty L{IAccounts} that is an L{IAuthenticator} and an L{IDirectory} too."""
        raise NotImplementedError("a contract is tested on an implementation: define make_accounts")

    async def make_authenticator(self, passwords: Mapping[str, str]) -> Any:
        """Make it of empty accounts."""
        users = await self.make_accounts()
        for address, password in passwords.items():
            await users.add_account(Address.parse(address), password)
        return users

    async def make_directory(self, accounts: Collection[str], aliases: Mapping[str, Sequence[str]]) -> Any:
        """Make it of empty accounts."""
        users = await self.make_authenticator(dict.fromkeys(accounts, "secret"))
        for address, targets in aliases.items():
            await users.add_alias(Address.parse(address), list(map(Address.parse, targets)))
        return users

    async def test_it_can_be_changed(self) -> None:
        verifyObject(IAccounts, await self.make_accounts())

    async def test_addresses_have_no_case_whoever_writes_them(self) -> None:
        users = await self.make_accounts()
        await users.add_account(Address.parse("Ann@Example.org"), "secret")
        entry = await users.find(ANN)
        identity = await users.authenticate(Password("aNN@example.ORG", "secret"))
        assert entry == AccountEntry(identity.account)
        assert await users.find(Address.parse("ANN@EXAMPLE.ORG")) == entry

    async def test_a_subaddress_leads_to_the_account(self) -> None:
        users = await self.make_authenticator({"ann@example.org": "secret"})
        assert await users.find(Address.parse("ann+lists@example.org")) == await users.find(ANN)
        assert await users.find(Address.parse("+ann@example.org")) is None

    async def test_a_changed_password_replaces_the_old_one_at_once(self) -> None:
        users = await self.make_authenticator({"ann@example.org": "old"})
        await users.authenticate(Password("ann@example.org", "old"))
        await users.set_password(ANN, "new")
        await raises(BadCredentials, users.authenticate(Password("ann@example.org", "old")))
        await users.authenticate(Password("ann@example.org", "new"))
        await raises(NoSuchAccount, users.set_password(BOB, "x"))

    async def test_accounts_are_listed_in_order(self) -> None:
        users = await self.make_authenticator({"bob@example.org": "b", "ann@example.org": "a"})
        assert [str(each) for each in await users.accounts()] == ["ann@example.org", "bob@example.org"]

    async def test_an_account_is_there_once(self) -> None:
        users = await self.make_authenticator({"ann@example.org": "a"})
        await raises(AlreadyExists, users.add_account(ANN, "b"))
        await users.authenticate(Password("ann@example.org", "a"))

    async def test_a_removed_account_is_gone(self) -> None:
        users = await self.make_authenticator({"ann@example.org": "a"})
        await users.authenticate(Password("ann@example.org", "a"))
        await users.remove_account(ANN)
        await raises(NoSuchAccount, users.remove_account(ANN))
        await raises(BadCredentials, users.authenticate(Password("ann@example.org", "a")))
        assert await users.find(ANN) is None
        assert list(await users.accounts()) == []

    async def test_no_answer_outlives_a_change(self) -> None:
        users = await self.make_authenticator({"ann@example.org": "a"})
        detail = Address.parse("ann+lists@example.org")
        ann = await users.find(ANN)
        assert await users.find(detail) == ann
        await users.add_account(detail, "b")
        assert await users.find(detail) not in (None, ann)
        await users.remove_account(detail)
        assert await users.find(detail) == ann
        await users.add_alias(detail, [BOB])
        assert await users.find(detail) == AliasEntry((BOB,))
        await users.remove_alias(detail)
        assert await users.find(detail) == ann
        await users.remove_account(ANN)
        assert await users.find(detail) is None

    async def test_aliases_are_listed_and_removed(self) -> None:
        users = await self.make_directory(["ann@example.org"], {"info@example.org": ["ann@example.org"]})
        await raises(AlreadyExists, users.add_alias(INFO, [BOB]))
        await raises(AlreadyExists, users.add_account(INFO, "x"))
        await raises(AlreadyExists, users.add_alias(ANN, [BOB]))
        assert [(name, list(targets)) for name, targets in await users.aliases()] == [(INFO, [ANN])]
        await users.remove_alias(INFO)
        await raises(NoSuchAccount, users.remove_alias(INFO))
        assert await users.find(INFO) is None
