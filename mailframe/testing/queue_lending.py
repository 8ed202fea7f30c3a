"""The contract of a delivery queue that lends in the step that puts (L{mailframe.interfaces.ILendsAtOnce})."""

from __future__ import annotations

from typing import Any

from zope.interface.verify import verifyObject

from mailframe.address import Address
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Delivered
from mailframe.interfaces import ILendsAtOnce
from mailframe.testing.queue_case import LATER, SMALL, QueueCase, envelope_to, names


class LendingAtOnceContract(QueueCase):
    """What is lent so is like what was leased."""

    @property
    def lender(self) -> Any:
        verifyObject(ILendsAtOnce, self.queue)
        return self.queue

    async def test_what_is_put_is_lent_with_all_that_was_said_about_it(self) -> None:
        first = Recipient(Address("a", "example.net"), frozenset({"SUCCESS"}), "rfc822;A@example.net")
        second = Recipient(Address("b", "example.net"))
        envelope = Envelope(Address("s", "example.org"), (first, second), "8BITMIME", ret="HDRS", envid="QQ314159")
        lent = await self.lender.put_and_lend("m1", envelope, SMALL, 1000.0, 1100.0, {"example.net"})
        assert [each.envelope for each in lent] == [
            Envelope(Address("s", "example.org"), (recipient,), "8BITMIME", ret="HDRS", envid="QQ314159")
            for recipient in (first, second)
        ]
        for each in lent:
            assert bytes(each.message) == bytes(SMALL)
            assert (each.id, each.attempts, each.queued) == ("m1", 0, 1000.0)
        assert await self.lend(1099.9) == []
        assert await self.queue.next_due(1000) == 1100.0

    async def test_other_destinations_are_due_as_ever(self) -> None:
        to = tuple(Recipient(Address.parse(each)) for each in ("a@one.example", "b@two.example", "c@one.example"))
        lent = await self.lender.put_and_lend("m1", Envelope(None, to), SMALL, 1000.0, 1100.0, ["one.example"])
        assert names(lent) == ["a", "c"]
        assert names(await self.lend()) == ["b"]

    async def test_it_is_settled_like_any_lease(self) -> None:
        first, second = await self.lender.put_and_lend(
            "m1", envelope_to("a", "b"), SMALL, 1000.0, 1100.0, ["example.net"]
        )
        await self.settle([first], Delivered())
        await self.settle([second], LATER, 1050.0)
        [again] = await self.lend(1050.0)
        assert (names([again]), again.attempts) == (["b"], 1)
        await self.settle([second, again], Delivered())
        assert await self.queue.next_due(1000) is None

    async def test_its_lease_ends_like_any(self) -> None:
        [old] = await self.lender.put_and_lend("m1", envelope_to("a"), SMALL, 1000.0, 1100.0, ["example.net"])
        [new] = await self.lend(1100.0)
        assert new.key != old.key
        await self.settle([old], Delivered())
        await self.queue.give_back([new.key])
        assert names(await self.lend(1100.0)) == ["a"]

    async def test_a_big_message_lent_at_once_survives_its_spool_file(self) -> None:
        message = self.big_message()
        expected = bytes(message)
        [lent] = await self.lender.put_and_lend("m1", envelope_to("a"), message, 1000.0, 1100.0, ["example.net"])
        message.discard()
        assert bytes(lent.message) == expected

    async def test_a_message_lent_to_nobody_is_refused(self) -> None:
        await self.refused(self.lender.put_and_lend("m1", Envelope(None), SMALL, 1000.0, 1100.0, ["example.net"]))
