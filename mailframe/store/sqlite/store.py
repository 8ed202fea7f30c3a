"""The mail store: its accounts, and delivery to many of them at once."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence

from attrs import define
from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailframe.errors import MailError, NoSuchAccount
from mailframe.interfaces import Filing, FlagSet, IAccount, IBulkDelivery, IMailStore
from mailframe.spool import Message
from mailframe.sqlite.database import Writer
from mailframe.store.sqlite.account import INBOX, SQLiteAccount, drop_messages, new_mailbox
from mailframe.store.sqlite.inserting import Insertion, Prepared, insert_all, stored
from mailframe.store.sqlite.kept import Kept
from mailframe.values import value

_ACCOUNT = "SELECT id FROM account WHERE name = ?"
_MAILBOX = (
    "SELECT b.id FROM account a JOIN mailbox b ON b.account = a.id WHERE a.name = ? AND b.name = ? AND b.selectable"
)


@value
class _Delivery:
    prepared: Prepared
    filings: Sequence[Filing]
    when: int


class _Failed(dict[Filing, Exception]):
    """The filings of a message that failed, and the places that it has in spite of them."""

    __slots__ = ("places",)
    places: list[tuple[int, FlagSet]]

    def is_anywhere(self) -> bool:
        """Whether the message is in the database."""
        return bool(self.places)


@implementer(IMailStore, IBulkDelivery)
@define(eq=False)
class SQLiteStore:
    """
    @ivar any_account: make an account that is not there when it is opened or delivered to: for servers whose users
        stand elsewhere, such as in a password file.
    """

    kept: Kept
    any_account: bool = False

    async def open(self, account: str) -> IAccount:
        """Return an account's mail."""
        for (number,) in self.kept.database.read(_ACCOUNT, (account,)):
            return SQLiteAccount(self.kept, number)
        if not self.any_account:
            raise NoSuchAccount("There is no such account")
        return SQLiteAccount(self.kept, await self.kept.database.write(lambda writer: ensure_account(writer, account)))

    def deliver(self, message: Message, filings: Sequence[Filing]) -> Awaitable[Mapping[Filing, Exception]]:
        """Store one message for many accounts."""
        when = int(self.kept.site.clock.seconds())

        def insert(prepared: Prepared) -> Deferred[_Failed]:
            delivery, quick = _Delivery(prepared, filings, when), prepared.is_quick(len(filings))
            return self.kept.database.write_together(self._deliver_all, delivery, self._delivered, quick=quick)

        return stored(message, self.kept.files, self.kept.site, insert, _Failed.is_anywhere)

    def _delivered(self, delivered: Sequence[_Failed]) -> None:
        self.kept.watchers.notify({mailbox for each in delivered for mailbox, _flags in each.places})

    def _deliver_all(self, connection: Writer, deliveries: Sequence[_Delivery]) -> list[_Failed]:
        """Store what came together; a message that has no place is left out."""
        found: dict[Filing, tuple[int, FlagSet] | MailError] = {}
        results = []
        for delivery in deliveries:
            failed = _Failed()
            failed.places = []
            for filing in delivery.filings:
                place = found.get(filing)
                if place is None:
                    place = found[filing] = self._place_or_error(connection, filing)
                if isinstance(place, MailError):
                    failed[filing] = place
                else:
                    failed.places.append(place)
            results.append(failed)
        insertions = [
            Insertion(each.prepared, failed.places, each.when)
            for each, failed in zip(deliveries, results, strict=True)
            if failed.places
        ]
        if insertions:
            insert_all(connection, insertions)
        return results

    def _place_or_error(self, connection: Writer, filing: Filing) -> tuple[int, FlagSet] | MailError:
        try:
            return self._place(connection, filing), filing.flags
        except MailError as error:
            return error

    def _place(self, connection: Writer, filing: Filing) -> int:
        for (number,) in connection.execute(_MAILBOX, (filing.account, filing.mailbox)):
            return int(number)
        account = find_account(connection, filing.account)
        if account is None:
            if not self.any_account:
                raise NoSuchAccount("There is no such account")
            account = ensure_account(connection, filing.account)
        return self._made(connection, account, filing.mailbox)

    def _made(self, connection: Writer, account: int, name: str) -> int:
        """Return a mailbox that delivery was told of; one that is missing, or only a parent, becomes INBOX."""
        for number, selectable in connection.execute(
            "SELECT id, selectable FROM mailbox WHERE account = ? AND name = ?", (account, name)
        ):
            if selectable:
                return int(number)
            return self._made(connection, account, INBOX)
        return new_mailbox(connection, account, name)


def find_account(connection: Writer, name: str) -> int | None:
    """Return an account's row."""
    for (number,) in connection.execute(_ACCOUNT, (name,)):
        return int(number)
    return None


def ensure_account(connection: Writer, name: str) -> int:
    """Return an account's row; make it, with its INBOX, if it is not there."""
    found = find_account(connection, name)
    if found is not None:
        return found
    connection.execute("INSERT INTO account (name, address) VALUES (?, ?)", (name, name))
    number = int(connection.last_insert_rowid())
    new_mailbox(connection, number, INBOX)
    return number


def drop_account(connection: Writer, account: int) -> tuple[list[int], list[str]]:
    """Remove all mail of an account; return its mailboxes, and the files to be removed."""
    mailboxes = [
        number for (number,) in connection.execute("SELECT id FROM mailbox WHERE account = ?", (account,)).fetchall()
    ]
    files = [file for number in mailboxes for file in drop_messages(connection, number)]
    connection.execute("DELETE FROM mailbox WHERE account = ?", (account,))
    connection.execute("DELETE FROM subscription WHERE account = ?", (account,))
    connection.execute("DELETE FROM account WHERE id = ?", (account,))
    return mailboxes, files
