"""The journal in SQLite keeps the contract, writes many events at a time, and forgets in small steps."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import Any, TypeVar

import apsw
from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from mailframe.errors import Temporary
from mailframe.interfaces import IJournal
from mailframe.journal.events import Arrived, Attempted, Contacted, Event, Handed, Judged, Ordered, Refused, Reported
from mailframe.journal.keys import address_key, digest
from mailframe.journal.retention import DAY, Retention
from mailframe.journal.rows import entries_text, from_lists, joined, read_entries
from mailframe.journal.sqlite import (
    PRUNE_PAUSE,
    PRUNE_SECONDS,
    WAITING_ENTRIES,
    WRITE_ENTRIES,
    WRITE_SECONDS,
    WRITE_WEIGHT,
    SQLiteJournal,
)
from mailframe.site import Site
from mailframe.sqlite import SQLite, schema
from mailframe.sqlite.database import Database
from mailframe.testing.journals import START, JournalContract, arrived, ids
from tests.temporary import path_for

T = TypeVar("T")


class SQLiteJournalTests(JournalContract, TestCase):
    async def make_journal(self, clock: Clock, retention: Retention) -> IJournal:
        directory = tempfile.TemporaryDirectory(prefix="mailframe-journal-")
        self.addCleanup(directory.cleanup)
        data = SQLite(directory.name, events=retention)
        await data.start(Site("h", clock))
        self.addCleanup(lambda: Deferred.fromCoroutine(data.stop()))
        assert data.journal is not None
        return data.journal


class Slow:
    """A database that does what it is asked when a test wants it."""

    def __init__(self) -> None:
        self.connection = apsw.Connection(":memory:")
        schema.prepare(self.connection)
        self.waiting: list[tuple[Callable[[Any], Any], Deferred[Any]]] = []
        self.prompt = True

    def write(self, operation: Callable[[Any], T], /) -> Deferred[T]:
        if self.prompt:
            return execute(operation, self.connection)
        done: Deferred[T] = Deferred()
        self.waiting.append((operation, done))
        return done

    def scan(self, operation: Callable[[Any], T], /) -> Deferred[T]:
        return execute(operation, self.connection)

    def go_on(self) -> None:
        """Do the first thing that was asked for."""
        operation, done = self.waiting.pop(0)
        done.callback(operation(self.connection))

    @property
    def count(self) -> int:
        [(count,)] = self.connection.execute("SELECT coalesce(sum(entries), 0) FROM journal_block")
        return int(count)


@implementer(ILogObserver)
class Heard:
    """What the journal has logged."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, event: Any) -> None:
        if event.get("log_namespace", "").startswith("mailframe.journal"):
            self.texts.append(event["log_format"].format_map(event))


class WritingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(START)
        self.database = Slow()
        self.journal = SQLiteJournal()
        heard = Heard()
        self.warnings = heard.texts
        globalLogPublisher.addObserver(heard)
        self.addCleanup(globalLogPublisher.removeObserver, heard)

    def start(self) -> None:
        self.journal.start(self.database, Site("h", self.clock))
        self.clock.advance(PRUNE_PAUSE)
        self.addCleanup(self.journal.stop)

    def note(self, count: int = 1) -> None:
        for _ in range(count):
            self.journal.note([arrived("m1")])

    def now(self, call: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(call))

    def test_events_are_written_after_a_moment_in_one_operation(self) -> None:
        self.start()
        self.database.prompt = False
        self.note(3)
        self.clock.advance(WRITE_SECONDS / 2)
        assert self.database.waiting == []
        self.clock.advance(WRITE_SECONDS)
        assert len(self.database.waiting) == 1
        self.database.go_on()
        assert self.database.count == 3

    def test_many_are_written_at_once(self) -> None:
        self.start()
        self.note(WRITE_ENTRIES - 1)
        assert self.database.count == 0
        self.note()
        assert self.database.count == WRITE_ENTRIES

    def test_one_operation_is_under_way_at_a_time_and_takes_no_more_than_it_may(self) -> None:
        self.start()
        self.database.prompt = False
        self.note(3 * WRITE_ENTRIES + 5)
        for written in (1, 2, 3):
            assert len(self.database.waiting) == 1
            self.database.go_on()
            assert self.database.count == written * WRITE_ENTRIES
        assert self.database.waiting == []
        self.clock.advance(WRITE_SECONDS)
        self.database.go_on()
        assert self.database.count == 3 * WRITE_ENTRIES + 5

    def test_a_second_that_is_over_finds_nothing_to_do_when_all_is_being_written(self) -> None:
        self.start()
        self.database.prompt = False
        self.note(WRITE_ENTRIES)
        self.clock.advance(WRITE_SECONDS)
        assert len(self.database.waiting) == 1

    def test_messages_for_many_are_written_a_few_at_a_time(self) -> None:
        self.start()
        self.database.prompt = False
        half = WRITE_WEIGHT // 2
        for events in (half, half, 1, WRITE_WEIGHT + 1, WRITE_WEIGHT - 1, 1, 1):
            self.journal.note([Handed(START, "m1", "bob@example.net", "queued", "", "")] * events)
        for recipients in (half, half - 3, half, 1):
            self.journal.note([arrived("m1", "ann@example.org", *["bob@example.net"] * recipients)])
        self.clock.advance(WRITE_SECONDS)
        for written in (2, 3, 4, 6, 9, 11):
            self.database.go_on()
            assert self.database.count == written
            self.clock.advance(0)  # what is left has waited long enough
        assert self.database.waiting == []

    def test_what_shares_a_digest_with_something_else_is_not_taken_for_it(self) -> None:
        self.start()
        self.note()
        self.now(self.journal.of("m1", 0, 1))
        self.database.connection.execute(
            "UPDATE journal_block SET keys = ?", (digest(address_key("other@example.org")),)
        )
        assert self.now(self.journal.find(address_key("other@example.org"), None, 10)) == []

    def test_what_comes_while_the_disk_is_busy_is_written_after_it(self) -> None:
        self.start()
        self.database.prompt = False
        self.note()
        self.clock.advance(WRITE_SECONDS)
        self.note()
        self.clock.advance(10 * WRITE_SECONDS)
        self.database.go_on()
        self.clock.advance(WRITE_SECONDS)
        self.database.go_on()
        assert self.database.count == 2

    def test_when_the_disk_is_stuck_memory_is_bounded_and_the_loss_is_told(self) -> None:
        self.start()
        self.database.prompt = False
        self.note(WRITE_ENTRIES + WAITING_ENTRIES + 7)
        assert len(self.journal._gathered) == WAITING_ENTRIES
        self.database.prompt = True
        self.database.go_on()
        self.clock.advance(WRITE_SECONDS)
        assert self.database.count == WRITE_ENTRIES + WAITING_ENTRIES
        assert self.warnings == ["the journal has lost 7 entries: the disk was too slow"]

    def test_a_full_disk_loses_events_and_nothing_else(self) -> None:
        self.start()
        self.database.prompt = False
        self.note()
        self.clock.advance(WRITE_SECONDS)
        self.database.waiting.pop()[1].errback(Temporary("The data cannot be written now"))
        assert self.warnings == ["the journal has lost 1 entries: The data cannot be written now"]
        self.database.prompt = True
        self.note()
        self.clock.advance(WRITE_SECONDS)
        assert self.database.count == 1

    def test_events_from_before_the_start_are_kept(self) -> None:
        self.note(2)
        self.start()
        self.clock.advance(WRITE_SECONDS)
        assert self.database.count == 2

    def test_without_a_database_memory_is_bounded(self) -> None:
        self.note(WAITING_ENTRIES + 3)
        assert len(self.journal._gathered) == WAITING_ENTRIES

    def test_the_end_writes_what_is_left_and_leaves_nothing_over(self) -> None:
        self.start()
        self.note(WRITE_ENTRIES + WRITE_ENTRIES // 2)
        self.journal.stop()
        assert self.database.count == WRITE_ENTRIES + WRITE_ENTRIES // 2
        assert self.clock.getDelayedCalls() == []
        self.journal.stop()

    def test_the_end_waits_for_no_write_under_way(self) -> None:
        self.start()
        self.database.prompt = False
        self.note(2 * WRITE_ENTRIES + 1)
        self.journal.stop()
        self.clock.advance(PRUNE_SECONDS)
        while self.database.waiting:
            self.database.go_on()
        assert self.database.count == 2 * WRITE_ENTRIES + 1
        assert self.clock.getDelayedCalls() == []

    def test_forgetting_that_is_under_way_at_the_end_is_not_begun_again(self) -> None:
        self.start()
        self.database.prompt = False
        self.clock.advance(PRUNE_SECONDS)
        self.journal.stop()
        self.database.go_on()
        assert self.clock.getDelayedCalls() == []

    def test_what_was_just_noted_is_found_while_other_events_are_being_written(self) -> None:
        self.start()
        self.database.prompt = False
        self.note(WRITE_ENTRIES)
        self.journal.note([arrived("m2")])
        found = Deferred.fromCoroutine(self.journal.of("m2", 0, 10))
        under = Deferred.fromCoroutine(self.journal.find(address_key("ann@example.org"), None, 1))
        while self.database.waiting:
            self.database.go_on()
        assert ids(self.successResultOf(found)) == ["m2"]
        assert ids(self.successResultOf(under)) == ["m2"]

    def test_what_is_old_is_forgotten_in_the_background_a_block_at_a_time(self) -> None:
        self.journal.retention = Retention(days=1)
        self.start()
        self.note(3 * WRITE_ENTRIES)
        self.clock.advance(DAY - PRUNE_SECONDS)
        assert self.database.count == 3 * WRITE_ENTRIES
        self.clock.advance(PRUNE_SECONDS)
        assert self.database.count == 2 * WRITE_ENTRIES
        self.clock.advance(PRUNE_PAUSE)
        assert self.database.count == WRITE_ENTRIES
        self.clock.pump([PRUNE_PAUSE] * 2)
        assert self.database.count == 0

    def test_a_disk_that_cannot_forget_is_told_of_and_asked_again(self) -> None:
        self.journal.retention = Retention(days=1)
        self.start()
        self.note()
        self.now(self.journal.of("m1", 0, 1))
        self.clock.advance(2 * DAY)
        write, self.database.write = self.database.write, lambda operation: fail(Temporary("full"))  # type: ignore  # a broken one
        self.clock.advance(PRUNE_SECONDS)
        assert self.warnings == ["the journal cannot forget what is old: full"]
        self.database.write = write  # type: ignore[method-assign]  # whole again
        self.clock.advance(PRUNE_SECONDS)
        assert self.database.count == 0


class SwitchedOffTests(SynchronousTestCase):
    def now(self, call: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(call))

    def test_a_journal_that_is_switched_off_is_none_and_forgets_what_was(self) -> None:
        directory, clock = path_for(self), Clock()
        data = SQLite(directory)
        self.now(data.start(Site("h", clock)))
        assert data.journal is not None
        data.journal.note([arrived("m1")])
        self.now(data.stop())
        off = SQLite(directory, events=None)
        assert off.journal is None
        self.now(off.start(Site("h", clock)))
        database = Database(os.path.join(off.directory, "mail.sqlite3"))
        clock.advance(PRUNE_PAUSE)
        self.now(off.stop())
        database.open()
        self.addCleanup(database.close)
        assert database.read("SELECT * FROM journal_block") == database.read("SELECT * FROM journal_message") == []

    def test_a_retention_of_nothing_is_a_mistake(self) -> None:
        for wrong in ({"days": 0}, {"entries": 0}, {"days": -1.0}):
            self.assertRaises(ValueError, lambda wrong=wrong: Retention(**wrong))
        self.assertRaises(TypeError, lambda: SQLite(path_for(self), events=30))  # type: ignore[arg-type]  # the mistake


OLD = (
    '[["judged",1.5,"m","recipient","h","reject","5.7.1","no","a@b"],'
    '["arrived",1.5,"m","s","mx","192.0.2.7","helo","TLSv1.3 X","login","a@b",["c@d","e@f"],"id@x",10,"about"],'
    '["refused",1.5,"","recipient",550,"5.1.1","no","s","mx","192.0.2.7","helo","a@b",["c@d"],"id@x"],'
    '["handed",1.5,"m","c@d","delivered","","INBOX"],'
    '["contacted",1.5,"m","mx","TLSv1.3 X","may","problem"],'
    '["attempted",1.5,"m","c@d",1,"postponed","4.2.1","busy","mx","450 busy",9.5],'
    '["reported",1.5,"m","failed","r","a@b",["c@d"]],'
    '["ordered",1.5,"m","c@d","route","mx"]]'
)


class RowTests(SynchronousTestCase):
    def test_what_a_released_version_has_kept_is_read_by_every_later_one(self) -> None:
        events: list[Event] = [
            Judged(1.5, "m", "recipient", "h", "reject", "5.7.1", "no", "a@b"),
            Arrived(
                1.5,
                "m",
                "s",
                "mx",
                "192.0.2.7",
                "helo",
                "TLSv1.3 X",
                "login",
                "a@b",
                ("c@d", "e@f"),
                "id@x",
                10,
                "about",
            ),
            Refused(1.5, "", "recipient", 550, "5.1.1", "no", "s", "mx", "192.0.2.7", "helo", "a@b", ("c@d",), "id@x"),
            Handed(1.5, "m", "c@d", "delivered", "", "INBOX"),
            Contacted(1.5, "m", "mx", "TLSv1.3 X", "may", "problem"),
            Attempted(1.5, "m", "c@d", 1, "postponed", "4.2.1", "busy", "mx", "450 busy", 9.5),
            Reported(1.5, "m", "failed", "r", "a@b", ("c@d",)),
            Ordered(1.5, "m", "c@d", "route", "mx"),
        ]
        later = '[["handed",1.5,"m","c@d","delivered","","INBOX"]]'
        text = f"[{OLD},{later}]"
        assert [from_lists(lists) for lists in read_entries(text)] == [events, events[3:4]]
        assert joined([entries_text([events]), f"[{later}]"]) == text
