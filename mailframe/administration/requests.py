"""Requests of the C{mailframe} command: plain values, read here, and refused where they make no sense."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from attrs import frozen

from mailframe.address import Address
from mailframe.errors import MailError
from mailframe.interfaces import IAccounts, IKeepsJournal

Request: TypeAlias = Mapping[str, Any]
"""C{do}, the name of an action, and its arguments; all of it can be said in JSON."""

Action: TypeAlias = Callable[[Any, Request], Awaitable[Any]]
"""Does what a request says with the part that its area is about, and returns what is to be shown, as JSON values."""


class BadRequest(MailError):
    """The request makes no sense; the message says why."""


@frozen(kw_only=True)
class Administered:
    """
    What a server has that can be looked at and changed; C{None} for what it has not.

    @ivar accounts: its accounts and aliases.
    @ivar queue: its delivery queue, or something with one as its C{queue} once it is started.
    @ivar journal: what keeps its journal.
    @ivar suppressions: its list of those that no mail is sent to, or something with one as its C{suppressions}.
    """

    accounts: IAccounts | None = None
    queue: Any = None
    journal: IKeepsJournal | None = None
    suppressions: Any = None

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return any(part is not None for part in self.parts)

    @property
    def parts(self) -> tuple[Any, ...]:
        """All of it; what several fields share is there once for each."""
        return (self.accounts, self.queue, self.suppressions, self.journal)


@frozen
class Area:
    """
    Actions about one thing that a server may have.

    @ivar part: that thing, of all that a server has.
    @ivar lacking: what to say where a server has it not.
    @ivar actions: by their names.
    """

    part: Callable[[Administered], Any]
    lacking: str
    actions: Mapping[str, Action]


def address_in(request: Request) -> Address:
    """
    Return the argument C{address}.

    @raise BadRequest: it is missing, or none.
    """
    return parsed(request.get("address"))


def parsed(text: Any) -> Address:
    """
    Return an address.

    @raise BadRequest: it is none.
    """
    if not isinstance(text, str):
        raise BadRequest("an address is missing")
    try:
        return Address.parse(text)
    except ValueError as error:
        raise BadRequest(f"{text!r}: {error}") from None
