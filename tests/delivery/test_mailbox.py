"""Delivery into mailboxes: what becomes of a message when directories and stores are not as one wishes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from attrs import define, field
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from zope.interface import implementer

from mailframe.address import Address
from mailframe.auth.memory import MemoryAccounts
from mailframe.delivery.mailbox import ALIAS_DEPTH, ALIAS_TARGETS, ToMailbox
from mailframe.envelope import Envelope, Recipient
from mailframe.errors import NoSuchAccount, NoSuchMailbox, OverQuota, Temporary
from mailframe.hooks import Delivered, Delivery, Failed, Outcome, Postpone, Reject, Retry
from mailframe.inline import now
from mailframe.interfaces import AccountEntry, AliasEntry, Filing, IBulkDelivery, IDirectory, IMailStore
from mailframe.spool import Message
from mailframe.store.memory import MemoryStore

MAIL = Message.from_bytes(b"Subject: hi\r\n\r\nHello\r\n")
ANN, BOB, EVE = (Address(name, "example.org") for name in ("ann", "bob", "eve"))


def delivery(*recipients: Address) -> Delivery:
    to = tuple(map(Recipient, recipients))
    return Delivery("m1", Envelope(None, to), to, MAIL)


def outcomes(target: ToMailbox, *recipients: Address) -> Mapping[Address, Outcome]:
    return now(target(delivery(*recipients)))


def people(**aliases: Sequence[str]) -> MemoryAccounts:
    """Ann and Bob, and aliases."""
    named = {f"{name}@example.org": [f"{each}@example.org" for each in to] for name, to in aliases.items()}
    return MemoryAccounts.of({str(ANN): "x", str(BOB): "x"}, named)


def mail(store: MemoryStore, account: Address) -> int:
    """How many messages are in an inbox."""
    return now(now(now(store.open(str(account))).mailbox("INBOX")).state()).messages


# --- who is it? -------------------------------------------------------------------------------------------------------


@implementer(IDirectory)
class Down:
    """A directory that knows Ann, and cannot be asked about others."""

    async def find(self, address: Address) -> AccountEntry | AliasEntry | None:
        if address != ANN:
            raise Temporary("The directory is down")
        return AccountEntry(str(ANN))


def test_a_directory_is_needed() -> None:
    with pytest.raises(TypeError, match="ToMailbox needs a directory="):
        ToMailbox(MemoryStore())


def test_who_left_after_rcpt_fails_and_the_others_get_it() -> None:
    store = MemoryStore()
    got = outcomes(ToMailbox(store, people()), EVE, ANN)
    assert got == {EVE: Failed("5.1.1", "No such user here"), ANN: Delivered(f"INBOX of {ANN}")}
    assert mail(store, ANN) == 1


def test_whom_the_directory_cannot_find_now_is_tried_again() -> None:
    store = MemoryStore()
    target = ToMailbox(store, Down())
    got = outcomes(target, BOB, ANN)
    assert isinstance(got[BOB], Retry)
    assert isinstance(got[ANN], Delivered)
    assert isinstance(now(target.check(BOB)), Postpone)


def test_a_message_for_nobody_known_is_stored_nowhere() -> None:
    class Untouched(MemoryStore):
        async def deliver(self, message: Message, filings: Sequence[Filing]) -> Mapping[Filing, Exception]:
            raise AssertionError("there is nothing to store")

    assert outcomes(ToMailbox(Untouched(), people()), EVE) == {EVE: Failed("5.1.1", "No such user here")}


def test_an_alias_with_a_target_that_is_gone_reaches_the_others_and_is_logged() -> None:
    events = EventLoggingObserver()
    globalLogPublisher.addObserver(events)
    try:
        store = MemoryStore()
        got = outcomes(ToMailbox(store, people(team=["gone", "bob"])), Address("team", "example.org"))
    finally:
        globalLogPublisher.removeObserver(events)
    assert list(got.values()) == [Delivered(f"INBOX of {BOB}")]
    assert [event["target"] for event in events if "target" in event] == ["gone@example.org"]


def test_an_alias_that_leads_back_to_itself_alone_is_a_loop() -> None:
    verdict = now(ToMailbox(MemoryStore(), people(a=["b"], b=["a"])).check(Address("a", "example.org")))
    assert isinstance(verdict, Reject)
    assert verdict.status == "5.4.6"


@pytest.mark.parametrize(("steps", "status"), [(ALIAS_DEPTH - 1, None), (ALIAS_DEPTH, "5.4.6")])
def test_a_chain_of_aliases_is_followed_so_far(steps: int, status: str | None) -> None:
    chain = {f"step{number}": [f"step{number + 1}"] for number in range(steps - 1)}
    chain[f"step{steps - 1}"] = ["ann"]
    verdict = now(ToMailbox(MemoryStore(), people(**chain)).check(Address("step0", "example.org")))
    assert (verdict.status if isinstance(verdict, Reject) else verdict) == status


@pytest.mark.parametrize(("targets", "status"), [(ALIAS_TARGETS - 1, None), (ALIAS_TARGETS, "5.3.5")])
def test_an_alias_leads_to_so_many(targets: int, status: str | None) -> None:
    everybody = people(all=["ann", *(f"x{number}" for number in range(targets - 1))])
    verdict = now(ToMailbox(MemoryStore(), everybody).check(Address("all", "example.org")))
    assert (verdict.status if isinstance(verdict, Reject) else verdict) == status


# --- stores in trouble ------------------------------------------------------------------------------------------------

TROUBLES = [
    (OverQuota("full"), Retry("4.2.2", "The mailbox is full")),
    (NoSuchAccount("gone"), Failed("5.1.1", "No such user here")),
    (NoSuchMailbox("gone"), Failed("5.1.1", "No such user here")),
    (Temporary("broken"), Retry("4.3.0", "The message cannot be stored now")),
]


@implementer(IMailStore)
@define(eq=False)
class OneByOne:
    """A store without L{IBulkDelivery}, where opening some accounts raises."""

    troubles: Mapping[str, Exception] = field(factory=dict)
    inner: MemoryStore = field(factory=MemoryStore)

    async def open(self, account: str) -> Any:
        if account in self.troubles:
            raise self.troubles[account]
        return await self.inner.open(account)


@implementer(IBulkDelivery)
class AtOnce(OneByOne):
    """The same with it."""

    async def deliver(self, message: Message, filings: Sequence[Filing]) -> Mapping[Filing, Exception]:
        failed = {filing: self.troubles[filing.account] for filing in filings if filing.account in self.troubles}
        await self.inner.deliver(message, [filing for filing in filings if filing not in failed])
        return failed


@pytest.mark.parametrize("kind", [OneByOne, AtOnce])
@pytest.mark.parametrize(("error", "outcome"), TROUBLES)
def test_one_account_in_trouble_does_not_keep_the_others_from_it(
    kind: type[OneByOne], error: Exception, outcome: Outcome
) -> None:
    store = kind({str(ANN): error})
    got = outcomes(ToMailbox(store, people()), ANN, BOB)
    assert got == {ANN: outcome, BOB: Delivered(f"INBOX of {BOB}")}
    assert mail(store.inner, BOB) == 1


def test_a_fault_of_a_store_of_somebodys_own_is_one_accounts_and_is_logged() -> None:
    events = EventLoggingObserver()
    globalLogPublisher.addObserver(events)
    try:
        got = outcomes(ToMailbox(OneByOne({str(ANN): KeyError("bug")}), people()), ANN, BOB)
    finally:
        globalLogPublisher.removeObserver(events)
    assert got == {ANN: Retry("4.3.0", "The message cannot be stored now"), BOB: Delivered(f"INBOX of {BOB}")}
    assert [event["account"] for event in events if "log_failure" in event] == [str(ANN)]


def test_a_store_that_fails_as_a_whole_has_nobodys_mail() -> None:
    class Broken(AtOnce):
        async def deliver(self, message: Message, filings: Sequence[Filing]) -> Mapping[Filing, Exception]:
            raise Temporary("The disk is broken")

    later = Retry("4.3.0", "The message cannot be stored now")
    assert outcomes(ToMailbox(Broken(), people()), ANN, BOB) == {ANN: later, BOB: later}


def test_an_alias_is_delivered_only_when_all_its_people_have_it() -> None:
    team = Address("team", "example.org")
    store = OneByOne({str(BOB): OverQuota("full")})
    assert outcomes(ToMailbox(store, people(team=["ann", "bob"])), team) == {
        team: Retry("4.2.2", "The mailbox is full")
    }
