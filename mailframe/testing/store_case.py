"""A test case around a mail store: what the contract's tests have in common."""

from __future__ import annotations

from typing import Any

from mailframe.interfaces import IAccount, IMailbox
from mailframe.spool import Message

NOTE = Message.from_bytes(b"Subject: a note\r\nFrom: Ann <ann@example.org>\r\n\r\nHello.\r\n")
SECOND = Message.from_bytes(b"Subject: another\r\n\r\nBye.\r\n")


class StoreCase:
    """To be mixed into a C{twisted.trial.unittest.TestCase}."""

    addCleanup: Any
    assertEqual: Any
    assertRaises: Any
    assertTrue: Any

    async def make_store(self) -> Any:
        """Return a store that has the accounts C{ann@example.org} and C{bob@example.org}, both empty."""
        raise NotImplementedError("a contract is tested on some store")

    async def _account(self) -> IAccount:
        account: IAccount = await (await self.make_store()).open("ann@example.org")
        return account

    async def _inbox(self, *messages: Message) -> IMailbox:
        inbox = await (await self._account()).mailbox("INBOX")
        for message in messages:
            await inbox.append(message, frozenset(), 1_000_000_000)
        return inbox

    async def _names(self, account: IAccount) -> list[tuple[str, bool]]:
        return sorted((info.name, info.selectable) for info in await account.mailboxes())

    async def _raises(self, kind: type[Exception], awaitable: Any) -> None:
        try:
            await awaitable
        except kind:
            return
        raise AssertionError(f"{kind.__name__} was not raised")
