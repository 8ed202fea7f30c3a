"""A model follows its mailbox, whatever the mailbox tells."""

from __future__ import annotations

from typing import Any

from mailframe.imap.model import Model
from mailframe.inline import now
from mailframe.interfaces import FLAGGED, SEEN, Changes, Entries, StoreMode
from mailframe.spool import Message
from mailframe.store.memory import MemoryStore

NOTE = Message.from_bytes(b"Subject: note\r\n\r\n")
FLAGS = frozenset({SEEN})


def test_a_message_that_has_gone_does_not_come_back_with_its_last_flags() -> None:
    inbox: Any = now(now(MemoryStore().open("ann@example.org")).mailbox("INBOX"))
    for _ in range(3):
        now(inbox.append(NOTE, frozenset(), 0))
    model = now(Model.of(inbox))
    model.close()
    now(inbox.expunge([2], only_deleted=False))
    state = now(inbox.state())
    model._apply(Changes(state, Entries([1, 2, 3], [FLAGS] * 3, [9] * 3), [2]))
    assert (model.uids, model.flags, model.modseqs) == ([1, 3], [FLAGS] * 2, [9] * 2)


def test_many_changes_and_new_messages_may_come_at_once() -> None:
    inbox: Any = now(now(MemoryStore().open("ann@example.org")).mailbox("INBOX"))
    model = now(Model.of(inbox))
    model.close()
    for count in (0, 3, 4):
        for _ in range(count):
            now(inbox.append(NOTE, frozenset(), 0))
        now(inbox.store_flags(range(1, 8, 2), StoreMode.ADD, frozenset({FLAGGED, f"$after-{count}"})))
        now(model.follow())
        entries = now(inbox.entries()).entries
        assert (model.uids, model.flags, model.modseqs) == (entries.uids, entries.flags, entries.modseqs)
