"""The contract of L{mailframe.interfaces.ISuppressions}, as tests: every promise of its docstrings.

Mix L{SuppressionsContract} into a C{twisted.trial.unittest.TestCase} and give it C{make_suppressions}.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from mailframe.address import Address
from mailframe.interfaces import ISuppressions, Suppression

ANN, BOB = Address("ann", "one.example"), Address("bob", "one.example")

if TYPE_CHECKING:
    _Case = TestCase
else:
    _Case = object


class SuppressionsContract(_Case):
    """
    @ivar clock: the list's.
    @ivar list: under test.
    """

    def make_suppressions(self, clock: Clock) -> Awaitable[ISuppressions]:
        """Return an empty list; register what ends it with C{addCleanup}."""
        raise NotImplementedError("the contract needs something to test")

    def setUp(self) -> Any:
        """Make the list, at 1000 seconds past the epoch."""
        self.clock = Clock()
        self.clock.advance(1000)
        return Deferred.fromCoroutine(self._begin())

    async def _begin(self) -> None:
        self.list = await self.make_suppressions(self.clock)

    async def targets(self) -> list[str]:
        """Return who is suppressed."""
        return [each.target for each in await self.list.suppressions()]

    def test_it_is_a_list_of_suppressions(self) -> None:
        verifyObject(ISuppressions, self.list)

    async def test_nobody_is_suppressed_at_first(self) -> None:
        self.assertIsNone(await self.list.find(ANN))
        self.assertEqual(await self.targets(), [])
        self.assertFalse(await self.list.allow(ANN))

    async def test_an_address_is_suppressed_and_allowed_again(self) -> None:
        await self.list.suppress(ANN, "No such user")
        self.assertEqual(await self.list.find(ANN), Suppression("ann@one.example", "No such user", 1000.0))
        self.assertIsNone(await self.list.find(BOB))
        self.assertTrue(await self.list.allow(ANN))
        self.assertFalse(await self.list.allow(ANN))
        self.assertIsNone(await self.list.find(ANN))

    async def test_upper_and_lower_case_are_one(self) -> None:
        await self.list.suppress(Address("Ann", "one.example"), "No")
        self.assertIsNotNone(await self.list.find(Address("aNN", "one.example")))
        self.assertTrue(await self.list.allow(Address("ANN", "one.example")))

    async def test_a_domain_is_suppressed_for_all_its_addresses_and_none_below(self) -> None:
        await self.list.suppress("one.example", "Moved")
        self.assertEqual((await self._found(ANN)).target, "one.example")
        self.assertEqual((await self._found(BOB)).target, "one.example")
        self.assertIsNone(await self.list.find(Address("ann", "sub.one.example")))
        self.assertIsNone(await self.list.find(Address("one.example", "two.example")))
        self.assertFalse(await self.list.allow(ANN))
        self.assertTrue(await self.list.allow("one.example"))
        self.assertIsNone(await self.list.find(ANN))

    async def _found(self, address: Address) -> Suppression:
        found = await self.list.find(address)
        assert found is not None
        return found

    async def test_it_may_end_by_itself(self) -> None:
        await self.list.suppress(ANN, "No", 2000.0)
        await self.list.suppress(BOB, "No")
        self.clock.advance(999)
        self.assertEqual((await self._found(ANN)).until, 2000.0)
        self.clock.advance(1)
        self.assertIsNone(await self.list.find(ANN))
        self.assertEqual(await self.targets(), ["bob@one.example"])
        self.assertFalse(await self.list.allow(ANN))

    async def test_a_domain_counts_still_when_an_address_of_it_does_not_any_more(self) -> None:
        await self.list.suppress(ANN, "No", 1500.0)
        await self.list.suppress("one.example", "Moved", 3000.0)
        self.clock.advance(1000)
        self.assertEqual((await self._found(ANN)).reason, "Moved")

    async def test_what_is_said_last_counts(self) -> None:
        await self.list.suppress(ANN, "No", 1500.0)
        self.clock.advance(5)
        await self.list.suppress(ANN, "Never")
        self.assertEqual(await self.list.find(ANN), Suppression("ann@one.example", "Never", 1005.0))

    async def test_a_reason_is_one_line_and_bounded(self) -> None:
        for reason in ("", "a\r\nb", "\x1b[2J"):
            await self.assertFailure(Deferred.fromCoroutine(self._suppressed(reason)), ValueError)
        self.assertIsNone(await self.list.find(ANN))
        await self.list.suppress(ANN, "x" * 5000)
        self.assertLess(len((await self._found(ANN)).reason), 1000)

    async def _suppressed(self, reason: str) -> None:
        await self.list.suppress(ANN, reason)

    async def test_the_list_comes_in_pages(self) -> None:
        for name in ("c", "a", "b", "e", "d"):
            await self.list.suppress(Address(name, "one.example"), "No")
        first = [each.target for each in await self.list.suppressions(limit=3)]
        rest = [each.target for each in await self.list.suppressions(first[-1], 10**9)]
        self.assertEqual(first + rest, [f"{name}@one.example" for name in "abcde"])
        self.assertEqual(len(first), 3)

    async def test_failures_are_counted_for_each_address(self) -> None:
        self.assertEqual([await self.list.count(ANN, 0.0) for _ in range(3)], [1, 2, 3])
        self.assertEqual(await self.list.count(BOB, 0.0), 1)
        self.assertEqual(await self.list.count(Address("ANN", "one.example"), 0.0), 4)

    async def test_old_failures_do_not_count(self) -> None:
        await self.list.count(ANN, 0.0)
        self.clock.advance(500)
        self.assertEqual(await self.list.count(ANN, 1000.0), 2)
        self.clock.advance(500)
        self.assertEqual(await self.list.count(ANN, 1501.0), 1)
        self.clock.advance(1e9)
        self.assertEqual(await self.list.count(BOB, 0.0), 1)

    async def test_what_works_is_forgotten(self) -> None:
        await self.list.count(ANN, 0.0)
        await self.list.forget(ANN)
        await self.list.forget(BOB)
        self.assertEqual(await self.list.count(ANN, 0.0), 1)
        await self.list.suppress(ANN, "No")
        await self.list.allow(ANN)
        self.assertEqual(await self.list.count(ANN, 0.0), 1)
