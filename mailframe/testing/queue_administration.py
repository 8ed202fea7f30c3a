"""The contract of L{mailframe.interfaces.IAdministeredQueue}, as tests: what an administrator sees, and does."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, cast

from zope.interface.verify import verifyObject

from mailframe.address import Address
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Delivered, Failed, Retry
from mailframe.interfaces import (
    IAdministeredQueue,
    QueueChange,
    Queued,
    QueuedState,
    Report,
    Selection,
    Settlement,
)
from mailframe.testing.queue_case import BIG_OCTETS, LATER, SMALL, QueueCase, envelope_to, names

ALL = Selection()
WORDS = Retry("4.2.2", "Mailbox full", "mx.example.net", "452 4.2.2 Mailbox full")


def to(queued: Sequence[Queued]) -> list[str]:
    """Return the recipients in their order."""
    return [str(each.envelope.recipients[0].address) for each in queued]


class AdministeredQueueContract(QueueCase):
    """Mix it into a C{TestCase} beside L{mailframe.testing.queues.DeliveryQueueContract}."""

    @property
    def hand(self) -> Any:
        """The queue, for those who change it by hand."""
        return cast(Any, self.queue)

    async def seen(self, selection: Selection = ALL) -> Sequence[Queued]:
        """Return all that is selected."""
        found: Sequence[Queued] = await self.hand.inspect(selection, limit=1000)
        return found

    async def states(self) -> list[str]:
        """Return the states of all, the oldest first."""
        return [each.state.value for each in await self.seen()]

    async def demand(self, call: Awaitable[int], touched: int) -> None:
        """Demand that a change applies to so many."""
        self.assertEqual(await call, touched)

    # --- looking --------------------------------------------------------------------------------------------------

    def test_it_can_be_administered(self) -> None:
        verifyObject(IAdministeredQueue, self.queue)

    async def test_an_empty_queue_shows_nothing(self) -> None:
        self.assertEqual(list(await self.seen()), [])
        self.assertEqual(list(await self.hand.backlogs()), [])
        await self.demand(self.hand.remove(ALL), 0)

    async def test_all_that_is_known_of_a_recipient_is_shown(self) -> None:
        recipient = Recipient(Address("ann b", "example.net"), frozenset({"DELAY"}), "rfc822;a@b")
        envelope = Envelope(Address("s", "example.org"), (recipient,), "8BITMIME", True, True, "HDRS", "E1")
        await self.queue.put("m1", envelope, SMALL, 1000.0)
        [seen] = await self.seen()
        self.assertEqual((seen.id, seen.envelope, seen.size), ("m1", envelope, SMALL.size))
        self.assertEqual((seen.queued, seen.attempts, seen.due, seen.route), (1000.0, 0, 1000.0, ""))
        self.assertEqual((seen.state, seen.outcome), (QueuedState.DUE, None))

    async def test_the_size_is_that_of_the_whole_message(self) -> None:
        message = self.big_message()
        await self.put("a", message=message)
        [seen] = await self.seen()
        self.assertEqual(seen.size, message.size)

    async def test_the_last_outcome_is_shown_with_the_words_of_the_peer(self) -> None:
        await self.put("a")
        await self.settle(await self.lend(), WORDS, 1500.0)
        [seen] = await self.seen()
        self.assertEqual((seen.outcome, seen.attempts, seen.due), (WORDS, 1, 1500.0))
        self.assertEqual(seen.state, QueuedState.WAITING)

    async def test_pages_follow_each_other_the_oldest_first(self) -> None:
        for number in range(7):
            await self.put(f"a{number}", f"b{number}", id=f"m{number}", due=2000.0 - number)
        sizes, found, after = [], [], 0
        while page := await self.hand.inspect(ALL, after, 5):
            sizes.append(len(page))
            found += [each.envelope.recipients[0].address.local for each in page]
            after = page[-1].key
        self.assertEqual(sizes, [5, 5, 4])
        self.assertEqual(found, [f"{letter}{number}" for number in range(7) for letter in "ab"])

    async def test_a_page_is_bounded_whatever_is_asked_for(self) -> None:
        await self.put(*(f"r{number}" for number in range(1200)))
        self.assertLessEqual(len(await self.hand.inspect(ALL, limit=10**9)), 1000)

    async def test_selections(self) -> None:
        await self.put_from("ann@x.example", "Bob@one.example", "cat@two.example", id="m1")
        await self.put_from("Ann@x.example", "bob@one.example", id="m2", due=2000.0)
        await self.put_from("", "cat@two.example", id="m3")
        ann = Address("ann", "x.example")
        cases: list[tuple[Selection, list[str]]] = [
            (ALL, ["m1", "m1", "m2", "m3"]),
            (Selection(id="m1"), ["m1", "m1"]),
            (Selection(id="m"), []),
            (Selection(sender=ann), ["m1", "m1", "m2"]),
            (Selection(sender=""), ["m3"]),
            (Selection(sender=Address("ann", "y.example")), []),
            (Selection(recipient=Address("BOB", "one.example")), ["m1", "m2"]),
            (Selection(recipient=Address("bob", "two.example")), []),
            (Selection(destination="two.example"), ["m1", "m3"]),
            (Selection(destination="example"), []),
            (Selection(destination="example", subdomains=True), ["m1", "m1", "m2", "m3"]),
            (Selection(destination="one.example", subdomains=True), ["m1", "m2"]),
            (Selection(destination="ne.example", subdomains=True), []),
            (Selection(state=QueuedState.WAITING), ["m2"]),
            (Selection(state=QueuedState.DUE, destination="two.example"), ["m1", "m3"]),
            (Selection(id="m1", sender=ann, recipient=Address("cat", "two.example")), ["m1"]),
            (Selection(sender=ann, destination="two.example", recipient=Address("bob", "one.example")), []),
            (Selection(id="x' OR '1'='1"), []),
        ]
        for selection, ids in cases:
            self.assertEqual([each.id for each in await self.seen(selection)], ids, selection)

    async def test_each_state_can_be_selected(self) -> None:
        for name in ("due", "held", "returned", "leased", "waiting"):
            await self.put(name, id=name, due=1000.0 if name == "leased" else 1100.0)
        await self.hand.hold(Selection(id="held"))
        await self.hand.send_back(Selection(id="returned"))
        [returned] = [each for each in await self.lend() if each.id == "returned"]
        await self.queue.give_back([returned.key])
        await self.hand.retry(Selection(id="due"))
        for state in QueuedState:
            self.assertEqual([each.id for each in await self.seen(Selection(state=state))], [state.value])

    async def test_backlogs_are_told_the_longest_first(self) -> None:
        await self.put_from("s@x.example", "a@one.example", id="m1", due=1500.0)
        self.clock.advance(5)
        await self.put_from("s@x.example", "a@two.example", "b@two.example", id="m2", due=1400.0)
        await self.put_from("t@x.example", "c@two.example", id="m3", due=1300.0)
        await self.put_from("t@x.example", "c@three.example", id="m4")
        await self.hand.hold(Selection(id="m4"))
        told = [(each.destination, each.recipients, each.oldest, each.due) for each in await self.hand.backlogs()]
        self.assertEqual(
            told,
            [
                ("two.example", 3, 1005.0, 1300.0),
                ("one.example", 1, 1000.0, 1500.0),
                ("three.example", 1, 1005.0, None),
            ],
        )
        self.assertEqual(len(await self.hand.backlogs(2)), 2)

    # --- changing what waits --------------------------------------------------------------------------------------

    async def test_what_is_to_be_tried_again_is_due(self) -> None:
        await self.put("a", id="m1", due=5000.0)
        await self.put("b", id="m2", due=6000.0)
        await self.put("c", id="m3", due=900.0)
        await self.demand(self.hand.retry(Selection(id="m1")), 1)
        await self.demand(self.hand.retry(Selection(id="m3")), 1)
        self.assertEqual(names(await self.lend()), ["c", "a"])
        self.assertEqual(await self.queue.next_due(1000, ()), 1100.0)

    async def test_what_is_held_waits_until_it_is_released(self) -> None:
        await self.put("a", "b")
        await self.demand(self.hand.hold(ALL), 2)
        await self.demand(self.hand.hold(ALL), 2)
        self.assertEqual(await self.states(), ["held", "held"])
        self.assertEqual((await self.seen())[0].due, None)
        self.assertEqual(names(await self.lend(10**9)), [])
        self.assertIsNone(await self.queue.next_due(1000))
        await self.demand(self.hand.retry(ALL), 0)
        await self.demand(self.hand.release(Selection(recipient=Address("a", "example.net"))), 1)
        await self.demand(self.hand.release(Selection(recipient=Address("a", "example.net"))), 0)
        self.assertEqual(await self.queue.next_due(1000), 1000.0)
        self.assertEqual(names(await self.lend()), ["a"])

    async def test_what_is_removed_is_gone_and_the_message_with_the_last_of_it(self) -> None:
        await self.put("a", "b", message=self.big_message())
        await self.demand(self.hand.remove(Selection(recipient=Address("a", "example.net"))), 1)
        [leased] = await self.lend()
        self.assertEqual(len(bytes(leased.message)), BIG_OCTETS + len(b"Subject: big\r\n\r\n"))
        await self.queue.give_back([leased.key])
        await self.demand(self.hand.remove(ALL), 1)
        self.assertEqual(list(await self.seen()), [])
        self.assertIsNone(await self.queue.next_due(1000))

    async def test_what_goes_back_is_due_and_says_so(self) -> None:
        await self.put("a", due=5000.0)
        await self.put("b", id="m2", due=5000.0)
        await self.hand.hold(Selection(id="m2"))
        await self.demand(self.hand.send_back(ALL), 2)
        self.assertEqual(await self.states(), ["returned", "returned"])
        leased = await self.lend()
        self.assertEqual([(each.id, each.returned) for each in leased], [("m1", True), ("m2", True)])

    async def test_another_route_is_lent_with_it_and_the_ordinary_one_comes_back(self) -> None:
        await self.put("a", due=5000.0)
        await self.demand(self.hand.reroute(ALL, "relay.example.com:2525"), 1)
        [leased] = await self.lend()
        self.assertEqual(leased.route, "relay.example.com:2525")
        await self.settle([leased], LATER, 3000.0)
        [seen] = await self.seen()
        self.assertEqual((seen.route, seen.due), ("relay.example.com:2525", 3000.0))
        await self.demand(self.hand.reroute(ALL, ""), 1)
        self.assertEqual((await self.lend())[0].route, "")

    async def test_a_held_recipient_may_get_another_route_and_stays_held(self) -> None:
        await self.put("a")
        await self.hand.hold(ALL)
        await self.demand(self.hand.reroute(ALL, "[2001:db8::1]:26"), 1)
        self.assertEqual(await self.states(), ["held"])

    async def test_a_route_that_is_none_is_refused(self) -> None:
        await self.put("a")
        for route in ("a b", "relay.example.com:0", "relay.example.com:99999", "x\r\ny", ":25", "[relay]:x"):
            await self.refused(self.hand.reroute(ALL, route))
        self.assertEqual((await self.seen())[0].route, "")

    async def test_only_the_selected_are_changed(self) -> None:
        await self.put_from("ann@x.example", "a@one.example", "b@two.example", id="m1")
        await self.put_from("bob@x.example", "c@one.example", id="m2")
        await self.demand(self.hand.hold(Selection(destination="one.example")), 2)
        self.assertEqual(await self.states(), ["held", "due", "held"])
        await self.demand(self.hand.release(Selection(sender=Address("bob", "x.example"))), 1)
        self.assertEqual(await self.states(), ["held", "due", "due"])

    async def test_a_big_selection_is_changed_whole(self) -> None:
        for number in range(3):
            await self.put(*(f"r{number}" for number in range(900)), id=f"m{number}")
        await self.demand(self.hand.hold(Selection(destination="example.net")), 2700)
        await self.demand(self.hand.remove(Selection(state=QueuedState.HELD)), 2700)
        self.assertEqual(list(await self.seen()), [])

    async def test_a_big_destination_is_looked_through_like_a_small_one(self) -> None:
        for number in range(6):
            await self.put(*(f"r{number}" for number in range(1000)), id=f"m{number}")
        await self.put_from("s@x.example", "a@one.example", id="other")
        found, after = 0, 0
        while page := await self.hand.inspect(Selection(destination="example.net"), after, 1000):
            found, after = found + len(page), page[-1].key
        self.assertEqual(found, 6000)

    # --- changing what is lent ------------------------------------------------------------------------------------

    async def test_what_is_lent_is_shown_as_such_until_the_lease_ends(self) -> None:
        await self.put("a")
        await self.lend(1000, seconds=100)
        [seen] = await self.seen()
        self.assertEqual((seen.state, seen.due), (QueuedState.LEASED, 1100.0))
        self.clock.advance(100)
        self.assertEqual(await self.states(), ["due"])

    async def test_trying_again_what_is_lent_changes_nothing(self) -> None:
        await self.put("a")
        leased = await self.lend()
        await self.demand(self.hand.retry(ALL), 1)
        self.assertEqual(names(await self.lend()), [])
        await self.settle(leased, LATER, 3000.0)
        self.assertEqual(await self.queue.next_due(1000), 3000.0)

    async def test_what_is_held_while_it_is_lent_waits_when_it_is_settled(self) -> None:
        await self.put("a", "b")
        first, second = await self.lend()
        await self.demand(self.hand.hold(ALL), 2)
        self.assertEqual(await self.states(), ["leased", "leased"])
        await self.settle([first], Delivered())
        await self.settle([second], LATER, 1050.0)
        self.assertEqual(await self.states(), ["held"])
        self.assertEqual(names(await self.lend(10**9)), [])
        await self.hand.release(ALL)
        self.assertEqual(len(await self.lend()), 1)

    async def test_what_is_held_while_it_is_lent_waits_when_it_is_given_back(self) -> None:
        await self.put("a")
        [leased] = await self.lend()
        await self.hand.hold(ALL)
        await self.queue.give_back([leased.key])
        self.assertEqual(await self.states(), ["held"])

    async def test_what_is_held_while_it_is_lent_is_not_lent_again_when_the_lease_ends(self) -> None:
        await self.put("a", "b")
        first, second = await self.lend(1000, seconds=100)
        await self.hand.hold(ALL)
        self.clock.advance(200)
        self.assertEqual(names(await self.lend(1200)), [])
        self.assertIsNone(await self.queue.next_due(1200))
        self.assertEqual(await self.states(), ["held", "held"])
        await self.settle([first], Delivered())  # late, and true all the same
        await self.demand(self.hand.release(ALL), 1)
        self.assertEqual(names(await self.lend(1200)), names([second]))

    async def test_what_is_released_while_it_is_lent_goes_on_as_if_nothing_had_been(self) -> None:
        await self.put("a")
        leased = await self.lend()
        await self.hand.hold(ALL)
        await self.demand(self.hand.release(ALL), 1)
        self.assertEqual(names(await self.lend()), [])
        await self.settle(leased, LATER, 1500.0)
        self.assertEqual(await self.queue.next_due(1000), 1500.0)

    async def test_what_is_removed_while_it_is_lent_does_not_come_back_and_nobody_is_told(self) -> None:
        await self.put("a", "b", "c", message=self.big_message())
        leased = {names([each])[0]: each for each in await self.lend()}
        await self.demand(self.hand.remove(ALL), 3)
        self.assertEqual(list(await self.seen()), [])
        report = envelope_to("sender")
        about = [leased["a"].key, leased["b"].key]
        settlements = {leased["a"].key: Settlement(LATER, 1500.0), leased["b"].key: Settlement(Failed("5.1.1"))}
        for message in (SMALL, self.big_message()):
            await self.queue.settle(1000, settlements, [Report("r1", report, message, 1000.0, about)])
        await self.queue.give_back([leased["c"].key])
        self.assertEqual(list(await self.seen()), [])
        self.assertIsNone(await self.queue.next_due(1000))

    async def test_a_report_is_queued_when_one_of_those_it_is_about_is_still_there(self) -> None:
        await self.put("a", "b")
        leased = await self.lend()
        await self.hand.remove(Selection(recipient=Address("a", "example.net")))
        about = [each.key for each in leased]
        settlements = {each.key: Settlement(Failed("5.1.1")) for each in leased}
        await self.queue.settle(1000, settlements, [Report("r1", envelope_to("sender"), SMALL, 1000.0, about)])
        self.assertEqual([each.id for each in await self.seen()], ["r1"])

    async def test_what_is_to_go_back_while_it_is_lent_does_when_it_is_settled(self) -> None:
        await self.put("a", "b")
        first, second = await self.lend()
        await self.demand(self.hand.send_back(ALL), 2)
        self.assertEqual(await self.states(), ["leased", "leased"])
        await self.settle([first], Delivered())
        await self.settle([second], LATER, 9000.0)
        self.assertEqual(await self.states(), ["returned"])
        [again] = await self.lend()
        self.assertTrue(again.returned)

    async def test_another_route_for_what_is_lent_is_that_of_the_next_attempt(self) -> None:
        await self.put("a")
        leased = await self.lend()
        await self.demand(self.hand.reroute(ALL, "relay.example.com"), 1)
        await self.settle(leased, LATER, 1500.0)
        self.assertEqual([each.route for each in await self.lend(1500)], ["relay.example.com"])

    # --- who is told ----------------------------------------------------------------------------------------------

    async def test_whoever_watches_is_told_of_each_change(self) -> None:
        told: list[QueueChange] = []
        end = self.hand.watch(told.append)
        await self.put_from("s@x.example", "a@one.example", "b@two.example", id="m1")
        await self.hand.inspect(ALL)
        await self.hand.remove(Selection(id="none"))
        self.assertEqual(told, [])
        await self.hand.hold(ALL)
        self.assertEqual(told.pop(), QueueChange(frozenset({"one.example", "two.example"}), False))
        await self.hand.release(Selection(destination="one.example"))
        self.assertEqual(told.pop(), QueueChange(frozenset({"one.example"}), False))
        await self.queue.lease(1000, 1100, 10)
        await self.hand.retry(Selection(destination="one.example"))
        self.assertEqual(told.pop(), QueueChange(frozenset({"one.example"}), False))
        await self.hand.send_back(Selection(destination="one.example"))
        self.assertEqual(told.pop(), QueueChange(frozenset({"one.example"}), True))
        await self.hand.remove(Selection(destination="one.example"))
        self.assertEqual(told.pop(), QueueChange(frozenset({"one.example"}), True))
        end()
        end()
        await self.hand.remove(ALL)
        self.assertEqual(told, [])
