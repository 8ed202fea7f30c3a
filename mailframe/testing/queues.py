"""The contract of L{mailframe.interfaces.IDeliveryQueue}, as tests: every promise of its docstrings.

Mix L{DeliveryQueueContract} into a C{twisted.trial.unittest.TestCase} and give it C{make_queue}.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from mailframe.address import Address
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Delivered, Failed, Outcome, Retry
from mailframe.interfaces import IDeliveryQueue, Leased
from mailframe.spool import FileBody, Message, Spool

SMALL = Message.from_bytes(b"Subject: small\r\n\r\nHello\r\n")
BIG_OCTETS = 300_000

LATER = Retry("4.4.1", "nobody answers")


def envelope_to(*names: str) -> Envelope:
    """Return an envelope to these local parts."""
    return Envelope(Address("sender", "example.org"), tuple(Recipient(Address(name, "example.net")) for name in names))


def names(leased: Sequence[Leased]) -> list[str]:
    """Return the local parts of the recipients, in their order."""
    return [each.envelope.recipients[0].address.local for each in leased]


if TYPE_CHECKING:
    _Case = TestCase
else:
    _Case = object


class DeliveryQueueContract(_Case):
    """
    @ivar clock: the queue's.
    @ivar queue: under test.
    """

    def make_queue(self, clock: Clock) -> Awaitable[IDeliveryQueue]:
        """Return an empty queue; register what ends it with C{addCleanup}."""
        raise NotImplementedError("the contract needs something to test")

    def setUp(self) -> Any:
        """Make the queue, at 1000 seconds past the epoch."""
        self.clock = Clock()
        self.clock.advance(1000)
        return Deferred.fromCoroutine(self._begin())

    async def _begin(self) -> None:
        self.queue = await self.make_queue(self.clock)

    def big_message(self, fill: bytes = b"x") -> Message:
        """Return a message whose body is in a file of a spool."""
        directory = tempfile.TemporaryDirectory(prefix="mailframe-spool-")
        self.addCleanup(directory.cleanup)
        writer = Spool(directory.name).begin()
        writer.write(b"Subject: big\r\n\r\n")
        writer.write(fill * BIG_OCTETS)
        message = writer.finish()
        assert isinstance(message.body, FileBody)
        return message

    async def put(self, *recipients: str, id: str = "m1", due: float = 1000.0, message: Message = SMALL) -> None:
        """Put a message for these recipients."""
        await self.queue.put(id, envelope_to(*recipients), message, due)

    async def lend(self, now: float = 1000.0, seconds: float = 100.0, limit: int = 50) -> Sequence[Leased]:
        """Lease what is due."""
        return await self.queue.lease(now, now + seconds, limit)

    async def settle(self, leased: Sequence[Leased], outcome: Outcome, due: float | None = None) -> None:
        """Settle all of them alike."""
        outcomes: Mapping[int, tuple[Outcome, float | None]] = {each.key: (outcome, due) for each in leased}
        await self.queue.settle(self.clock.seconds(), outcomes)

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
        envelope = Envelope(sender, (first, second), "8BITMIME", True, True, "HDRS", "QQ314159")
        self.clock.advance(5)
        await self.queue.put("id-1", envelope, SMALL, 1000.0)
        leased = sorted(await self.lend(1005.5), key=lambda each: each.key)
        assert [each.envelope for each in leased] == [
            Envelope(sender, (recipient,), "8BITMIME", True, True, "HDRS", "QQ314159") for recipient in (first, second)
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

    async def refused(self, call: Awaitable[object]) -> None:
        """Demand that a call raises C{ValueError}."""
        try:
            await call
        except ValueError:
            return
        self.fail("it was accepted")

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
        lent = names(await self.lend(limit=10**9))
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
        assert (second.key, second.attempts) == (first.key, 0)

    async def test_next_due_looks_at_what_is_not_lent(self) -> None:
        await self.put("a", id="m1", due=1000)
        await self.put("b", id="m2", due=1050)
        await self.lend(1000, seconds=100)
        assert await self.queue.next_due(1000) == 1050

    # --- outcomes -------------------------------------------------------------------------------------------------

    async def test_who_has_got_it_leaves_and_the_others_stay(self) -> None:
        await self.put("a", "b", "c")
        leased = {names([each])[0]: each for each in await self.lend()}
        await self.queue.settle(1000, {leased["a"].key: (Delivered(), None), leased["b"].key: (Failed("5.1.1"), None)})
        assert names(await self.lend(1100)) == ["c"]

    async def test_one_of_several_recipients_keeps_the_message(self) -> None:
        await self.put("a", "b", message=self.big_message())
        first, second = await self.lend()
        await self.settle([first], Delivered())
        [again] = await self.lend(1100)
        assert again.key == second.key
        assert bytes(again.message) == b"Subject: big\r\n\r\n" + b"x" * BIG_OCTETS

    async def test_a_retry_is_due_again_and_counted(self) -> None:
        await self.put("a")
        leased = await self.lend()
        await self.settle(leased, LATER, 1900.0)
        assert await self.queue.next_due(1000) == 1900.0
        assert names(await self.lend(1899)) == []
        [again] = await self.lend(1900)
        assert (again.key, again.attempts, again.queued) == (leased[0].key, 1, 1000.0)
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
        await self.queue.settle(1000, {leased["a"].key: (LATER, 3000.0), leased["b"].key: (LATER, 2000.0)})
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
        await self.refused(self.queue.settle(1000, {first.key: (Delivered(), None), second.key: (LATER, None)}))
        assert len(await self.lend(1100)) == 2

    async def test_a_new_message_after_all_have_gone_has_a_key_of_its_own(self) -> None:
        await self.put("a")
        [old] = await self.lend()
        await self.settle([old], Delivered())
        await self.put("b", id="m2")
        await self.settle([old], Delivered())  # a runner that comes late
        assert names(await self.lend()) == ["b"]

    # --- files ----------------------------------------------------------------------------------------------------

    async def test_the_callers_file_is_left_alone(self) -> None:
        message = self.big_message()
        assert isinstance(message.body, FileBody)
        await self.put("a", message=message)
        await self.settle(await self.lend(), Delivered())
        assert os.path.getsize(message.body.path) == BIG_OCTETS
