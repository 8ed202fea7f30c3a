"""Automatic answers: to whom, how often, and what becomes of the mail itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.address import Address
from mailframe.delivery.forward import ToForward
from mailframe.delivery.mailbox import ToMailbox
from mailframe.delivery.relay import ToMX
from mailframe.delivery.reply import INTERVAL, MemoryAnswered, ToReply
from mailframe.delivery.routes import Route, routes
from mailframe.envelope import Envelope, Recipient
from mailframe.errors import Temporary
from mailframe.hooks import Delivered, Delivery, Failed, Outcome, Retry
from mailframe.interfaces import IElsewhere, IKeepsSpool, IRecipientCheck, Leased
from mailframe.queue.memory import MemoryQueue
from mailframe.site import Site
from mailframe.spool import Message, Spool
from mailframe.sqlite import SQLite
from mailframe.sqlite.answered import SQLiteAnswered
from tests.smtp.world import World
from tests.temporary import path_for

ME, ANN, BOB = Address("me", "example.net"), Address("ann", "example.org"), Address("bob", "example.org")
MAIL = b"To: ann@example.org, bob@example.org\r\nSubject: Lunch?\r\nMessage-ID: <1@example.net>\r\n\r\nHello\r\n"
NOW = 1_000_000_000.0


def kept(_delivery: Delivery) -> Outcome:
    return Delivered("kept")


class ReplyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        self.queue: Any = MemoryQueue(self.clock)
        self.site = Site("mx.example.org", self.clock)

    def deliver(
        self, target: Any, *to: Address, sender: Address | None = ME, message: bytes = MAIL
    ) -> Sequence[Outcome]:
        recipients = tuple(map(Recipient, to or (ANN,)))
        mail = Message.from_bytes(message)
        delivery = Delivery("m1", Envelope(sender, recipients), recipients, mail, site=self.site, queue=self.queue)
        outcomes = self.successResultOf(Deferred.fromCoroutine(target(delivery)))
        return [outcomes[each.address] for each in recipients]

    def answers(self) -> Sequence[Leased]:
        now, found = self.clock.seconds(), []
        while more := self.successResultOf(Deferred.fromCoroutine(self.queue.lease(now, now + 9e9, 100))):
            found += more
        return found

    def test_a_message_is_delivered_and_answered(self) -> None:
        self.assertEqual(self.deliver(ToReply(kept, "I am away.")), [Delivered("kept")])
        [leased] = self.answers()
        self.assertEqual(leased.envelope, Envelope(None, (Recipient(ME, frozenset({"NEVER"})),)))
        answer = bytes(leased.message)
        for part in (b"From: ann@example.org\r\n", b"Subject: Auto: Lunch?\r\n", b"\r\n\r\nI am away.\r\n"):
            self.assertIn(part, answer)

    def test_what_was_not_delivered_is_not_answered(self) -> None:
        for outcome in (Retry(), Failed()):
            self.assertEqual(self.deliver(ToReply(lambda delivery, it=outcome: it, "Away")), [outcome])  # type: ignore[misc]
        self.assertEqual(self.answers(), [])

    def test_each_recipient_answers(self) -> None:
        self.deliver(ToReply(kept, "Away"), ANN, BOB)
        self.assertEqual(len(self.answers()), 2)

    def test_nobody_is_answered_twice_within_the_interval(self) -> None:
        target = ToReply(kept, "Away")
        for seconds in (0, 1, INTERVAL - 2):
            self.clock.advance(seconds)
            self.deliver(target)
        self.assertEqual(len(self.answers()), 1)
        self.deliver(target, BOB)
        self.deliver(target, sender=Address("Other", "example.net"))
        self.clock.advance(1)
        self.deliver(target)
        self.assertEqual(len(self.answers()), 3)

    def test_programs_lists_and_reports_are_not_answered(self) -> None:
        target = ToReply(kept, "Away")
        self.deliver(target, sender=None)
        self.deliver(target, sender=Address("owner-list", "example.net"))
        self.deliver(target, sender=ANN)
        self.deliver(target, message=b"Auto-Submitted: auto-replied\r\n" + MAIL)
        self.deliver(target, message=b"List-Id: <x.example>\r\n" + MAIL)
        self.assertEqual(self.answers(), [])

    def test_a_person_answers_only_what_names_them(self) -> None:
        other = MAIL.replace(b"ann@", b"friends@")
        self.deliver(ToReply(kept, "Away"), message=other)
        self.assertEqual(self.answers(), [])
        self.deliver(ToReply(kept, "Away", addresses=["friends@example.org"]), message=other)
        self.deliver(ToReply(kept, "Thanks", personal=False), message=other)
        self.assertEqual(len(self.answers()), 2)

    def test_the_text_may_come_from_a_function(self) -> None:
        async def away(delivery: Delivery) -> str | None:
            return f"{delivery.recipients[0].address.local} is away" if delivery.sender == ME else None

        target = ToReply(kept, away, subject="Away")
        self.deliver(target)
        self.deliver(target, sender=Address("other", "example.net"))
        self.deliver(ToReply(kept, lambda delivery: ""))
        [leased] = self.answers()
        self.assertTrue(bytes(leased.message).endswith(b"\r\n\r\nann is away\r\n"))
        self.assertIn(b"Subject: Away\r\n", bytes(leased.message))

    def test_trouble_with_the_answer_is_none_for_the_mail(self) -> None:
        def broken(delivery: Delivery) -> str:
            raise RuntimeError("oh")

        async def full(*_arguments: Any) -> None:
            raise Temporary("the disk is full")

        self.assertEqual(self.deliver(ToReply(kept, broken)), [Delivered("kept")])
        self.patch(MemoryQueue, "put", full)
        self.assertEqual(self.deliver(ToReply(kept, "Away")), [Delivered("kept")])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError, Temporary)), 2)

    def test_there_are_not_too_many_answers_in_an_hour(self) -> None:
        target = ToReply(kept, "Away", hourly=2)
        for number in range(5):
            self.deliver(target, sender=Address(f"u{number}", "example.net"))
        self.assertEqual(len(self.answers()), 2)
        self.clock.advance(3600)
        self.deliver(target, sender=Address("u9", "example.net"))
        self.assertEqual(len(self.answers()), 1)

    def test_an_address_beyond_ascii_needs_smtputf8(self) -> None:
        self.deliver(ToReply(kept, "Schöne Grüße"), sender=Address("ü", "example.net"))
        [leased] = self.answers()
        self.assertTrue(leased.envelope.smtputf8)
        self.assertEqual(leased.envelope.body, "8BITMIME")

    def test_it_needs_a_server_with_a_queue(self) -> None:
        self.queue = None
        self.assertEqual(
            self.deliver(ToReply(kept, "Away")),
            [Retry("4.3.5", "This target runs only within a server with a queue")],
        )
        self.assertTrue(routes([Route("example.org", ToReply(kept, "Away"))]).lead_elsewhere)

    def test_it_can_what_its_target_can(self) -> None:
        world = World()
        target = ToReply(ToMailbox(world.store, world.users), "Away")
        self.assertTrue(IRecipientCheck.providedBy(target))
        self.assertIsNone(self.successResultOf(Deferred.fromCoroutine(target.check(ANN))))  # type: ignore[arg-type]
        self.assertTrue(IKeepsSpool.providedBy(target))
        self.assertIsInstance(target.spool, Spool)
        self.assertFalse(IElsewhere.providedBy(target))
        self.assertTrue(IElsewhere.providedBy(ToReply(ToForward("x@new.example"), "Away")))
        self.assertFalse(IRecipientCheck.providedBy(ToReply(kept, "Away")))

    # --- remembering ----------------------------------------------------------------------------------------------

    def remembers(self, memory: Any) -> None:
        def first(to: str, now: float, who: str = "ann@example.org") -> bool:
            return bool(self.successResultOf(Deferred.fromCoroutine(memory.answer_first(who, to, now, now - 100))))

        self.assertEqual([first("a@x", 1000), first("a@x", 1099), first("a@x", 1100)], [True, False, True])
        self.assertEqual([first("a@x", 1101, "bob@example.org"), first("b@x", 1101)], [True, True])
        self.assertEqual([first("c@x", 1102), first("d@x", 1103)], [True, True])
        # Three are remembered: the oldest may be answered again.
        self.assertEqual([first("d@x", 1104), first("a@x", 1104)], [False, True])

    def test_in_memory(self) -> None:
        self.remembers(MemoryAnswered(3))

    def test_in_sqlite(self) -> None:
        data = SQLite(path_for(self))
        self.successResultOf(Deferred.fromCoroutine(data.start(self.site)))
        self.addCleanup(lambda: self.successResultOf(Deferred.fromCoroutine(data.stop())))
        self.remembers(SQLiteAnswered(data._database, 3))
        target = ToReply(kept, "Away", remember=data)
        self.deliver(target)
        self.deliver(ToReply(kept, "Away", remember=data))
        self.assertEqual(len(self.answers()), 1)


@pytest.mark.parametrize(
    ("target", "text", "options", "error", "words"),
    [
        (ToMX(), "Away", {}, ValueError, "theirs to answer"),
        ("x", "Away", {}, TypeError, "delivers to a target"),
        (kept, 5, {}, TypeError, "an answer is a text"),
        (kept, "Away", {"remember": {}}, TypeError, "remember must provide IAnswered"),
        (kept, "Away", {"interval": -1}, ValueError, "interval"),
        (kept, "Away", {"hourly": 0}, ValueError, "hourly"),
        (kept, "Away", {"addresses": ["ann"]}, ValueError, "local-part@domain"),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_built(
    target: Any, text: Any, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        ToReply(target, text, **options)
