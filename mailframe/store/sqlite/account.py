"""The mailboxes of one account in SQLite: their names."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define
from zope.interface import implementer

from mailframe.errors import MailboxExists, NoSuchMailbox, NotPermitted
from mailframe.interfaces import IAccount, IMailbox, MailboxInfo
from mailframe.sqlite.database import Writer
from mailframe.store.sqlite.inserting import release
from mailframe.store.sqlite.kept import Kept
from mailframe.store.sqlite.mailbox import SQLiteMailbox

INBOX = "INBOX"

_FIND = "SELECT id, selectable FROM mailbox WHERE account = ? AND name = ?"
# A range of names finds all below one, and has no wildcards that a name could hold: "0" is what follows "/".
_BELOW = "SELECT id, name FROM mailbox WHERE account = ? AND name > ? || '/' AND name < ? || '0'"


@implementer(IAccount)
@define(eq=False)
class SQLiteAccount:
    """
    @ivar number: its row.
    """

    kept: Kept
    number: int

    async def mailboxes(self) -> Sequence[MailboxInfo]:
        """Return all mailboxes."""
        rows = self.kept.database.read(
            "SELECT name, selectable FROM mailbox WHERE account = ? ORDER BY name", (self.number,)
        )
        return [MailboxInfo(name, bool(selectable)) for name, selectable in rows]

    async def mailbox(self, name: str) -> IMailbox:
        """Open a mailbox."""
        for number, selectable in self.kept.database.read(_FIND, (self.number, name)):
            if selectable:
                return SQLiteMailbox(self.kept, number, name)
        raise NoSuchMailbox("There is no such mailbox")

    async def create(self, name: str) -> None:
        """Make a mailbox and its parents."""
        await self.kept.database.write(lambda connection: _create(connection, self.number, name))

    async def delete(self, name: str) -> None:
        """Remove a mailbox."""
        _number, files = await self.kept.database.write(
            lambda connection: _delete(connection, self.number, name),
            lambda result: self.kept.watchers.notify((result[0],)),
        )
        await self.kept.drop(files)

    async def rename(self, old: str, new: str) -> None:
        """Rename a mailbox and all below it."""
        await self.kept.database.write(
            lambda connection: _rename(connection, self.number, old, new), self.kept.watchers.notify
        )

    async def subscriptions(self) -> Sequence[str]:
        """Return the subscribed names."""
        rows = self.kept.database.read("SELECT name FROM subscription WHERE account = ? ORDER BY name", (self.number,))
        return [name for (name,) in rows]

    async def subscribe(self, name: str, subscribed: bool) -> None:
        """Add or remove a subscription."""
        sql = (
            "INSERT OR IGNORE INTO subscription (account, name) VALUES (?, ?)"
            if subscribed
            else "DELETE FROM subscription WHERE account = ? AND name = ?"
        )

        def change(connection: Writer) -> None:
            connection.execute(sql, (self.number, name))

        await self.kept.database.write(change)


# --- operations: they are given the writing connection ----------------------------------------------------------------


def new_mailbox(connection: Writer, account: int, name: str) -> int:
    """Insert a mailbox with a UIDVALIDITY that none had before in this store."""
    [(uidvalidity,)] = connection.execute(
        "INSERT INTO counter (name, value) VALUES ('uidvalidity', unixepoch()) "
        "ON CONFLICT DO UPDATE SET value = max(value + 1, unixepoch()) RETURNING value"
    ).fetchall()
    connection.execute(
        "INSERT INTO mailbox (account, name, uidvalidity) VALUES (?, ?, ?)", (account, name, uidvalidity)
    )
    return int(connection.last_insert_rowid())


def _find(connection: Writer, account: int, name: str) -> tuple[int, bool] | None:
    for number, selectable in connection.execute(_FIND, (account, name)):
        return number, bool(selectable)
    return None


def _create(connection: Writer, account: int, name: str) -> None:
    found = _find(connection, account, name)
    if found is not None and found[1]:
        raise MailboxExists("There is such a mailbox already")
    if found is not None:
        # A parent whose messages were deleted becomes a mailbox again, with new UIDs.
        connection.execute("UPDATE mailbox SET name = '/' || id WHERE id = ?", (found[0],))
        new_mailbox(connection, account, name)
        connection.execute("DELETE FROM mailbox WHERE id = ?", (found[0],))
        return
    _create_parents(connection, account, name)
    new_mailbox(connection, account, name)


def _create_parents(connection: Writer, account: int, name: str) -> None:
    levels = name.split("/")
    for depth in range(1, len(levels)):
        above = "/".join(levels[:depth])
        if _find(connection, account, above) is None:
            new_mailbox(connection, account, above)


def _delete(connection: Writer, account: int, name: str) -> tuple[int, list[str]]:
    if name == INBOX:
        raise NotPermitted("INBOX cannot be deleted")
    found = _find(connection, account, name)
    if found is None:
        raise NoSuchMailbox("There is no such mailbox")
    number, selectable = found
    has_children = bool(connection.execute(_BELOW + " LIMIT 1", (account, name, name)).fetchall())
    if has_children and not selectable:
        raise NotPermitted("The mailbox has others below it")
    files = drop_messages(connection, number)
    if has_children:
        connection.execute("UPDATE mailbox SET selectable = 0, messages = 0, unseen = 0 WHERE id = ?", (number,))
    else:
        connection.execute("DELETE FROM mailbox WHERE id = ?", (number,))
    return number, files


def drop_messages(connection: Writer, mailbox: int) -> list[str]:
    """Remove all that a mailbox holds, without a trace; return the files to be removed."""
    messages = [message for (message,) in connection.execute("SELECT message FROM item WHERE mailbox = ?", (mailbox,))]
    connection.execute("DELETE FROM item WHERE mailbox = ?", (mailbox,))
    connection.execute("DELETE FROM expunged WHERE mailbox = ?", (mailbox,))
    connection.execute("DELETE FROM flag_change WHERE mailbox = ?", (mailbox,))
    return release(connection, messages)


def _rename(connection: Writer, account: int, old: str, new: str) -> tuple[int, ...]:
    """Return the mailboxes whose viewers must look again."""
    found = _find(connection, account, old)
    if found is None:
        raise NoSuchMailbox("There is no such mailbox")
    if _find(connection, account, new) is not None:
        raise MailboxExists("There is such a mailbox already")
    if new.startswith(f"{old}/") and old != INBOX:
        raise NotPermitted("A mailbox cannot be moved below itself")
    _create_parents(connection, account, new)
    if old == INBOX:
        # The messages keep their mailbox under its new name; INBOX begins again (RFC 3501 6.3.5).
        connection.execute("UPDATE mailbox SET name = ? WHERE id = ?", (new, found[0]))
        new_mailbox(connection, account, INBOX)
        return (found[0],)
    connection.execute("UPDATE mailbox SET name = ? WHERE id = ?", (new, found[0]))
    for number, name in connection.execute(_BELOW, (account, old, old)).fetchall():
        connection.execute("UPDATE mailbox SET name = ? WHERE id = ?", (new + name[len(old) :], number))
    return ()
