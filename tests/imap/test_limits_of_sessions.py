"""What a session does when the world around it is in trouble."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.trial.unittest import TestCase

from mailframe.errors import NoSuchMailbox, Temporary
from mailframe.imap.model import Model
from mailframe.imap.reader import LiteralLost
from mailframe.imap.session import Models
from mailframe.interfaces import StoreMode
from mailframe.spool import Spool
from tests.imap.world import World, login, selected


class ModelsTests(TestCase):
    """A mailbox is modelled once, whoever comes first."""

    def _slow(self, world: World) -> tuple[Any, list[Deferred[Any]]]:
        mailbox = world.mailbox()
        waiting: list[Deferred[Any]] = []

        class Slow(type(mailbox)):  # type: ignore[misc]  # a class that is known when it runs
            async def entries(self) -> Any:
                waiting.append(Deferred())
                await waiting[-1]
                return await mailbox.entries()

            async def changes(self, since: int) -> Any:
                waiting.append(Deferred())
                await waiting[-1]
                return await mailbox.changes(since)

        return Slow(mailbox.watchers, mailbox.now, "INBOX", 1, mailbox.id), waiting

    def test_two_who_open_it_at_once_share_a_model(self) -> None:
        world = World()
        mailbox, waiting = self._slow(world)
        models = Models()
        one, two = (ensureDeferred(models.open(mailbox)) for _ in range(2))
        waiting[0].callback(None)
        waiting[1].callback(None)
        assert self.successResultOf(one) is self.successResultOf(two)

    def test_a_change_while_it_is_read_is_not_missed(self) -> None:
        world = World()
        mailbox, waiting = self._slow(world)
        opening = ensureDeferred(Models().open(mailbox))
        world.append("x")
        waiting[0].callback(None)
        if len(waiting) > 1:
            waiting[1].callback(None)
        assert self.successResultOf(opening).uids == [1]

    def test_those_who_follow_while_somebody_reads_wait_for_the_whole(self) -> None:
        world = World()
        mailbox, waiting = self._slow(world)
        opening = ensureDeferred(Models().open(mailbox))
        waiting.pop().callback(None)
        model = self.successResultOf(opening)
        first = ensureDeferred(model.follow())
        second = ensureDeferred(model.follow())
        self.assertNoResult(second)
        world.append("x")
        while waiting:
            waiting.pop().callback(None)
        self.successResultOf(first)
        self.successResultOf(second)
        assert model.uids == [1]

    def test_a_mailbox_that_goes_while_it_is_opened_is_gone(self) -> None:
        world = World()
        models = Models()
        model = self.successResultOf(ensureDeferred(models.open(world.mailbox())))
        world.mailbox().gone()
        assert model.deleted
        self.failureResultOf(ensureDeferred(models.open(world.mailbox())), NoSuchMailbox)

    def test_a_mailbox_that_goes_while_it_is_read_is_not_kept(self) -> None:
        world = World()
        mailbox, waiting = self._slow(world)
        models = Models()
        opening = ensureDeferred(models.open(mailbox))
        world.append("x")
        waiting[0].callback(None)
        world.mailbox().gone()
        waiting[1].callback(None)
        self.failureResultOf(opening, NoSuchMailbox)
        assert models._models == {}

    def test_only_the_model_that_is_shared_is_forgotten(self) -> None:
        world = World()
        models = Models()
        shared = self.successResultOf(ensureDeferred(models.open(world.mailbox())))
        models.release(self.successResultOf(ensureDeferred(Model.of(world.mailbox()))))
        assert self.successResultOf(ensureDeferred(models.open(world.mailbox()))) is shared

    def test_a_store_in_trouble_does_not_end_the_model(self) -> None:
        world = World()
        mailbox = world.mailbox()

        class Down(type(mailbox)):  # type: ignore[misc]  # a class that is known when it runs
            async def changes(self, since: int) -> Any:
                raise Temporary("down")

        down = Down(mailbox.watchers, mailbox.now, "INBOX", 1, mailbox.id)
        model = self.successResultOf(ensureDeferred(Models().open(down)))
        world.append("x")
        assert len(self.flushLoggedErrors(Temporary)) == 1
        assert model.uids == []


class ByeTests(TestCase):
    def test_the_end_is_announced_once(self) -> None:
        player = World().player()
        player.play(login())
        protocol: Any = player._client("").protocol
        session = protocol.session
        session.bye("first")
        session.bye("second")
        session.wire.flush()
        player.play("S: * BYE first")


class FullDiskTests(TestCase):
    def test_a_literal_that_cannot_be_kept_is_refused(self) -> None:
        world = World()
        player = world.player()
        player.play(login())
        protocol: Any = player._client("").protocol
        session = protocol.session
        session.spool = Spool("/nowhere/at/all", small=10)
        literal = f"C: Subject: x\nC:\nC> {'x' * (70000 - 14)}"
        refusal = "S: a NO [UNAVAILABLE] The message cannot be received now"
        player.play(f"C: a APPEND INBOX {{70000}}\nS: + OK\n{literal}\n{refusal}\nC:\nC: b NOOP\nS: b OK Done")
        assert len(self.flushLoggedErrors(LiteralLost)) == 1


class RaceTests(TestCase):
    def test_a_change_by_another_at_the_same_time_is_told_even_if_silent(self) -> None:
        world = World()
        world.append("x")
        player = world.play(selected(count=1))
        mailbox = world.mailbox()
        store = mailbox.store_flags

        class Racing(type(mailbox)):  # type: ignore[misc]  # a class that is known when it runs
            async def store_flags(self, uids: Any, mode: Any, flags: Any, unchanged_since: Any = None) -> Any:
                await store(uids, StoreMode.ADD, frozenset({"$other"}))
                return await store(uids, mode, flags, unchanged_since)

        protocol: Any = player._client("").protocol
        session = protocol.session
        racing = Racing(mailbox.watchers, mailbox.now, "INBOX", 1, mailbox.id)
        racing._items = mailbox._items
        session.view.model.mailbox = racing
        racing.changes = mailbox.changes
        player.play("C: c STORE 1 +FLAGS.SILENT (\\Seen)\nS: * 1 FETCH (FLAGS ($other \\Seen \\Recent))\nS: c OK Done")
