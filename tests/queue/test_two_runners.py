"""Two runners on one queue share its work, and no recipient is ever in the hands of both."""

from __future__ import annotations

import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest
from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from mailframe.address import Address
from mailframe.delivery.routes import Route
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Delivered, Delivery, Failed, Outcome, Retry
from mailframe.queue.attempting import ATTEMPT_SECONDS
from mailframe.queue.concurrency import Limits
from mailframe.queue.memory import MemoryQueue
from mailframe.queue.runner import Runner
from mailframe.queue.sqlite import SQLiteQueue
from mailframe.site import Site
from mailframe.spool import Message
from mailframe.sqlite import schema
from mailframe.sqlite.database import Database

T = TypeVar("T")
MESSAGES = 60
DAYS = 6 * 86400.0


@define(eq=False)
class Slow:
    """A database whose answers come some time later, in any order: runners meet in the middle of everything."""

    database: Any
    clock: Clock
    chance: random.Random

    async def write(self, operation: Callable[[Any], T], /, *, quick: bool = False) -> T:
        await deferLater(self.clock, self.chance.random())
        result: T = await self.database.write(operation)
        await deferLater(self.clock, self.chance.random())
        return result

    def read(self, sql: str, args: Any = (), /) -> Any:
        return self.database.read(sql, args)

    async def scan(self, operation: Callable[[Any], T], /) -> T:
        result: T = await self.database.scan(operation)
        return result


@define(eq=False)
class Places:
    """
    Where mail goes: slowly, not always at the first time, and sometimes never.

    @ivar held: the recipients that are being delivered to now.
    """

    clock: Clock
    chance: random.Random
    held: set[tuple[str, str]] = field(factory=set)
    ended: Counter[tuple[str, str]] = field(factory=Counter)
    users: set[int] = field(factory=set)

    def of(self, runner: int) -> Callable[[Delivery], Any]:
        """Return the target that one runner has."""

        async def deliver(delivery: Delivery) -> dict[Address, Outcome]:
            keys = {(delivery.id, str(each.address)) for each in delivery.recipients}
            assert not keys & self.held, "two hold the same recipient"
            self.held |= keys
            self.users.add(runner)
            await deferLater(self.clock, self.chance.choice([0.0, 1.0, 100.0, ATTEMPT_SECONDS - 1.0]))
            self.held -= keys
            outcomes: list[Outcome] = [Delivered(), Delivered(), Failed(), Retry("4.4.1"), Retry("4.2.2")]
            found = {each.address: self.chance.choice(outcomes) for each in delivery.recipients}
            self.ended.update(
                (delivery.id, str(address)) for address, outcome in found.items() if not isinstance(outcome, Retry)
            )
            return found

        return deliver


@pytest.fixture(params=["memory", "sqlite"])
def database(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "memory":
        yield MemoryQueue(Clock()).database
        return
    with tempfile.TemporaryDirectory(prefix="mailframe-") as folder:
        found = Database(os.path.join(folder, "mail.sqlite3"))
        found.open(schema.prepare)
        yield found
        found.close()


@pytest.mark.parametrize("seed", range(5))
def test_no_recipient_is_in_the_hands_of_both(seed: int, database: Any) -> None:
    clock, chance = Clock(), random.Random(seed)
    clock.advance(1_000_000)
    with tempfile.TemporaryDirectory(prefix="mailframe-") as folder:
        queue = SQLiteQueue(
            Slow(database, clock, chance), folder, Site("mx.example.org", clock, random=chance.randbytes)
        )
        places = Places(clock, chance)
        runners = [
            Runner(queue, [Route("*", places.of(number))], limits=Limits(first=2, most=3), deliveries=5)
            for number in range(2)
        ]
        for runner in runners:
            Deferred.fromCoroutine(runner.start(queue.site))
        for number in range(MESSAGES):
            to = [Address(f"r{each}", f"d{chance.randrange(4)}.example") for each in range(chance.randrange(1, 6))]
            envelope = Envelope(None, tuple(map(Recipient, to)))
            message = Message.from_bytes(b"Subject: x\r\n\r\n")
            Deferred.fromCoroutine(chance.choice(runners).put(f"m{number}", envelope, message, clock.seconds()))
        end = clock.seconds() + DAYS
        while clock.seconds() < end and (clock.seconds() < 1_000_010 or database.read("SELECT 1 FROM queued LIMIT 1")):
            clock.advance(max(0.0, clock.calls[0].getTime() - clock.seconds()))
        assert database.read("SELECT count(*) FROM queued") == [(0,)]
        assert database.read("SELECT count(*) FROM flow") == [(0,)]
        assert set(places.ended.values()) == {1}
        assert places.users == {0, 1}
        stopped = [Deferred.fromCoroutine(runner.stop()) for runner in runners]
        while not all(each.called for each in stopped):
            clock.advance(1.0)
