"""What the C{mailframe} command can do with accounts and aliases."""

from __future__ import annotations

from typing import Any

from mailframe.administration.requests import Area, BadRequest, Request, address_in, parsed
from mailframe.interfaces import IAccounts

PASSWORD_CHARACTERS = 1024
"""Of a new password: longer ones are a mistake."""


async def _add_user(accounts: IAccounts, request: Request) -> None:
    await accounts.add_account(address_in(request), _password(request))


async def _list_users(accounts: IAccounts, request: Request) -> list[str]:
    return [str(address) for address in await accounts.accounts()]


async def _set_password(accounts: IAccounts, request: Request) -> None:
    await accounts.set_password(address_in(request), _password(request))


async def _remove_user(accounts: IAccounts, request: Request) -> None:
    await accounts.remove_account(address_in(request))


async def _add_alias(accounts: IAccounts, request: Request) -> None:
    texts = request.get("targets")
    if not isinstance(texts, list) or not texts:
        raise BadRequest("an alias needs at least one target")
    await accounts.add_alias(address_in(request), [parsed(text) for text in texts])


async def _list_aliases(accounts: IAccounts, request: Request) -> list[list[Any]]:
    return [[str(address), [str(target) for target in targets]] for address, targets in await accounts.aliases()]


async def _remove_alias(accounts: IAccounts, request: Request) -> None:
    await accounts.remove_alias(address_in(request))


def _password(request: Request) -> str:
    password = request.get("password")
    if not isinstance(password, str) or not 0 < len(password) <= PASSWORD_CHARACTERS:
        raise BadRequest(f"a password has 1 to {PASSWORD_CHARACTERS} characters")
    if "\0" in password:
        raise BadRequest("a password has no NUL: no client could send it (RFC 4616 2)")
    return password


ACCOUNTS = Area(
    lambda administered: administered.accounts,
    "this server has no accounts that can be changed here",
    {
        "user add": _add_user,
        "user list": _list_users,
        "user password": _set_password,
        "user remove": _remove_user,
        "alias add": _add_alias,
        "alias list": _list_aliases,
        "alias remove": _remove_alias,
    },
)
