"""The mail store: its accounts, and delivery to many of them at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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


@value
class _Outcome:
    """The places that have a message now, and the filings that failed."""

    places: Sequence[tuple[int, FlagSet]]
    failed: Mapping[Filing, Exception]


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

    async def deliver(self, message: Message, filings: Sequence[Filing]) -> Mapping[Filing, Exception]:
        """Store one message for many accounts."""
        when = int(self.kept.site.clock.seconds())

        def insert(prepared: Prepared) -> Deferred[_Outcome]:
            delivery, quick = _Delivery(prepared, filings, when), prepared.is_quick(len(filings))
            return self.kept.database.write_together(self._deliver_all, delivery, self._delivered, quick=quick)

        return (await stored(message, self.kept.files, self.kept.site, insert, _is_anywhere)).failed

    def _delivered(self, outcome: _Outcome) -> None:
        self.kept.watchers.notify([mailbox for mailbox, _flags in outcome.places])

    def _deliver_all(self, connection: Writer, deliveries: Sequence[_Delivery]) -> list[_Outcome]:
        """Store what came together; a message that has no place is left out."""
        outcomes, insertions = [], []
        found: dict[Filing, tuple[int, FlagSet] | MailError] = {}
        for delivery in deliveries:
            places: list[tuple[int, FlagSet]] = []
            failed: dict[Filing, Exception] = {}
            for filing in delivery.filings:
                place = found.get(filing)
                if place is None:
                    place = found[filing] = self._place_or_error(connection, filing)
                if isinstance(place, MailError):
                    failed[filing] = place
                else:
                    places.append(place)
            outcomes.append(_Outcome(places, failed))
            if places:
                insertions.append(Insertion(delivery.prepared, places, delivery.when))
        if insertions:
            insert_all(connection, insertions)
        return outcomes

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


def _is_anywhere(outcome: _Outcome) -> bool:
    return bool(outcome.places)


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
