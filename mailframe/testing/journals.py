"""The contract of L{mailframe.interfaces.IJournal}, as tests of every promise.

Mix L{JournalContract} into a C{twisted.trial.unittest.TestCase} and give it C{make_journal}.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from mailframe.interfaces import Entry, IJournal
from mailframe.journal.events import (
    Arrived,
    Attempted,
    Contacted,
    Event,
    Handed,
    Judged,
    Refused,
    Reported,
)
from mailframe.journal.keys import address_key, message_id_key
from mailframe.journal.retention import DAY, Retention

__all__ = ["START", "JournalContract", "arrived", "ids", "refused"]

START = 1_000_000_000.0
"""What time it is when a test begins."""


def arrived(
    message: str, sender: str = "ann@example.org", *to: str, message_id: str = "", time: float = START
) -> Arrived:
    """Return the arrival of a message; without recipients it is for bob@example.net."""
    return Arrived(
        time,
        message,
        "s1",
        "mx",
        "192.0.2.7",
        "client.example",
        "TLSv1.3 TLS_AES_256_GCM_SHA384",
        "",
        sender,
        to or ("bob@example.net",),
        message_id,
        1234,
    )


def refused(recipient: str, time: float = START) -> Refused:
    """Return the refusal of a recipient, before there was a message."""
    return Refused(
        time, "", "recipient", 550, "5.1.1", "No such user here", "s1", "mx", "192.0.2.7", "client.example", "",
        (recipient,),
    )  # fmt: skip


def ids(entries: Sequence[Entry]) -> list[str]:
    """Return the message of each entry."""
    return [entry.events[0].message for entry in entries]


if TYPE_CHECKING:
    _Case = TestCase
else:
    _Case = object


class JournalContract(_Case):
    """
    @ivar clock: the journal's.
    @ivar journal: under test.
    """

    def make_journal(self, clock: Clock, retention: Retention) -> Awaitable[IJournal]:
        """Return an empty journal; register what ends it with C{addCleanup}."""
        raise NotImplementedError("a contract is tested on an implementation: define make_journal")

    def setUp(self) -> Any:
        """Make the journal."""
        self.clock = Clock()
        self.clock.advance(START)
        return Deferred.fromCoroutine(self._begin())

    async def _begin(self) -> None:
        self.journal = await self.make_journal(self.clock, Retention(days=10, entries=5000))

    async def _forget(self) -> None:
        while await self.journal.prune(self.clock.seconds()):
            pass

    def test_it_is_a_journal(self) -> None:
        verifyObject(IJournal, self.journal)

    async def test_an_empty_journal_finds_nothing(self) -> None:
        assert list(await self.journal.find(address_key("ann@example.org"), None, 10)) == []
        assert list(await self.journal.of("m1", 0, 10)) == []
        assert not await self.journal.prune(START)

    async def test_events_of_every_kind_come_back_as_they_were(self) -> None:
        events: list[Event] = [
            Judged(START, "m1", "recipient", "greylist", "postpone", "4.7.1", "later", "bob@example.net"),
            arrived("m1", "ann@example.org", "bob@example.net", "用户@例え.example", message_id="1@example.org"),
            Handed(START + 0.25, "m1", "bob@example.net", "delivered", "", "INBOX of bob@example.net"),
            Contacted(START + 1, "m1", "mx.example.com", "TLSv1.3 X", "may", "said: \x1b[2J \u202e \udcff"),
            Attempted(START + 2, "m1", "c@example.com", 3, "postponed", "4.2.1", "busy", "mx", "450 busy", START + 9),
            Reported(START + 3, "m1", "delayed", "m2", "ann@example.org", ("c@example.com", "d@example.com")),
        ]
        self.journal.note(events)
        [entry] = await self.journal.of("m1", 0, 10)
        assert list(entry.events) == events

    async def test_a_message_is_followed_in_the_order_of_its_events(self) -> None:
        self.journal.note([arrived("m1")])
        self.journal.note([arrived("m2")])
        later: list[Event] = [
            Handed(START + number, "m1", "bob@example.net", "queued", "", str(number)) for number in range(3)
        ]
        for event in later:
            self.journal.note([event])
        entries = await self.journal.of("m1", 0, 10)
        assert [event for entry in entries for event in entry.events] == [arrived("m1"), *later]
        assert ids(await self.journal.of("m2", 0, 10)) == ["m2"]
        assert list(await self.journal.of("m", 0, 10)) == []

    async def test_a_message_is_read_in_pieces(self) -> None:
        for number in range(5):
            self.journal.note([Handed(START + number, "m1", "bob@example.net", "queued", "", "")])
        times, after = [], 0
        while page := await self.journal.of("m1", after, 2):
            assert len(page) <= 2
            times += [entry.events[0].time for entry in page]
            after = page[-1].number
        assert times == [START + number for number in range(5)]

    async def test_what_has_no_message_yet_is_no_message(self) -> None:
        self.journal.note([refused("bob@example.net")])
        assert list(await self.journal.of("", 0, 10)) == []

    async def test_a_message_is_found_by_its_message_id(self) -> None:
        self.journal.note([arrived("m1", message_id="abc@example.org")])
        self.journal.note([arrived("m2", message_id="Abc@example.org")])
        self.journal.note([arrived("m3")])
        for written in ("abc@example.org", "<abc@example.org>", " <abc@example.org>\t"):
            assert ids(await self.journal.find(message_id_key(written), None, 10)) == ["m1"]
        for other in ("", "<>", "bc@example.org", "abc@example.or"):
            assert ids(await self.journal.find(message_id_key(other), None, 10)) == []

    async def test_a_message_is_found_by_sender_and_recipients_the_latest_first(self) -> None:
        self.journal.note([arrived("m1", "ann@example.org", "bob@example.net", "eve@example.net")])
        self.journal.note([arrived("m2", "bob@example.net", "ann@example.org")])
        self.journal.note([arrived("m3", "ann@example.org", "ann@example.org")])
        self.journal.note([refused("bob@example.net")])
        assert ids(await self.journal.find(address_key("Ann@EXAMPLE.org"), None, 10)) == ["m3", "m2", "m1"]
        assert ids(await self.journal.find(address_key("bob@example.net"), None, 10)) == ["", "m2", "m1"]
        assert ids(await self.journal.find(address_key("eve@example.net"), None, 10)) == ["m1"]
        for other in ("nn@example.org", "ann@example.or", "example.org", ""):
            assert ids(await self.journal.find(address_key(other), None, 10)) == []

    async def test_a_report_without_sender_is_found_by_its_recipient(self) -> None:
        self.journal.note([arrived("m1", "", "ann@example.org")])
        assert ids(await self.journal.find(address_key("ann@example.org"), None, 10)) == ["m1"]
        assert ids(await self.journal.find(address_key(""), None, 10)) == []

    async def test_an_address_is_no_message_id(self) -> None:
        self.journal.note([arrived("m1", "ann@example.org", message_id="bob@example.org")])
        assert ids(await self.journal.find(message_id_key("ann@example.org"), None, 10)) == []
        assert ids(await self.journal.find(address_key("bob@example.org"), None, 10)) == []

    async def test_much_is_read_in_pieces(self) -> None:
        count = 2100
        for number in range(count):
            self.journal.note([arrived(f"m{number}", f"{number % 3}@example.org", f"{number}@example.net")])
        found, before = list[str](), None
        while page := await self.journal.find(address_key("1@example.org"), before, 100):
            assert len(page) <= 100
            found += ids(page)
            before = page[-1].number
        assert found == [f"m{number}" for number in range(count - 1, -1, -1) if number % 3 == 1]
        assert ids(await self.journal.find(address_key("77@example.net"), None, 10)) == ["m77"]

    async def test_what_is_old_is_forgotten_under_all_its_names(self) -> None:
        self.journal.note([arrived("m1", message_id="1@example.org")])
        await self.journal.of("m1", 0, 1)
        self.clock.advance(10 * DAY + 1)
        await self._forget()
        assert list(await self.journal.of("m1", 0, 10)) == []
        assert list(await self.journal.find(address_key("ann@example.org"), None, 10)) == []
        assert list(await self.journal.find(message_id_key("1@example.org"), None, 10)) == []
        self.journal.note([arrived("m2", message_id="2@example.org")])
        assert ids(await self.journal.find(address_key("ann@example.org"), None, 10)) == ["m2"]

    async def test_what_is_not_old_is_kept(self) -> None:
        self.journal.note([arrived("m1")])
        await self.journal.of("m1", 0, 1)
        self.clock.advance(10 * DAY - 1)
        await self._forget()
        assert ids(await self.journal.of("m1", 0, 10)) == ["m1"]
        assert ids(await self.journal.find(address_key("ann@example.org"), None, 10)) == ["m1"]

    async def test_what_is_too_much_is_forgotten_the_oldest_first(self) -> None:
        for number in range(8000):
            self.journal.note([arrived(f"m{number}")])
        await self._forget()
        assert list(await self.journal.of("m0", 0, 10)) == []
        for kept in ("m3000", "m7999"):
            assert ids(await self.journal.of(kept, 0, 10)) == [kept]
        numbers = 0
        before = None
        while page := await self.journal.find(address_key("ann@example.org"), before, 500):
            numbers += len(page)
            before = page[-1].number
        assert 5000 <= numbers < 7000
