"""Delivery into mailboxes: recipients are looked up in a directory, and each account gets the message once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from attrs import define, field, frozen
from twisted.logger import Logger
from zope.interface import directlyProvides, implementer

from mailframe.address import Address
from mailframe.delivery.forward import forward_on, way_back
from mailframe.delivery.routes import Route
from mailframe.errors import MailError, NoSuchAccount, NoSuchMailbox, OverQuota, Temporary
from mailframe.hooks import Delivered, Delivery, Failed, Outcome, Postpone, Reject, Retry, Verdict
from mailframe.interfaces import (
    AccountEntry,
    AliasEntry,
    Filing,
    IBulkDelivery,
    IDirectory,
    IKeepsSpool,
    IMailStore,
    IQueues,
    IRecipientCheck,
    IWayBack,
)
from mailframe.message import trace
from mailframe.site import provides
from mailframe.spool import Message, Spool
from mailframe.srs import Rewrites

ALIAS_DEPTH = 10
"""Aliases of aliases that are followed."""
ALIAS_TARGETS = 1000
"""Addresses that one recipient may lead to."""

_log = Logger()

_UNKNOWN = Reject("5.1.1", "No such user here")
_LOOP = Reject("5.4.6", "The alias of this address leads back to itself")
_TOO_MANY = Reject("5.3.5", "The alias of this address leads to too many others")
_LATER = Postpone("4.3.0", "The directory cannot be asked now, try again later")


def _address(value: Address | str | None) -> Address | None:
    return Address.parse(value) if isinstance(value, str) else value


@frozen
class _Beyond:
    """
    An alias that leads to other domains too.

    @ivar accounts: those that are here.
    @ivar addresses: those that are not.
    """

    accounts: tuple[str, ...]
    addresses: tuple[Address, ...]


@implementer(IRecipientCheck, IKeepsSpool, IWayBack)
@define(eq=False, slots=False)
class ToMailbox:
    """
    A delivery target: the mailboxes of a store.

    @ivar store: an L{IMailStore}.
    @ivar directory: an L{IDirectory} that knows the recipients; by default the store, if it is one.
    @ivar catch_all: the address that gets the mail of all who are unknown; C{None} rejects it.
    @ivar forward: what aliases name in other domains is forwarded: C{True}, or what rewrites senders then, such as
        C{SenderRewriting("example.org", data)}; see L{mailframe.delivery.forward}. C{False} knows nobody there.
    """

    store: Any = field(validator=provides(IMailStore))
    directory: Any = None
    catch_all: Address | None = field(default=None, converter=_address, kw_only=True)
    forward: Rewrites | bool = field(default=False, kw_only=True)
    way_back: Route | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        if self.forward is not False:
            directlyProvides(self, IQueues)
        if self._srs is not None:
            self.way_back = way_back(self._srs)
        if self.directory is None:
            self.directory = self.store
        if not IDirectory.providedBy(self.directory):
            raise TypeError(f"ToMailbox needs a directory= that provides IDirectory, and {self.directory!r} does not")

    @property
    def _srs(self) -> Rewrites | None:
        return None if isinstance(self.forward, bool) else self.forward

    @property
    def spool(self) -> Spool:
        """Where big messages should wait: beside the store, if it says so."""
        return self.store.spool if IKeepsSpool.providedBy(self.store) else Spool()

    async def check(self, recipient: Address) -> Verdict | None:
        """Say whether a recipient is known."""
        found = await self._find(recipient)
        return None if isinstance(found, (tuple, _Beyond)) else found

    async def __call__(self, delivery: Delivery) -> Mapping[Address, Outcome]:
        """Store the message once for all its recipients."""
        accounts: dict[Address, tuple[str, ...]] = {}
        outcomes: dict[Address, Outcome] = {}
        beyond: dict[Address, _Beyond] = {}
        for recipient in delivery.recipients:
            found = await self._find(recipient.address)
            if isinstance(found, tuple):
                accounts[recipient.address] = found
            elif isinstance(found, _Beyond):
                accounts[recipient.address] = found.accounts
                beyond[recipient.address] = found
            elif isinstance(found, Reject):
                outcomes[recipient.address] = Failed(found.status, found.text)
            else:
                outcomes[recipient.address] = Retry(found.status, found.text)
        # Final delivery is here, so here it is noted where reports go (RFC 5321 4.4).
        sender = b"" if delivery.sender is None else bytes(delivery.sender)
        message = delivery.message.with_fields(trace.return_path(sender))
        failed = await self._store(message, sorted(set(chain.from_iterable(accounts.values()))))
        for address, names in accounts.items():
            problem = next((failed[name] for name in names if name in failed), None) if failed else None
            outcomes[address] = _outcome(problem) if problem else _kept_for(names)
        return {**outcomes, **await self._send_on(delivery, beyond, outcomes)} if beyond else outcomes

    async def _send_on(
        self, delivery: Delivery, beyond: Mapping[Address, _Beyond], kept: Mapping[Address, Outcome]
    ) -> Mapping[Address, Outcome]:
        """Forward what is in mailboxes by now; what could not be stored is tried again as a whole."""
        to = {address: found.addresses for address, found in beyond.items()}
        stored = [each for each in delivery.recipients if isinstance(kept[each.address], Delivered)]
        sent: dict[Address, Outcome] = {}
        for only in (True, False):
            those = [e for e in stored if e.address in beyond and (not beyond[e.address].accounts) is only]
            if those:
                sent.update(await forward_on(delivery.to(those), to, self._srs, only))
        # Who has it here is not told that it goes in circles elsewhere.
        circles = [each for each, outcome in sent.items() if isinstance(outcome, Failed) and beyond[each].accounts]
        return {**sent, **{each: kept[each] for each in circles}}

    async def _store(self, message: Message, accounts: Sequence[str]) -> dict[str, Exception]:
        """Return the accounts whose mailbox did not get it."""
        if not accounts:
            return {}
        filings = [_filing(account) for account in accounts]
        if IBulkDelivery.providedBy(self.store):
            try:
                failed = await self.store.deliver(message, filings)
            except MailError as error:
                return dict.fromkeys(accounts, error)
            return {filing.account: error for filing, error in failed.items()} if failed else {}
        result: dict[str, Exception] = {}
        for filing in filings:
            try:
                account = await self.store.open(filing.account)
                await (await account.mailbox(filing.mailbox)).append(message, filing.flags, None)
            except Exception as error:  # the others have it, or will: one outcome for all would be wrong
                if not isinstance(error, MailError):
                    _log.failure("the message cannot be stored for {account}", account=filing.account)
                result[filing.account] = error
        return result

    # --- who is it? -----------------------------------------------------------------------------------------------

    async def _find(self, address: Address) -> tuple[str, ...] | _Beyond | Reject | Postpone:
        """Return the accounts an address leads to."""
        try:
            entry = await self.directory.find(address)
            if isinstance(entry, AccountEntry):
                return (entry.account,)
            found = _UNKNOWN if entry is None else await self._follow(address, entry.targets)
        except Temporary:
            return _LATER
        if found is _UNKNOWN and self.catch_all is not None and address != self.catch_all:
            return await self._find(self.catch_all)
        return found

    async def _follow(self, address: Address, targets: Sequence[Address]) -> tuple[str, ...] | _Beyond | Reject:
        """
        Follow aliases. A target that was asked already is passed over: an alias may name itself beside others.

        Targets that are unknown here do not count as long as one is known, but whoever made the alias should hear of
        them. An alias that leads too far leads nowhere: some of its people would never see what others do.
        """
        accounts: dict[str, None] = {}
        beyond: dict[Address, None] = {}
        asked = {address}
        following = dict.fromkeys(targets)
        for _depth in range(ALIAS_DEPTH):
            waiting = [each for each in following if each not in asked]
            if len(asked) + len(waiting) > ALIAS_TARGETS:
                return _TOO_MANY
            if not waiting and beyond:
                return _Beyond(tuple(accounts), tuple(beyond))
            if not waiting:
                return tuple(accounts) or (_LOOP if following else _UNKNOWN)
            following = {}
            for each in waiting:
                entry = await self.directory.find(each)
                if isinstance(entry, AliasEntry):
                    following |= dict.fromkeys(entry.targets)
                elif entry is not None:
                    accounts[entry.account] = None
                elif self.forward is not False and each.domain != address.domain:
                    beyond[each] = None
                else:
                    _log.warn("the alias {alias} leads to {target}, unknown here", alias=str(address), target=str(each))
            asked.update(waiting)
        return _LOOP


# The same people get mail again and again.
_filing = lru_cache(maxsize=4096)(Filing)


@lru_cache(maxsize=4096)
def _kept_for(accounts: tuple[str, ...]) -> Delivered:
    return Delivered(f"INBOX of {', '.join(accounts)}")


def _outcome(error: Exception) -> Outcome:
    if isinstance(error, OverQuota):
        return Retry("4.2.2", "The mailbox is full")
    if isinstance(error, NoSuchAccount | NoSuchMailbox):
        return Failed("5.1.1", "No such user here")
    return Retry("4.3.0", "The message cannot be stored now")
