"""The contract of L{mailframe.interfaces.IDeliveryQueue}, as tests: every promise of its docstrings.

Mix L{DeliveryQueueContract} into a C{twisted.trial.unittest.TestCase} and give it C{make_queue}.
"""

from __future__ import annotations

import os

from twisted.internet.defer import Deferred, gatherResults
from zope.interface.verify import verifyObject

from mailframe.address import Address
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Delivered, Failed
from mailframe.interfaces import IDeliveryQueue, Report, Settlement
from mailframe.spool import FileBody, Message
from mailframe.testing.queue_case import BIG_OCTETS, LATER, SMALL, envelope_to, names
from mailframe.testing.queue_sharing import SharingContract

__all__ = ["LATER", "SMALL", "DeliveryQueueContract", "envelope_to", "names"]


class DeliveryQueueContract(SharingContract):
    """All of it."""

    # --- what is put comes out ------------------------------------------------------------------------------------

    def test_it_is_a_delivery_queue(self) -> None:
        verifyObject(IDeliveryQueue, self.queue)

    async def test_an_empty_queue_lends_nothing(self) -> None:
        assert list(await self.lend()) == []
        assert await self.queue.next_due(1000) is None

    async def test_a_message_is_lent_for_each_recipient_with_all_that_was_said_about_it(self) -> None:
        first = Recipient(Address("a b", "example.net"), frozenset({"SUCCESS", "FAILURE"}), "rfc822;A+B@example.net")
        second = Recipient(Address("用户", "xn--fsqu00a.example"))
        sender = Address("sender", "[192.0.2.1]")
        envelope = Envelope(sender, (first, second), "8BITMIME", True, True, "HDRS", "QQ314159", "s@example.org")
        self.clock.advance(5)
        await self.queue.put("id-1", envelope, SMALL, 1000.0)
        leased = sorted(await self.lend(1005.5), key=lambda each: each.key)
        assert [each.envelope for each in leased] == [
            Envelope(sender, (recipient,), "8BITMIME", True, True, "HDRS", "QQ314159", "s@example.org")
            for recipient in (first, second)
        ]
        for each in leased:
            assert bytes(each.message) == bytes(SMALL)
            assert (each.id, each.attempts, each.queued) == ("id-1", 0, 1005.0)
        assert leased[0].key != leased[1].key

    async def test_reports_have_no_sender(self) -> None:
        await self.queue.put("m1", Envelope(None, (Recipient(Address("a", "example.net")),)), SMALL, 1000.0)
        [leased] = await self.lend()
        assert leased.envelope == Envelope(None, (Recipient(Address("a", "example.net")),))

    async def test_any_octets_survive(self) -> None:
        octets = [b"", b"\r\n", b"A: b", b"A: b\r\n\r\n", bytes(range(256)) * 10, b"A: \xff\r\n\r\n.\r\n\0"]
        for number, data in enumerate(octets):
            await self.put("a", id=f"m{number}", message=Message.from_bytes(data))
        leased = {each.id: bytes(each.message) for each in await self.lend()}
        assert leased == {f"m{number}": data for number, data in enumerate(octets)}

    async def test_a_big_message_survives_its_spool_file(self) -> None:
        message = self.big_message()
        expected = bytes(message)
        await self.put("a", "b", message=message)
        message.discard()
        for each in await self.lend():
            assert bytes(each.message) == expected
            assert each.message.size == len(expected)

    async def test_a_big_message_may_have_got_fields_on_its_way(self) -> None:
        message = self.big_message().with_fields(b"Received: here\r\n")
        expected = bytes(message)
        await self.put("a", message=message)
        message.discard()
        [leased] = await self.lend()
        assert bytes(leased.message) == expected

    async def test_two_messages_may_come_from_one_file(self) -> None:
        message = self.big_message()
        await self.put("a", id="m1", message=message)
        await self.put("b", id="m2", message=message.with_fields(b"X: y\r\n"))
        await self.settle([each for each in await self.lend() if each.id == "m1"], Delivered())
        [leased] = await self.lend(1200)
        assert bytes(leased.message) == b"X: y\r\n" + bytes(message)

    async def test_a_message_for_nobody_is_refused(self) -> None:
        await self.refused(self.queue.put("m1", Envelope(None), SMALL, 1000.0))
        assert await self.queue.next_due(1000) is None

    # --- when it is due -------------------------------------------------------------------------------------------

    async def test_nothing_is_lent_before_it_is_due(self) -> None:
        await self.put("a", due=2000.5)
        assert names(await self.lend(2000.25)) == []
        assert await self.queue.next_due(1000) == 2000.5
        assert names(await self.lend(2000.5)) == ["a"]

    async def test_the_longest_due_is_lent_first(self) -> None:
        await self.put("late", id="m1", due=900.0)
        await self.put("early", id="m2", due=100.0)
        await self.put("middle", id="m3", due=500.0)
        assert names(await self.lend()) == ["early", "middle", "late"]

    async def test_the_longest_due_goes_first_when_not_all_are_lent(self) -> None:
        for number in range(10):
            await self.put(str(number), id=f"m{number}", due=100.0 + (number * 7) % 10)
        lent = [names(await self.lend(limit=4)) for _ in range(4)]
        order = [str(number) for number in sorted(range(10), key=lambda number: (number * 7) % 10)]
        assert lent == [order[:4], order[4:8], order[8:], []]

    async def test_a_limit_is_kept_also_within_one_message(self) -> None:
        await self.put(*(f"r{number}" for number in range(10)))
        first = names(await self.lend(limit=3))
        second = names(await self.lend(limit=100))
        assert (len(first), len(second)) == (3, 7)
        assert not set(first) & set(second)

    async def test_an_endless_limit_lends_a_bounded_number(self) -> None:
        await self.put(*(f"r{number}" for number in range(1500)))
        lent = names(await self.queue.lease(1000, 1100, 10**9))
        assert 0 < len(lent) <= 1000

    async def test_a_limit_of_nothing_lends_nothing(self) -> None:
        await self.put("a")
        assert list(await self.lend(limit=0)) == []
        assert names(await self.lend()) == ["a"]

    # --- leases ---------------------------------------------------------------------------------------------------

    async def test_what_is_lent_is_not_lent_to_somebody_else(self) -> None:
        await self.put("a", "b")
        assert sorted(names(await self.lend(limit=1)) + names(await self.lend(limit=5))) == ["a", "b"]
        assert names(await self.lend(1099.9)) == []

    async def test_runners_that_ask_at_the_same_time_share_the_work(self) -> None:
        for number in range(40):
            await self.put(str(number), id=f"m{number}")

        async def runner() -> list[str]:
            return names(await self.lend(limit=7))

        shares = await gatherResults([Deferred.fromCoroutine(runner()) for _ in range(8)])
        lent = [name for share in shares for name in share]
        assert sorted(lent, key=int) == [str(number) for number in range(40)]

    async def test_a_lease_ends_by_itself(self) -> None:
        await self.put("a")
        [first] = await self.lend(1000, seconds=100)
        assert await self.queue.next_due(1000) == 1100
        assert names(await self.lend(1099)) == []
        [second] = await self.lend(1100)
        assert (second.key != first.key, second.attempts) == (True, 0)

    async def test_next_due_looks_at_what_is_not_lent(self) -> None:
        await self.put("a", id="m1", due=1000)
        await self.put("b", id="m2", due=1050)
        await self.lend(1000, seconds=100)
        assert await self.queue.next_due(1000) == 1050

    # --- outcomes -------------------------------------------------------------------------------------------------

    async def test_who_has_got_it_leaves_and_the_others_stay(self) -> None:
        await self.put("a", "b", "c")
        leased = {names([each])[0]: each for each in await self.lend()}
        await self.queue.settle(
            1000, {leased["a"].key: Settlement(Delivered()), leased["b"].key: Settlement(Failed("5.1.1"))}
        )
        assert names(await self.lend(1100)) == ["c"]

    async def test_one_of_several_recipients_keeps_the_message(self) -> None:
        await self.put("a", "b", message=self.big_message())
        first, second = await self.lend()
        await self.settle([first], Delivered())
        [again] = await self.lend(1100)
        assert again.envelope == second.envelope
        assert bytes(again.message) == b"Subject: big\r\n\r\n" + b"x" * BIG_OCTETS

    async def test_a_retry_is_due_again_and_counted(self) -> None:
        await self.put("a")
        leased = await self.lend()
        await self.settle(leased, LATER, 1900.0)
        assert await self.queue.next_due(1000) == 1900.0
        assert names(await self.lend(1899)) == []
        [again] = await self.lend(1900)
        assert (again.key != leased[0].key, again.attempts, again.queued) == (True, 1, 1000.0)
        await self.settle([again], LATER, 1901.0)
        [third] = await self.lend(1901)
        assert third.attempts == 2

    async def test_a_retry_may_be_due_before_its_lease_would_have_ended(self) -> None:
        await self.put("a")
        await self.settle(await self.lend(1000, seconds=100), LATER, 1010.0)
        assert names(await self.lend(1010)) == ["a"]

    async def test_each_recipient_has_its_own_state(self) -> None:
        await self.put("a", "b")
        leased = {names([each])[0]: each for each in await self.lend()}
        await self.queue.settle(
            1000, {leased["a"].key: Settlement(LATER, 3000.0), leased["b"].key: Settlement(LATER, 2000.0)}
        )
        assert [(names([each])[0], each.attempts) for each in await self.lend(5000)] == [("b", 1), ("a", 1)]

    async def test_the_queue_is_empty_when_all_is_settled(self) -> None:
        await self.put("a", "b", message=self.big_message())
        await self.put("c", id="m2")
        await self.settle(await self.lend(), Delivered())
        assert list(await self.lend(10_000)) == []
        assert await self.queue.next_due(1000) is None

    async def test_settling_what_is_settled_changes_nothing(self) -> None:
        await self.put("a", "b")
        first, second = await self.lend()
        await self.settle([first], Delivered())
        await self.settle([first], LATER, 2000.0)
        await self.settle([first, second], Delivered())
        await self.queue.settle(1000, {})
        assert await self.queue.next_due(1000) is None

    async def test_a_retry_without_a_time_is_refused_and_nothing_is_recorded(self) -> None:
        await self.put("a", "b")
        first, second = await self.lend()
        await self.refused(self.queue.settle(1000, {first.key: Settlement(Delivered()), second.key: Settlement(LATER)}))
        assert len(await self.lend(1100)) == 2

    async def test_a_new_message_after_all_have_gone_has_a_key_of_its_own(self) -> None:
        await self.put("a")
        [old] = await self.lend()
        await self.settle([old], Delivered())
        await self.put("b", id="m2")
        await self.settle([old], Delivered())  # a runner that comes late
        assert names(await self.lend()) == ["b"]

    async def test_a_lease_that_has_ended_and_was_lent_anew_cannot_be_settled_by_the_first(self) -> None:
        await self.put("a")
        first = await self.lend(1000, seconds=100)
        second = await self.lend(1100)
        await self.settle(first, Delivered())
        await self.settle(first, LATER, 9999.0)
        await self.settle(second, LATER, 2000.0)
        [third] = await self.lend(2000)
        assert third.attempts == 1

    async def test_what_was_given_back_is_due_and_no_attempt_was_made(self) -> None:
        await self.put("a", "b")
        first, second = await self.lend()
        await self.queue.give_back([first.key])
        [again] = await self.lend()
        assert (again.envelope, again.attempts) == (first.envelope, 0)
        await self.queue.give_back([first.key])  # that lease is over
        assert names(await self.lend()) == []
        await self.settle([second, again], Delivered())
        await self.queue.give_back([second.key])
        assert await self.queue.next_due(1000) is None

    async def test_a_delay_that_was_reported_is_remembered(self) -> None:
        await self.put("a")
        [leased] = await self.lend()
        assert not leased.warned
        await self.queue.settle(1000, {leased.key: Settlement(LATER, 1500.0, warned=True)})
        [leased] = await self.lend(1500)
        assert leased.warned
        await self.queue.settle(1500, {leased.key: Settlement(LATER, 1600.0)})
        assert (await self.lend(1600))[0].warned

    async def test_reports_are_queued_with_what_they_report(self) -> None:
        await self.put("a")
        [leased] = await self.lend()
        report = Report("r1", Envelope(None, (Recipient(Address("sender", "example.org")),)), SMALL, 1000.0)
        big = Report("r2", Envelope(None, (Recipient(Address("sender", "example.org")),)), self.big_message(), 1000.0)
        await self.refused(self.queue.settle(1000, {leased.key: Settlement(LATER)}, [report]))
        assert await self.lend() == []
        await self.queue.settle(1000, {leased.key: Settlement(Failed())}, [report, big])
        reports = {each.id: each for each in await self.lend()}
        assert list(reports) == ["r1", "r2"]
        assert reports["r1"].envelope == report.envelope
        assert reports["r2"].message.size == big.message.size

    # --- files ----------------------------------------------------------------------------------------------------

    async def test_the_callers_file_is_left_alone(self) -> None:
        message = self.big_message()
        assert isinstance(message.body, FileBody)
        await self.put("a", message=message)
        await self.settle(await self.lend(), Delivered())
        assert os.path.getsize(message.body.path) == BIG_OCTETS
