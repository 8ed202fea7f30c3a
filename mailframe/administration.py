"""What the C{mailframe} command can ask of a directory: requests and answers as plain values, one table of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from mailframe.address import Address
from mailframe.errors import MailError
from mailframe.interfaces import IAccounts

Request: TypeAlias = Mapping[str, Any]
"""C{do}, a key of L{ACTIONS}, and its arguments; all of it can be said in JSON."""

PASSWORD_CHARACTERS = 1024
"""Of a new password: longer ones are a mistake."""


class BadRequest(MailError):
    """The request makes no sense; the message says why."""


async def perform(accounts: IAccounts, request: Request) -> Any:
    """
    Do what a request says.

    @return: what is to be shown, as JSON values.
    @raise BadRequest: it makes no sense.
    @raise MailError: it could not be done.
    """
    action = ACTIONS.get(request.get("do", ""))
    if action is None:
        raise BadRequest("no such action")
    return await action(accounts, request)


async def _add_user(accounts: IAccounts, request: Request) -> None:
    await accounts.add_account(_address(request), _password(request))


async def _list_users(accounts: IAccounts, request: Request) -> list[str]:
    return [str(address) for address in await accounts.accounts()]


async def _set_password(accounts: IAccounts, request: Request) -> None:
    await accounts.set_password(_address(request), _password(request))


async def _remove_user(accounts: IAccounts, request: Request) -> None:
    await accounts.remove_account(_address(request))


async def _add_alias(accounts: IAccounts, request: Request) -> None:
    texts = request.get("targets")
    if not isinstance(texts, list) or not texts:
        raise BadRequest("an alias needs at least one target")
    await accounts.add_alias(_address(request), [_parsed(text) for text in texts])


async def _list_aliases(accounts: IAccounts, request: Request) -> list[list[Any]]:
    return [[str(address), [str(target) for target in targets]] for address, targets in await accounts.aliases()]


async def _remove_alias(accounts: IAccounts, request: Request) -> None:
    await accounts.remove_alias(_address(request))


ACTIONS: Mapping[str, Callable[[IAccounts, Request], Awaitable[Any]]] = {
    "user add": _add_user,
    "user list": _list_users,
    "user password": _set_password,
    "user remove": _remove_user,
    "alias add": _add_alias,
    "alias list": _list_aliases,
    "alias remove": _remove_alias,
}


def _address(request: Request) -> Address:
    return _parsed(request.get("address"))


def _parsed(text: Any) -> Address:
    if not isinstance(text, str):
        raise BadRequest("an address is missing")
    try:
        return Address.parse(text)
    except ValueError as error:
        raise BadRequest(f"{text!r}: {error}") from None


def _password(request: Request) -> str:
    password = request.get("password")
    if not isinstance(password, str) or not 0 < len(password) <= PASSWORD_CHARACTERS:
        raise BadRequest(f"a password has 1 to {PASSWORD_CHARACTERS} characters")
    if "\0" in password:
        raise BadRequest("a password has no NUL: no client could send it (RFC 4616 2)")
    return password
