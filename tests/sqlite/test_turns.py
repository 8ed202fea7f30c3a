"""Several processes with one database: they write in turns, and hear of each other's changes."""

from __future__ import annotations

import os
import threading
from functools import partial
from typing import Any, cast
from unittest.mock import Mock

import apsw
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThread
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from twisted.trial.unittest import TestCase

from mailframe.sqlite import checkpoints
from mailframe.sqlite.database import Database
from mailframe.sqlite.turns import Turns
from tests.sqlite.test_database import _insert, _make_table
from tests.temporary import path_for


def _nothing(_connection: Any) -> None:
    pass


class TurnsTests(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.folder = path_for(self)
        os.mkdir(self.folder)

    def turns(self) -> Turns:
        """Return those of one more process."""
        return Turns.at(os.path.join(self.folder, "turn"))

    def opened(self, inline: bool = False) -> Database:
        """Open the database as one more process."""
        path = os.path.join(self.folder, "x.sqlite3")
        in_reactor = None if inline else IReactorFromThreads(reactor).callFromThread
        found = Database(path, in_reactor, None if inline else reactor.callLater, turns=self.turns())
        found.open(_nothing if os.path.exists(path) else _make_table)
        self.addCleanup(found.close)
        return found

    def numbers(self, found: Database) -> list[int]:
        return [number for (number,) in found.read("SELECT x FROM t ORDER BY x")]

    def test_one_has_the_turn_until_it_passes_it_on(self) -> None:
        one, other = self.turns(), self.turns()
        self.addCleanup(one.close)
        self.addCleanup(other.close)
        assert one.taken()
        assert not other.taken()
        one.pass_on()
        assert other.taken()
        assert not one.taken()

    def test_whoever_ends_has_no_turn_any_more(self) -> None:
        one, other = self.turns(), self.turns()
        self.addCleanup(other.close)
        assert one.taken()
        one.close()
        assert other.taken()

    async def test_both_write_and_see_what_the_other_wrote(self) -> None:
        one, other = self.opened(), self.opened()
        asked = [
            each.write(partial(_insert, number=number), quick=True) for number, each in enumerate([one, other] * 20)
        ]
        for each in asked:
            await each
        assert self.numbers(one) == self.numbers(other) == list(range(40))

    async def test_what_is_asked_for_while_another_writes_goes_together_in_the_reactor_then(self) -> None:
        data, other = self.opened(), self.turns()
        self.addCleanup(other.close)
        assert other.taken()
        groups: list[list[int]] = []

        def together(connection: Any, numbers: Any) -> list[int]:
            groups.append(list(numbers))
            return [_insert(connection, number) for number in numbers]

        asked: list[Deferred[int]] = [data.write_together(together, 1, quick=True)]
        await deferToThread(lambda: None)
        asked.append(data.write_together(together, 2, quick=True))
        await deferToThread(lambda: None)
        assert groups == []
        other.pass_on()
        assert [await each for each in asked] == [threading.get_ident()] * 2
        assert groups == [[1, 2]]
        assert self.numbers(data) == [1, 2]
        assert other.taken(), "the turn is passed on after the commit"

    async def test_what_waits_for_its_turn_is_written_when_it_is_closed(self) -> None:
        data, other = self.opened(), self.turns()
        self.addCleanup(other.close)
        assert other.taken()
        asked = data.write(lambda connection: _insert(connection, 1), quick=True)
        await deferToThread(lambda: None)
        threading.Timer(0.05, other.pass_on).start()
        data.close()
        await asked
        assert self.numbers(self.opened()) == [1]
        assert other.taken()

    def test_a_command_without_a_reactor_takes_turns_too(self) -> None:
        data, other = self.opened(inline=True), self.turns()
        self.addCleanup(other.close)
        data.write(lambda connection: _insert(connection, 1 - other.taken()))
        assert self.numbers(data) == [1]
        assert other.taken()

    def logged(self) -> list[LogEvent]:
        """Return what will have been logged."""
        events: list[LogEvent] = []
        observer = cast(ILogObserver, events.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        return events

    def test_to_find_another_process_copying_the_log_back_is_no_error(self) -> None:
        logged = self.logged()
        for error in (apsw.BusyError("copying"), apsw.IOError("broken")):
            checkpoints._copy(Mock(wal_checkpoint=Mock(side_effect=error)))
        assert [each["error"] for each in logged] == ["broken"]

    async def test_two_that_copy_the_log_back_do_not_disturb_each_other(self) -> None:
        logged = self.logged()
        one, other = self.opened(), self.opened()
        for _ in range(60):
            text = "x" * 400_000
            for each in (one, other):
                await each.write(partial(_insert, number=text))
        assert one.read("SELECT count(*), sum(length(x)) FROM t") == [(120, 120 * 400_000)]
        assert [each for each in logged if each["log_level"] > LogLevel.info] == []
