"""The halves of a store that its own data does not allow: what changes mailboxes is refused, what is left is yours.

For stores that show something else as mail; a subclass of each implements what it can.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from mailframe.errors import NotPermitted
from mailframe.interfaces import Appended, Copied, FlagSet, IMailbox, MailboxInfo, StoreMode
from mailframe.spool import Message


class ReadOnlyMailbox:
    """An L{IMailbox} without C{id}, C{name}, C{state}, C{entries}, C{facts} and C{read}; it never changes."""

    async def append(self, message: Message, flags: FlagSet, internal_date: int | None) -> Appended:
        """Refuse."""
        raise NotPermitted("Messages cannot be added here")

    async def store_flags(
        self, uids: Sequence[int], mode: StoreMode, flags: FlagSet, unchanged_since: int | None = None
    ) -> Sequence[int]:
        """Refuse."""
        raise NotPermitted("Flags are not kept here")

    async def expunge(self, uids: Sequence[int], only_deleted: bool = True) -> Sequence[int]:
        """Refuse."""
        raise NotPermitted("Messages cannot be removed here")

    async def copy(self, uids: Sequence[int], target: IMailbox) -> Copied:
        """Refuse."""
        raise NotPermitted("Messages cannot be copied here")

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Never call."""
        return lambda: None


class ReadOnlyAccount:
    """An L{IAccount} without C{mailboxes} and C{mailbox}; all its mailboxes are subscribed."""

    mailboxes: Callable[[], Awaitable[Sequence[MailboxInfo]]]

    async def subscriptions(self) -> Sequence[str]:
        """Return all: many mail programs show no others."""
        return [each.name for each in await self.mailboxes()]

    async def create(self, name: str) -> None:
        """Refuse."""
        raise NotPermitted("Mailboxes cannot be made here")

    async def delete(self, name: str) -> None:
        """Refuse."""
        raise NotPermitted("Mailboxes cannot be removed here")

    async def rename(self, old: str, new: str) -> None:
        """Refuse."""
        raise NotPermitted("Mailboxes cannot be renamed here")

    async def subscribe(self, name: str, subscribed: bool) -> None:
        """Refuse."""
        raise NotPermitted("Subscriptions are not kept here")
