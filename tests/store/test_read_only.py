"""What a store of somebody's own data need not do is refused in words that a mail program can show."""

from __future__ import annotations

from typing import Any

import pytest

from mailframe.errors import NotPermitted
from mailframe.inline import now
from mailframe.interfaces import MailboxInfo, StoreMode
from mailframe.spool import Message
from mailframe.store.read_only import ReadOnlyAccount, ReadOnlyMailbox

MAIL = Message.from_bytes(b"\r\n")
BOX: Any = ReadOnlyMailbox()
ACCOUNT: Any = ReadOnlyAccount()


@pytest.mark.parametrize(
    "change",
    [
        lambda: BOX.append(MAIL, frozenset(), None),
        lambda: BOX.store_flags([1], StoreMode.ADD, frozenset()),
        lambda: BOX.expunge([1]),
        lambda: BOX.copy([1], BOX),
        lambda: ACCOUNT.create("a"),
        lambda: ACCOUNT.delete("a"),
        lambda: ACCOUNT.rename("a", "b"),
        lambda: ACCOUNT.subscribe("a", True),
    ],
)
def test_changes_are_refused(change: Any) -> None:
    with pytest.raises(NotPermitted, match="here"):
        now(change())


def test_all_mailboxes_are_subscribed() -> None:
    class Two(ReadOnlyAccount):
        async def mailboxes(self) -> list[MailboxInfo]:
            return [MailboxInfo("INBOX"), MailboxInfo("Old")]

    assert now(Two().subscriptions()) == ["INBOX", "Old"]


def test_nobody_is_ever_told_of_a_change() -> None:
    BOX.watch(lambda: pytest.fail("something changed"))()
