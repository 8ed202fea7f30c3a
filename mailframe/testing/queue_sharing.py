"""The contract of a delivery queue where destinations and senders share it."""

from __future__ import annotations

from mailframe.testing.queue_case import QueueCase, names


class SharingContract(QueueCase):
    """One destination at a time, and a share for every sender."""

    # --- destinations and senders ---------------------------------------------------------------------------------

    async def test_a_lease_is_for_one_destination_the_one_due_longest(self) -> None:
        await self.put_from("s@x.example", "a@one.example", "b@two.example", "c@one.example", id="m1", due=900.0)
        await self.put_from("s@x.example", "d@three.example", id="m2", due=800.0)
        leases = [sorted(names(await self.queue.lease(1000, 1100, 50))) for _ in range(4)]
        assert leases[0] == ["d"]
        assert sorted(leases[1:3]) == [["a", "c"], ["b"]]
        assert leases[3] == []

    async def test_busy_destinations_are_passed_over(self) -> None:
        await self.put_from("s@x.example", "a@one.example", "b@two.example", id="m1", due=900.0)
        assert names(await self.queue.lease(1000, 1100, 50, {"one.example"})) == ["b"]
        assert names(await self.queue.lease(1000, 1100, 50, {"one.example"})) == []
        assert await self.queue.next_due(1000, {"one.example"}) == 1100.0
        assert await self.queue.next_due(1000, {"one.example", "two.example"}) is None
        assert await self.queue.next_due(1000) == 900.0
        assert names(await self.queue.lease(1000, 1100, 50)) == ["a"]

    async def test_a_sender_of_few_is_not_behind_a_sender_of_many(self) -> None:
        for number in range(40):
            await self.put_from("bulk@x.example", f"b{number}@one.example", id=f"m{number}")
        await self.put_from("ann@y.example", "a@one.example", id="ann")
        await self.put_from("", "r@one.example", id="report")
        lent = names(await self.queue.lease(1000, 1100, 6))
        assert {"a", "r"} < set(lent)
        assert len(lent) == 6
        rest = names(await self.lend(limit=100))
        assert len(rest) == 36

    async def test_senders_take_turns(self) -> None:
        for sender in ("one", "two", "three"):
            for number in range(4):
                await self.put_from(f"{sender}@x.example", f"{sender}{number}@d.example", id=f"{sender}{number}")
        lent = [names(await self.queue.lease(1000 + turn, 2000, 2)) for turn in range(6)]
        for turn in range(0, 6, 3):
            three_turns = [name.rstrip("0123456789") for each in lent[turn : turn + 3] for name in each]
            assert sorted(three_turns) == ["one", "one", "three", "three", "two", "two"]
