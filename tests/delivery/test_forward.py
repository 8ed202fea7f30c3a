"""Forwarding: where mail goes on to, what of its envelope goes with it, circles, and the way back of what bounces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.address import Address
from mailframe.delivery.discard import discard
from mailframe.delivery.forward import ADDRESSES, HOPS, ToForward, ToSender, way_back
from mailframe.delivery.routes import Route, Routes, routes
from mailframe.envelope import Envelope, Recipient
from mailframe.errors import Temporary
from mailframe.hooks import Action, Delivered, Delivery, Failed, Outcome, Reject, Retry
from mailframe.interfaces import Leased
from mailframe.queue.memory import MemoryQueue
from mailframe.queue.runner import Runner
from mailframe.site import Site
from mailframe.smtp import MX
from mailframe.spool import Message
from mailframe.srs import SRS
from mailframe.testing.transcript import Transcript
from tests.smtp.world import World

ME, ANN = Address("me", "example.net"), Address("ann", "example.org")
MAIL = Message.from_bytes(b"DKIM-Signature: v=1\r\nSubject: hi\r\n\r\nHello\r\n")
FROM_ME = Envelope(ME)
NOW = 1_000_000_000.0
US = SRS([b"a secret of 16 octets"], "example.org")
DAY = 24 * 60 * 60


def address(text: str) -> Address:
    return Address.parse(text)


class ForwardTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        self.queue = MemoryQueue(self.clock)
        self.site = Site("mx.example.org", self.clock, random=lambda octets: b"\x07" * octets)

    def deliver(
        self, target: Any, *to: Recipient, envelope: Envelope = FROM_ME, message: Message = MAIL
    ) -> Sequence[Outcome]:
        recipients = to or (Recipient(ANN),)
        whole = evolve(envelope, recipients=recipients)
        delivery = Delivery("m1", whole, recipients, message, site=self.site, queue=self.queue)
        outcomes = self.successResultOf(Deferred.fromCoroutine(target(delivery)))
        return [outcomes[each.address] for each in recipients]

    def queued(self) -> Sequence[Leased]:
        found: list[Leased] = []
        while more := self.successResultOf(Deferred.fromCoroutine(self.queue.lease(NOW, NOW + 9, 100))):
            found += more
        return found

    def addresses(self) -> Sequence[str]:
        return sorted(str(each.envelope.recipients[0].address) for each in self.queued())

    # --- where it goes --------------------------------------------------------------------------------------------

    def test_mail_goes_on_to_another_address(self) -> None:
        [outcome] = self.deliver(ToForward("Ann@Elsewhere.example"))
        [leased] = self.queued()
        self.assertEqual(outcome, Delivered(f"forwarded as {leased.id} to Ann@elsewhere.example", Action.PASSED_ON))
        self.assertEqual(leased.envelope.sender, ME)
        self.assertEqual(leased.envelope.recipients[0].address, address("Ann@elsewhere.example"))
        self.assertEqual(bytes(leased.message), b"Delivered-To: ann@example.org\r\n" + bytes(MAIL))

    def test_mail_goes_on_to_several_once_each(self) -> None:
        [outcome] = self.deliver(ToForward(["a@a.example", "b@b.example", "a@A.example"]))
        self.assertEqual(
            sorted(str(each.envelope.recipients[0].address) for each in self.queued()), ["a@a.example", "b@b.example"]
        )
        self.assertTrue(isinstance(outcome, Delivered) and outcome.action is Action.EXPANDED)

    def test_a_function_says_where_to(self) -> None:
        async def later(delivery: Delivery) -> list[Address]:
            return [address(f"{delivery.recipients[0].address.local}@new.example")]

        def now(delivery: Delivery) -> str | None:
            return "x@new.example" if delivery.message.subject == "hi" else None

        to = (Recipient(ANN), Recipient(address("bob@example.org")))
        self.deliver(ToForward(later), *to)
        self.deliver(ToForward(now))
        self.assertEqual(
            sorted(each.envelope.recipients[0].address.local for each in self.queued()), ["ann", "bob", "x"]
        )

    def test_whom_the_function_does_not_know_is_unknown(self) -> None:
        self.assertEqual(self.deliver(ToForward(lambda delivery: [])), [Failed("5.1.1", "No such user here")])

    def test_trouble_with_one_recipient_is_that_ones_alone(self) -> None:
        def choose(delivery: Delivery) -> str:
            if delivery.recipients[0].address == ANN:
                raise RuntimeError("oh")
            return "x@new.example"

        outcomes = self.deliver(ToForward(choose), Recipient(ANN), Recipient(address("bob@example.org")))
        self.assertEqual(outcomes[0], Retry("4.3.0", "The message cannot be forwarded now"))
        self.assertIsInstance(outcomes[1], Delivered)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_what_cannot_be_queued_is_tried_again(self) -> None:
        async def full(*_arguments: Any) -> None:
            raise Temporary("/var/lib is full")

        self.patch(MemoryQueue, "put", full)
        self.assertEqual(self.deliver(ToForward("x@new.example")), [Retry("4.3.1", "The message cannot be queued now")])

    def test_without_a_queue_nothing_goes_on(self) -> None:
        self.queue = None  # type: ignore[assignment]
        self.assertEqual(
            self.deliver(ToForward("x@new.example")),
            [Retry("4.3.5", "Mail is forwarded only by a server with a queue")],
        )

    # --- circles --------------------------------------------------------------------------------------------------

    def test_nothing_is_forwarded_to_itself(self) -> None:
        target = ToForward(["x@new.example", "ann@example.org"])
        self.assertEqual(self.deliver(target), [Failed("5.4.6", "This address is forwarded to itself")])
        self.assertEqual(self.queued(), [])

    def test_what_was_forwarded_here_before_is_not_again(self) -> None:
        again = MAIL.with_fields(b"Received: x\r\nDelivered-To: ANN@example.org\r\n")
        [outcome] = self.deliver(ToForward("x@new.example"), message=again)
        self.assertEqual(outcome, Failed("5.4.6", "The message has been delivered to this address before"))
        [outcome] = self.deliver(ToForward("x@new.example"), Recipient(address("bob@example.org")), message=again)
        self.assertIsInstance(outcome, Delivered)

    def test_after_too_many_hops_it_stops(self) -> None:
        some = b"Received: x\r\n" * (HOPS - 1) + b"Delivered-To: x@example.org\r\n"
        self.assertIsInstance(self.deliver(ToForward("x@new.example"), message=MAIL.with_fields(some))[0], Delivered)
        [outcome] = self.deliver(ToForward("x@new.example"), message=MAIL.with_fields(some + b"Received: x\r\n"))
        self.assertEqual(outcome, Failed("5.4.6", "The message has passed too many servers"))

    def test_one_address_stands_for_a_bounded_number_of_others(self) -> None:
        many = [f"u{number}@new.example" for number in range(ADDRESSES + 1)]
        [outcome] = self.deliver(ToForward(many[1:]))
        self.assertTrue(outcome.text.endswith(" u9@new.example, u10@new.example ..."))
        self.assertEqual(
            self.deliver(ToForward(many)), [Failed("5.3.5", "This address is forwarded to too many others")]
        )

    # --- wishes for reports (RFC 3461 5.2.7) ----------------------------------------------------------------------

    def forwarded(self, notify: str, *to: str, orcpt: str | None = None) -> tuple[Outcome, Envelope]:
        wishes = Envelope(ME, body="8BITMIME", require_tls=True, ret="HDRS", envid="QQ314159")
        recipient = Recipient(ANN, frozenset(filter(None, notify.split(","))), orcpt)
        [outcome] = self.deliver(ToForward(to), recipient, envelope=wishes)
        return outcome, self.queued()[0].envelope

    def test_one_address_gets_all_wishes(self) -> None:
        outcome, envelope = self.forwarded("SUCCESS,FAILURE", "x@new.example", orcpt="rfc822;a@b.example")
        to = Recipient(address("x@new.example"), frozenset({"SUCCESS", "FAILURE"}), "rfc822;a@b.example")
        self.assertEqual(envelope, Envelope(ME, (to,), "8BITMIME", False, True, "HDRS", "QQ314159"))
        self.assertTrue(isinstance(outcome, Delivered) and outcome.action is Action.PASSED_ON)

    def test_several_get_them_without_success(self) -> None:
        for given, passed in (
            ("SUCCESS,FAILURE", {"FAILURE"}),
            ("SUCCESS", {"NEVER"}),
            ("NEVER", {"NEVER"}),
            ("", set[str]()),
        ):
            outcome, envelope = self.forwarded(given, "x@new.example", "y@new.example")
            self.assertEqual(envelope.recipients[0].notify, passed)
            self.assertEqual((envelope.ret, envelope.envid), ("HDRS", "QQ314159"))
            self.assertTrue(isinstance(outcome, Delivered) and outcome.action is Action.EXPANDED)

    def test_reports_name_the_address_that_the_sender_knows(self) -> None:
        self.assertEqual(self.forwarded("", "x@new.example")[1].recipients[0].orcpt, "rfc822;ann@example.org")
        self.deliver(ToForward("x@new.example"), Recipient(address("änn@example.org")))
        self.assertEqual(self.queued()[0].envelope.recipients[0].orcpt, "utf-8;änn@example.org")

    def test_an_address_beyond_ascii_needs_smtputf8(self) -> None:
        self.deliver(ToForward("ü@new.example"))
        self.assertTrue(self.queued()[0].envelope.smtputf8)

    # --- senders --------------------------------------------------------------------------------------------------

    def sender(self, target: ToForward, sender: Address | None = ME) -> Address | None:
        self.deliver(target, envelope=Envelope(sender))
        return self.queued()[0].envelope.sender

    def test_the_sender_is_rewritten_and_leads_back(self) -> None:
        rewritten = self.sender(ToForward("x@new.example", srs=US))
        assert rewritten is not None
        self.assertEqual(rewritten.domain, "example.org")
        self.assertEqual(US.reverse(rewritten, NOW), ME)

    def test_senders_that_need_it_not_stay(self) -> None:
        self.assertIsNone(self.sender(ToForward("x@new.example", srs=US), None))
        self.assertEqual(self.sender(ToForward("x@new.example")), ME)
        self.assertEqual(self.sender(ToForward("bob@example.org", srs=US)), ME)
        self.assertEqual(self.sender(ToForward("x@new.example", srs=US), ANN), ANN)

    # --- the way back ---------------------------------------------------------------------------------------------

    def bounce(self, to: Address, sender: Address | None = None) -> Outcome:
        return self.deliver(ToSender(US), Recipient(to, frozenset({"NEVER"})), envelope=Envelope(sender))[0]

    def test_what_bounces_goes_to_the_sender(self) -> None:
        rewritten = US.forward(ME, NOW)
        self.assertIsInstance(self.bounce(rewritten), Delivered)
        [leased] = self.queued()
        self.assertEqual(leased.envelope, Envelope(None, (Recipient(ME, frozenset({"NEVER"})),)))
        self.assertTrue(bytes(leased.message).startswith(b"Delivered-To: SRS0="))

    def test_whoever_else_writes_there_is_forwarded_like_others(self) -> None:
        self.bounce(US.forward(ME, NOW), address("other@b.example"))
        sender = self.queued()[0].envelope.sender
        assert sender is not None
        self.assertEqual(US.reverse(sender, NOW), address("other@b.example"))

    def test_what_is_forged_or_old_goes_nowhere(self) -> None:
        rewritten = US.forward(ME, NOW)
        forged = Address(rewritten.local.replace("=me", "=you"), rewritten.domain)
        self.assertEqual(self.bounce(forged), Failed("5.1.1", "The address was not made here"))
        self.clock.advance(22 * DAY)
        self.assertEqual(self.bounce(rewritten), Failed("5.1.1", "The address has expired"))

    def test_recipients_are_checked_before_the_mail_comes(self) -> None:
        def check(srs: Any, to: Address) -> Any:
            return self.successResultOf(Deferred.fromCoroutine(ToSender(srs).check_at(self.site, to)))

        class Broken:
            def reverse(self, address: Address, now: float) -> Address:
                raise Temporary("disk")

        rewritten = US.forward(ME, NOW)
        self.assertIsNone(check(US, rewritten))
        self.assertEqual(check(US, ANN), Reject("5.1.1", "The address does not lead back to a sender"))
        self.assertEqual(check(Broken(), rewritten).status, "4.3.0")
        self.clock.advance(22 * DAY)
        self.assertEqual(check(US, rewritten), Reject("5.1.1", "The address has expired"))

    def test_the_way_back_comes_with_the_target_and_first(self) -> None:
        target = ToForward("x@new.example", srs=US)
        table = routes([Route("*", discard), Route("info@example.org", target), Route("all@example.org", target)])
        rewritten = US.forward(ME, NOW)
        self.assertEqual(len(table.routes), 4)
        self.assertEqual(table.find(rewritten, user=False), ToSender(US))
        self.assertIs(table.find(address("srs0@example.org"), user=False), discard)
        self.assertTrue(table.lead_elsewhere)
        self.assertEqual(routes([Route("*", ToForward("x@new.example"))]).routes[0].pattern, "*")
        self.assertEqual(way_back(US), way_back(SRS([b"a secret of 16 octets"], "example.org")))

    def test_strangers_reach_it_only_where_a_route_names_a_domain(self) -> None:
        target = ToForward(lambda delivery: delivery.recipients[0].address)
        self.assertIsNone(routes([Route("*", target)]).find(address("a@b.example"), user=False))
        self.assertIs(routes([Route("b.example", target)]).find(address("a@b.example"), user=False), target)


class ServerTests(SynchronousTestCase):
    """The whole way: in by SMTP, forwarded, refused elsewhere, back to the sender."""

    def setUp(self) -> None:
        self.world = World()
        self.sent: list[tuple[str, str, bytes]] = []
        self.answer: Outcome = Delivered()
        forward = ToForward("ann@new.example", srs=US)
        self.routes = Routes([Route("info@example.org", forward), *self.world.routes, Route("*", self.elsewhere)])
        self.runner = Runner(MemoryQueue(self.world.clock), self.routes)
        self.successResultOf(Deferred.fromCoroutine(self.runner.start(self.world.site)))
        self.addCleanup(lambda: self.successResultOf(Deferred.fromCoroutine(self.runner.stop())))

    def elsewhere(self, delivery: Delivery) -> Outcome:
        to = delivery.recipients[0].address
        self.sent.append((str(delivery.sender or ""), str(to), bytes(delivery.message)))
        return self.answer if to.domain == "new.example" else Delivered()

    def mx(self) -> Transcript:
        return self.world.greeted(self.world.mx(routes=self.routes, queue=self.runner))

    def send(self, sender: str, to: str) -> None:
        self.mx().play(f"""
            C: MAIL FROM:<{sender}>
            S: 250 ...
            C: RCPT TO:<{to}>
            S: 250 ...
            C: DATA
            S: 354 ...
            C: Subject: hi
            C:
            C: .
            S: 250 2.0.0 OK, stored as ...
        """)

    def test_forwarded_mail_that_is_refused_comes_back_to_its_sender(self) -> None:
        self.answer = Failed("5.1.1", "Ann is gone", "mx.new.example", "550 5.1.1 Ann is gone")
        self.send("me@example.net", "info@example.org")
        (sender, to, mail), (null, back, report) = self.sent
        self.assertEqual((to, null, back), ("ann@new.example", "", "me@example.net"))
        self.assertEqual(US.reverse(address(sender), self.world.clock.seconds()), ME)
        self.assertTrue(mail.startswith(b"Delivered-To: info@example.org\r\n"))
        self.assertIn(b"Original-Recipient: rfc822; info@example.org\r\n", report)

    def test_what_others_bounce_is_taken_and_sent_back_and_forgeries_are_refused(self) -> None:
        rewritten = US.forward(ME, self.world.clock.seconds())
        self.send("", str(rewritten))
        self.assertEqual([each[:2] for each in self.sent], [("", "me@example.net")])
        self.mx().play(f"""
            C: MAIL FROM:<>
            S: 250 ...
            C: RCPT TO:<{rewritten.local}x@example.org>
            S: 550 5.1.1 The address was not made here
            C: RCPT TO:<SRS0=nothing@example.org>
            S: 550 5.1.1 The address does not lead back to a sender
        """)

    def test_a_circle_is_refused_by_smtp(self) -> None:
        self.mx().play("""
            C: MAIL FROM:<me@example.net>
            S: 250 ...
            C: RCPT TO:<info@example.org>
            S: 250 ...
            C: DATA
            S: 354 ...
            C: Delivered-To: info@example.org
            C:
            C: .
            S: 550 5.4.6 The message has been delivered to this address before
        """)

    def test_a_server_without_a_queue_is_refused(self) -> None:
        with pytest.raises(ValueError, match="a route needs a queue"):
            MX(self.routes)


@pytest.mark.parametrize(("wrong", "words"), [("nobody", "local-part@domain"), ([], "there must be an address")])
def test_what_is_no_address_is_refused_when_it_is_built(wrong: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ToForward(wrong)
