"""Targets chosen by functions: by sender, by account, by message; and what that means for strangers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.address import Address
from mailframe.delivery.choosing import Choice, ToChosen, by_sender
from mailframe.delivery.discard import discard
from mailframe.delivery.mailbox import ToMailbox
from mailframe.delivery.queueing import QUEUED
from mailframe.delivery.relay import ToMX, ToSmarthost
from mailframe.delivery.routes import Route, Routes
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Delivered, Delivery, Failed, Outcome, Retry, Target
from mailframe.queue.memory import MemoryQueue
from mailframe.queue.runner import Runner
from mailframe.site import Site
from mailframe.spool import Message
from tests.smtp.world import World

ME, ANN, BOB = Address("me", "example.net"), Address("ann", "example.org"), Address("bob", "example.org")
MAIL = Message.from_bytes(b"Subject: hi\r\n\r\nHello\r\n")


class Place:
    """A target that notes what it gets."""

    def __init__(self) -> None:
        self.got: list[tuple[str, ...]] = []

    def __call__(self, delivery: Delivery) -> Outcome:
        self.got.append(tuple(each.address.local for each in delivery.recipients))
        return Delivered("there")


class ChosenTests(SynchronousTestCase):
    def setUp(self) -> None:
        clock = Clock()
        self.queue: Any = MemoryQueue(clock)
        self.site = Site("mx.example.org", clock)

    def deliver(self, target: Any, *to: Address, sender: Address | None = ME, **options: Any) -> Sequence[Outcome]:
        recipients = tuple(map(Recipient, to or (ANN,)))
        envelope = Envelope(sender, recipients, account=options.pop("account", None))
        delivery = Delivery("m1", envelope, recipients, MAIL, site=self.site, queue=self.queue)
        outcomes = self.successResultOf(Deferred.fromCoroutine(target(evolve(delivery, **options))))
        return [outcomes[each.address] for each in recipients]

    def test_the_function_is_asked_about_each_recipient_and_each_target_once(self) -> None:
        here, there = Place(), Place()

        async def choose(delivery: Delivery) -> Target:
            [recipient] = delivery.recipients
            return here if recipient.address.local < "c" else there

        cid = Address("cid", "example.org")
        self.assertEqual(self.deliver(ToChosen(choose), ANN, cid, BOB), [Delivered("there")] * 3)
        self.assertEqual((here.got, there.got), ([("ann", "bob")], [("cid",)]))

    def test_it_knows_sender_account_and_message(self) -> None:
        seen: list[Any] = []

        def choose(delivery: Delivery) -> Choice:
            seen.append((delivery.sender, delivery.account, delivery.message.subject))
            return discard

        self.deliver(ToChosen(choose), account="me@example.net")
        self.assertEqual(seen, [(ME, "me@example.net", "hi")])

    def test_what_goes_to_other_servers_is_queued_first(self) -> None:
        elsewhere = ToChosen(lambda delivery: ToMX())
        self.assertEqual(self.deliver(elsewhere, ANN, BOB), [QUEUED, QUEUED])
        leased = self.successResultOf(Deferred.fromCoroutine(self.queue.lease(1.0, 9.0, 10)))
        self.assertEqual(
            [(each.id, each.envelope.recipients[0].address) for each in leased], [("m1", ANN), ("m1", BOB)]
        )

    def test_from_the_queue_it_goes_there(self) -> None:
        class Sender:
            async def send(self, delivery: Delivery, hop: Any) -> dict[Address, Outcome]:
                return {each.address: Delivered(hop.key) for each in delivery.recipients}

            site = self.site

        chosen = ToChosen(lambda delivery: ToSmarthost("relay.example.org"))
        [outcome] = self.deliver(chosen, via=Sender())
        self.assertIn("relay.example.org", outcome.text)

    def test_the_function_may_say_at_once_what_becomes_of_it(self) -> None:
        suspended = Failed("5.7.1", "Suspended")
        self.assertEqual(self.deliver(ToChosen(lambda delivery: suspended)), [suspended])
        self.assertEqual(
            self.deliver(ToChosen(lambda delivery: None)), [Failed("5.4.4", "No route leads to this address")]
        )

    def test_trouble_in_the_function_is_no_reason_to_lose_mail(self) -> None:
        def broken(delivery: Delivery) -> Choice:
            raise RuntimeError("oh")

        wrong: Any = lambda delivery: "relay.example.org"  # noqa: E731
        later = Retry("4.3.0", "Delivery did not work, try again later")
        self.assertEqual(self.deliver(ToChosen(broken)), [later])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(self.deliver(ToChosen(wrong)), [later])

    def test_it_needs_a_server_with_a_queue(self) -> None:
        self.queue = None
        [outcome] = self.deliver(ToChosen(lambda delivery: discard))
        self.assertEqual(outcome, Retry("4.3.5", "This target runs only within a server with a queue"))

    def test_by_sender(self) -> None:
        ours, anns, others = Place(), Place(), Place()
        target = ToChosen(by_sender({"ann@example.org": anns, "example.org": ours}, others))
        for sender in (ANN, BOB, ME, None):
            self.deliver(target, ME, sender=sender)
        self.assertEqual((len(anns.got), len(ours.got), len(others.got)), (1, 1, 2))
        [outcome] = self.deliver(ToChosen(by_sender({"example.org": ours})))
        self.assertIsInstance(outcome, Failed)

    def test_through_a_route_for_everything_strangers_do_not_reach_it(self) -> None:
        target = ToChosen(lambda delivery: ToMX())
        table = Routes([Route("*", target)])
        self.assertIsNone(table.find(ANN, user=False))
        self.assertIs(table.find(ANN), target)
        self.assertIs(Routes([Route("example.org", target)]).find(ANN, user=False), target)
        self.assertTrue(table.lead_elsewhere)


class ServerTests(SynchronousTestCase):
    """The whole way of mail whose target a function chooses."""

    def setUp(self) -> None:
        self.world = World()
        self.sent: list[tuple[str | None, str]] = []
        mailbox = ToMailbox(self.world.store, self.world.users)

        def choose(delivery: Delivery) -> Choice:
            return mailbox if delivery.recipients[0].address.domain == "example.org" else self.away

        table = Routes(
            [Route("example.org", ToChosen(choose, mailbox.check)), Route("*", ToChosen(choose))],
        )
        self.runner = Runner(MemoryQueue(self.world.clock), table)
        self.options: dict[str, Any] = {"queue": self.runner, "routes": table}
        self.successResultOf(Deferred.fromCoroutine(self.runner.start(self.world.site)))
        self.addCleanup(lambda: self.successResultOf(Deferred.fromCoroutine(self.runner.stop())))

    def away(self, delivery: Delivery) -> Outcome:
        self.sent.append((delivery.account, str(delivery.recipients[0].address)))
        return Delivered()

    def test_strangers_reach_our_people_and_nobody_else(self) -> None:
        self.world.greeted(self.world.mx(**self.options)).play("""
            C: MAIL FROM:<me@example.net>
            S: 250 ...
            C: RCPT TO:<ann@example.org>
            S: 250 ...
            C: RCPT TO:<nobody@example.org>
            S: 550 5.1.1 No such user here
            C: RCPT TO:<eve@example.com>
            S: 550 5.7.1 ...
            C: DATA
            S: 354 ...
            C: Subject: hi
            C:
            C: .
            S: 250 2.0.0 OK, stored as ...
        """)
        self.assertEqual(len(self.world.mail()), 1)
        self.assertEqual(self.sent, [])

    def test_who_logged_in_is_known_to_the_function(self) -> None:
        self.world.greeted(self.world.submission(**self.options)).play("""
            C: AUTH PLAIN AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=
            S: 235 ...
            C: MAIL FROM:<ann@example.org>
            S: 250 ...
            C: RCPT TO:<eve@example.com>
            S: 250 ...
            C: DATA
            S: 354 ...
            C: Subject: hi
            C:
            C: .
            S: 250 2.0.0 OK, stored as ...
        """)
        self.assertEqual(self.sent, [("ann@example.org", "eve@example.com")])


def test_what_is_no_function_is_refused() -> None:
    target: Any = ["relay.example.org"]
    with pytest.raises(TypeError, match="ToChosen wants a function"):
        ToChosen(target)
