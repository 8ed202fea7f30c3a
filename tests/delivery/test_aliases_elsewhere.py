"""Aliases that lead to other domains: their mail is kept here for those who are here, and goes on to the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.address import Address
from mailframe.auth.memory import MemoryAccounts
from mailframe.delivery.mailbox import ToMailbox
from mailframe.delivery.routes import Route, routes
from mailframe.envelope import Envelope, Recipient
from mailframe.errors import Temporary
from mailframe.hooks import Action, Delivered, Delivery, Failed, Outcome, Reject, Retry
from mailframe.interfaces import Leased
from mailframe.queue.memory import MemoryQueue
from mailframe.site import Site
from mailframe.spool import Message
from mailframe.srs import SRS
from mailframe.store.memory import MemoryStore

ME, ANN = Address("me", "example.net"), Address("ann", "example.org")
INFO, AWAY, LOST = (Address(name, "example.org") for name in ("info", "away", "lost"))
MAIL = Message.from_bytes(b"Subject: hi\r\n\r\nHello\r\n")
ALIASES = {
    "info@example.org": ["ann@example.org", "boss@home.example"],
    "away@example.org": ["boss@home.example"],
    "lost@example.org": ["nobody@example.org"],
}
US = SRS([b"secret"], "example.org")


class AliasTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.queue = MemoryQueue(self.clock)
        self.store = MemoryStore()
        self.users = MemoryAccounts.of({"ann@example.org": "x"}, ALIASES)
        self.target = ToMailbox(self.store, self.users, forward=US)

    def deliver(
        self, *to: Address, message: Message = MAIL, notify: str = "SUCCESS", target: ToMailbox | None = None
    ) -> Mapping[Address, Outcome]:
        site = Site("mx.example.org", self.clock)
        recipients = tuple(Recipient(each, frozenset({notify})) for each in to)
        delivery = Delivery("m1", Envelope(ME, recipients), recipients, message, site=site, queue=self.queue)
        outcomes: Mapping[Address, Outcome] = self.now((target or self.target)(delivery))
        return outcomes

    def now(self, awaitable: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(awaitable))

    def queued(self) -> Sequence[Leased]:
        found: Sequence[Leased] = self.now(self.queue.lease(1.0, 9.0, 100))
        return found

    def mail(self) -> int:
        account = self.now(self.store.open("ann@example.org"))
        messages: int = self.now(self.now(account.mailbox("INBOX")).state()).messages
        return messages

    def test_who_is_here_and_who_is_not_both_have_it(self) -> None:
        outcome = self.deliver(INFO)[INFO]
        self.assertTrue(isinstance(outcome, Delivered) and outcome.action is Action.EXPANDED)
        self.assertEqual(self.mail(), 1)
        [leased] = self.queued()
        [recipient] = leased.envelope.recipients
        self.assertEqual((recipient.address, recipient.notify), (Address("boss", "home.example"), {"NEVER"}))
        assert leased.envelope.sender is not None
        self.assertEqual(US.reverse(leased.envelope.sender, 0.0), ME)
        self.assertTrue(bytes(leased.message).startswith(b"Delivered-To: info@example.org\r\n"))

    def test_who_is_only_elsewhere_has_it_there(self) -> None:
        outcomes = self.deliver(AWAY, ANN)
        away = outcomes[AWAY]
        self.assertTrue(isinstance(away, Delivered) and away.action is Action.PASSED_ON)
        self.assertEqual(outcomes[ANN], Delivered("INBOX of ann@example.org"))
        self.assertEqual(self.queued()[0].envelope.recipients[0].notify, {"SUCCESS"})

    def test_senders_may_stay(self) -> None:
        self.deliver(AWAY, target=ToMailbox(self.store, self.users, forward=True))
        self.assertEqual(self.queued()[0].envelope.sender, ME)

    def test_who_is_unknown_here_stays_unknown(self) -> None:
        self.assertEqual(self.now(self.target.check(LOST)), Reject("5.1.1", "No such user here"))
        self.assertIsNone(self.now(self.target.check(AWAY)))

    def test_without_forwarding_nobody_elsewhere_is_known(self) -> None:
        target = ToMailbox(self.store, self.users)
        self.assertEqual(self.deliver(AWAY, target=target), {AWAY: Failed("5.1.1", "No such user here")})
        self.deliver(INFO, target=target)
        self.assertEqual((self.mail(), len(self.queued())), (1, 0))
        self.assertIsNone(target.way_back)

    def test_what_comes_back_is_kept_and_not_sent_on_again(self) -> None:
        again = MAIL.with_fields(b"Delivered-To: info@example.org\r\nDelivered-To: away@example.org\r\n")
        outcomes = self.deliver(INFO, AWAY, message=again)
        self.assertEqual(outcomes[INFO], Delivered("INBOX of ann@example.org"))
        self.assertEqual(outcomes[AWAY].text, "The message has been delivered to this address before")
        self.assertEqual(self.queued(), [])

    def test_what_cannot_be_stored_is_not_sent_on_yet(self) -> None:
        async def full(*_arguments: Any) -> None:
            raise Temporary("the disk is full")

        self.patch(MemoryStore, "open", full)
        self.assertEqual(self.deliver(INFO), {INFO: Retry("4.3.0", "The message cannot be stored now")})
        self.assertEqual(self.queued(), [])

    def test_what_cannot_be_queued_is_tried_again(self) -> None:
        async def full(*_arguments: Any) -> None:
            raise Temporary("the disk is full")

        self.patch(MemoryQueue, "put", full)
        self.assertEqual(self.deliver(INFO), {INFO: Retry("4.3.1", "The message cannot be queued now")})

    def test_strangers_reach_it_and_it_needs_a_queue(self) -> None:
        table = routes([Route("example.org", self.target)])
        self.assertIs(table.find(INFO, user=False), self.target)
        self.assertTrue(table.lead_elsewhere)
        self.assertFalse(routes([Route("example.org", ToMailbox(self.store, self.users))]).lead_elsewhere)
        self.assertIsNot(table.find(US.forward(ME, 0.0), user=False), self.target)
