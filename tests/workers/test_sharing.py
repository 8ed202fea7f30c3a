"""One server's data in two processes: here both in one, which hear of each other as they would by their sockets."""

from __future__ import annotations

import os
from functools import partial

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.address import Address
from mailframe.auth.password_file import PasswordFile
from mailframe.delivery.relay import ToMX
from mailframe.delivery.routes import Route
from mailframe.inline import now
from mailframe.interfaces import Filing, IShared, QueueChange, Selection
from mailframe.queue.runner import Runner
from mailframe.site import Site
from mailframe.spool import Message
from mailframe.sqlite import InUse, SQLite
from mailframe.testing.queues import SMALL, envelope_to
from mailframe.workers.fellows import Fellows
from tests.temporary import path_for

ANN = Address("ann", "example.org")
MESSAGE = Message.from_bytes(b"Subject: hello\r\n\r\nhello\r\n")


class SharingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.folder = path_for(self)
        self.first, self.fellows = self.process(is_worker=False)
        self.worker, fellows = self.process(is_worker=True)
        self.fellows.say, fellows.say = fellows.hear, self.fellows.hear

    def process(self, is_worker: bool) -> tuple[SQLite, Fellows]:
        """Start the data in one more process."""
        fellows = Fellows(is_worker, self.clock)
        data = SQLite(self.folder)
        now(data.start(Site("mail.test", self.clock, fellows=fellows)))
        self.addCleanup(lambda: now(data.stop()))
        return data, fellows

    def turn(self) -> None:
        """Let the turn end in which something was done."""
        self.clock.advance(0)

    def test_the_parts_that_come_with_it_can_be_shared(self) -> None:
        for part in (self.first, Runner(self.first, [Route("*", ToMX())]), PasswordFile("passwords")):
            assert IShared.providedBy(part)

    def test_both_see_what_one_stores_and_tell_those_who_look(self) -> None:
        now(self.first.add_account(ANN, "secret words"))
        told: list[str] = []
        for name, data in (("first", self.first), ("worker", self.worker)):
            inbox = now(now(data.open(str(ANN))).mailbox("INBOX"))
            inbox.watch(partial(told.append, name))
        now(self.worker.deliver(MESSAGE, [Filing(str(ANN))]))
        assert told == ["worker"]
        self.turn()
        assert told == ["worker", "first"]
        assert now(inbox.state()).messages == 1
        now(self.first.deliver(MESSAGE, [Filing(str(ANN))]))
        self.turn()
        assert told == ["worker", "first", "first", "worker"]

    def test_an_account_that_was_removed_is_forgotten_by_both(self) -> None:
        now(self.first.add_account(ANN, "secret words"))
        assert now(self.worker.find(ANN)) is not None
        now(self.first.remove_account(ANN))
        self.turn()
        assert now(self.worker.find(ANN)) is None

    def test_whoever_sends_hears_of_what_a_worker_queues_or_changes(self) -> None:
        changes: list[QueueChange] = []
        self.first.queue.watch(changes.append)
        now(self.worker.queue.put("m1", envelope_to("bob"), SMALL, 1_000_000.0))
        self.turn()
        assert changes == [QueueChange(frozenset({"example.net"}), new=True)]
        assert now(self.worker.queue.hold(Selection(destination="example.net"))) == 1
        self.turn()
        assert changes[1:] == [QueueChange(frozenset({"example.net"}), False)]
        assert now(self.worker.queue.release(Selection(destination="example.net"))) == 1
        now(self.first.queue.lease(1_000_001.0, 1_000_100.0, 10))
        assert now(self.worker.queue.hold(Selection(destination="example.net"))) == 1
        self.turn()
        assert changes[-1] == QueueChange(frozenset({"example.net"}), True)

    def test_what_the_sending_process_queues_itself_is_told_to_no_worker(self) -> None:
        changes: list[QueueChange] = []
        self.worker.queue.watch(changes.append)
        now(self.first.queue.put("m1", envelope_to("bob"), SMALL, 1_000_000.0))
        self.turn()
        assert changes == []

    def test_a_runner_in_a_worker_sends_nothing(self) -> None:
        fellows = Fellows(True, self.clock)
        runner = Runner(self.worker, [Route("*", ToMX())])
        now(runner.start(Site("mail.test", self.clock, fellows=fellows)))
        now(runner.put("m1", envelope_to("bob"), SMALL, 1_000_000.0))
        [leased] = now(self.first.queue.lease(1_000_001.0, 1_000_100.0, 10))
        assert leased.id == "m1"
        now(runner.stop())

    def test_a_worker_tidies_nothing_up(self) -> None:
        waiting = os.path.join(self.folder, "spool")
        os.makedirs(waiting, exist_ok=True)
        file = os.path.join(waiting, "half-a-message")
        with open(file, "w") as out:
            out.write("half")
        self.process(is_worker=True)
        assert os.path.exists(file)

    def test_nobody_else_opens_it_as_long_as_a_worker_has_it(self) -> None:
        now(self.first.stop())
        error = self.assertRaises(InUse, lambda: now(SQLite(self.folder).start(Site("mail.test", self.clock))))
        assert "stop it first" in str(error)
        now(self.worker.stop())
        now(SQLite(self.folder).start(Site("mail.test", self.clock)))

    def test_no_worker_opens_what_another_server_has(self) -> None:
        now(self.worker.stop())
        now(self.first.stop())
        alone = SQLite(self.folder)
        now(alone.start(Site("mail.test", self.clock)))
        self.addCleanup(lambda: now(alone.stop()))
        self.assertRaises(InUse, self.process, True)
