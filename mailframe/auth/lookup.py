"""How an address is found among those that are known: case, subaddresses and catch-alls are decided here alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from mailframe.address import Address
from mailframe.interfaces import AccountEntry, AliasEntry

Entry: TypeAlias = AccountEntry | AliasEntry

DELIMITER = "+"
"""Separates a subaddress: mail for ann+lists@ goes to ann@ (RFC 5233)."""


def name_of(address: Address) -> str:
    """
    Return the one form in which an address is looked up: local parts are compared without case. RFC 5321 2.4 allows
    them to differ by case, but nobody who gives out addresses means two people by it.
    """
    return f"{address.local.lower()}@{address.domain}"


def candidates(address: Address, delimiter: str = DELIMITER) -> Iterator[str]:
    """Yield the names under which an address may be known, the most exact first; C{@domain} is the catch-all."""
    yield name_of(address)
    base, found, _detail = address.local.partition(delimiter) if delimiter else (address.local, "", "")
    if found and base:
        yield name_of(Address(base, address.domain))
    yield f"@{address.domain}"


def find(address: Address, known: Callable[[str], Entry | None], delimiter: str = DELIMITER) -> Entry | None:
    """Return what is known of the first candidate of which anything is."""
    for name in candidates(address, delimiter):
        if (entry := known(name)) is not None:
            return entry
    return None


def login_name(username: str) -> str | None:
    """Return the account's name that a user name means, or C{None} when it is no address."""
    try:
        return name_of(Address.parse(username))
    except ValueError:
        return None
