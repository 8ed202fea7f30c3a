"""A server that sends is stopped after every command, every write and every sync in turn, and started again.

Whatever was accepted reaches each of its recipients, or its sender hears why not; it does so once, and twice only
where the crash came between the taking and the record of it.
"""

from __future__ import annotations

import random
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mailframe.address import Address
from mailframe.delivery.relay import ToSmarthost
from mailframe.delivery.routes import Route
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Delivered
from mailframe.interfaces import Report, Settlement
from mailframe.queue.runner import Runner
from mailframe.queue.sqlite import SQLiteQueue
from mailframe.site import Site
from mailframe.spool import Message
from mailframe.sqlite import SQLite, checkpoints
from mailframe.testing.dns import FakeDNS
from tests.queue.sink import Heard, Sink, Took
from tests.store.recording import Disk, Leaves, Synced

ME = "me@home.example"
BIG = 300_000
DAYS = 6 * 86400.0

_NAME = re.compile(rb"^X-Name: (\S+)\r$", re.MULTILINE)
_ABOUT = re.compile(rb"^Final-Recipient: rfc822; ?(\S+)\r$", re.MULTILINE)

WORK: Mapping[str, tuple[str, ...]] = {
    "m1": ("a@one.example", "b@one.example", "c@two.example"),
    "m2": ("nobody@one.example", "busy@two.example", "d@two.example"),
    "big": ("e@one.example",),
}
"""To whom each message goes; C{nobody} is unknown there, C{busy} is welcome only the second time."""


@frozen
class Accepted:
    """A message was taken over: it must not be lost from here on."""

    name: str


@frozen
class Settled:
    """The outcome of an attempt is recorded."""

    recipient: str


@frozen
class Got:
    """What somebody got: a message, or the report about one of its recipients."""

    recipient: str
    name: str


def got(took: Took) -> Got:
    """Return what it was that the sink took."""
    name, about = _NAME.search(took.data), _ABOUT.search(took.data)
    assert name is not None, took.data
    return Got(took.recipient, name[1].decode() if about is None else f"{name[1].decode()}: {about[1].decode()}")


def wanted(name: str) -> list[Got]:
    """Return what must have come of a message in the end."""
    return [Got(ME, f"{name}: {each}") if each.startswith("nobody") else Got(each, name) for each in WORK[name]]


def message(data: SQLite, name: str) -> Message:
    writer = data.spool.begin()
    writer.write(f"Subject: x\r\nX-Name: {name}\r\n\r\nHello\r\n".encode())
    if name == "big":
        for _ in range(BIG // 10_000):
            writer.write((b"x" * 98 + b"\r\n") * 100)
    return writer.finish()


class Running:
    """A server whose only business is to send, on a virtual clock."""

    def __init__(self, folder: str, note: Callable[[Any], None], now: float, busy: int = 0, pipelining: bool = True):
        self.clock = Clock()
        self.clock.advance(now)
        replies = {"nobody": ["550 5.1.1 Who is that?"] * 99, "busy": ["450 4.2.1 Not now"] * busy}
        self.sink = Sink(self.clock, note, pipelining, replies)
        chance = random.Random(now).randbytes
        self.site = Site("mx.example.org", self.clock, random=chance, resolver=FakeDNS(), connect=self.sink.connect)
        self.data = SQLite(folder)
        self.runner = Runner(self.data, [Route("*", ToSmarthost("192.0.2.1"))])

    def wait(self, call: Any) -> Any:
        """Let time pass until something is done."""
        results: list[Any] = []
        Deferred.fromCoroutine(call).addBoth(results.append)
        while not results:
            self.turn()
        [result] = results
        if hasattr(result, "raiseException"):
            result.raiseException()
        return result

    def turn(self) -> None:
        """Let the next thing happen that is due at some time."""
        self.clock.advance(max(0.0, self.clock.calls[0].getTime() - self.clock.seconds()))

    def start(self) -> None:
        self.wait(self.data.start(self.site))
        self.wait(self.runner.start(self.site))

    def put(self, name: str) -> None:
        envelope = Envelope(Address.parse(ME), tuple(Recipient(Address.parse(each)) for each in WORK[name]))
        taken = message(self.data, name)
        self.wait(self.runner.put(name, envelope, taken, self.clock.seconds()))
        taken.discard()

    def finish(self) -> None:
        """Let time pass until nothing is queued."""
        end = self.clock.seconds() + DAYS
        while self.wait(self.data.queue.next_due(0.0)) is not None:
            assert self.clock.seconds() < end, "the queue does not become empty"
            self.turn()

    def stop(self) -> None:
        self.wait(self.runner.stop())
        self.wait(self.data.stop())


class Recorded:
    """One run that sends everything: each step of the wire and of the disk, in their order."""

    def __init__(self, folder: str, pipelining: bool = True) -> None:
        self.folder = folder
        self.live = str(Path(folder, "live"))
        self.disk = Disk()
        self.notes: list[tuple[int, Any]] = []
        self.found: dict[Any, Counter[Got]] = {}
        settle = SQLiteQueue.settle
        keys: dict[int, str] = {}

        async def settled(
            queue: SQLiteQueue, now: float, settlements: Mapping[int, Settlement], reports: Sequence[Report] = ()
        ) -> None:
            await settle(queue, now, settlements, reports)
            for key in settlements:
                self.note(Settled(keys[key]))

        lease = SQLiteQueue.lease

        async def leased(queue: SQLiteQueue, *args: Any) -> Any:
            lent = await lease(queue, *args)
            keys.update((each.key, str(each.envelope.recipients[0].address)) for each in lent)
            return lent

        with (
            self.disk.recording(),
            mock.patch.object(SQLiteQueue, "settle", settled),
            mock.patch.object(SQLiteQueue, "lease", leased),
        ):
            running = Running(self.live, self.note, 1_000_000.0, busy=1, pipelining=pipelining)
            running.start()
            for name in WORK:
                running.put(name)
                self.note(Accepted(name))
            running.finish()
            self.end = running.clock.seconds()
            running.stop()

    def note(self, what: Any) -> None:
        self.notes.append((len(self.disk.events), what))

    def points(self) -> Iterator[tuple[int, int]]:
        """Yield every point to crash at: so much was done to the disk, and so much else had happened."""
        notes = 0
        for event in range(len(self.disk.events) + 1):
            yield event, notes
            while notes < len(self.notes) and self.notes[notes][0] == event:
                notes += 1
                yield event, notes

    def check(self, event: int, notes: int, leaves: Leaves) -> None:
        """Crash, start again, and see what came of everything."""
        before = [note for _at, note in self.notes[:notes]]
        when = f"{leaves}, event {event}, after {before[-1:]}"
        took = Counter(got(each) for each in before if isinstance(each, Took))
        recorded = Counter(each.recipient for each in before if isinstance(each, Settled))
        accepted = {each.name for each in before if isinstance(each, Accepted)}
        after = self.after(event, leaves, when)
        for name in WORK:
            for each in wanted(name):
                count = took[each] + after[each]
                if not count:
                    assert name not in accepted, f"{each} is lost: {when}"
                elif count > 1:
                    assert count == 2, f"{each} came {count} times: {when}"
                    assert took[each] == 1, f"{each} came twice after the crash: {when}"
                    settled = sum(found for got_it, found in took.items() if got_it.recipient == each.recipient)
                    assert recorded[each.recipient] < settled + each.recipient.startswith("busy"), f"{each}: {when}"
        assert set(after) <= {each for name in WORK for each in wanted(name)}, when

    def after(self, event: int, leaves: Leaves, when: str) -> Counter[Got]:
        """Return what comes after a crash; many crashes leave the same, with which a server is started once."""
        remains = self.disk.remains(event, leaves, random.Random(event))
        key = hash(frozenset(remains.items()))
        if key not in self.found:
            try:
                self.found[key] = self.restarted(remains)
            except Exception as error:
                raise AssertionError(when) from error
        return self.found[key]

    def restarted(self, remains: Mapping[str, bytes]) -> Counter[Got]:
        folder = Path(self.folder, "crashed")
        shutil.rmtree(folder, ignore_errors=True)
        for path, data in sorted(remains.items()):
            copy = Path(folder, Path(path).relative_to(self.folder))
            if path in self.disk.directories:
                copy.mkdir(parents=True, exist_ok=True)
            else:
                copy.write_bytes(data)
        folder.mkdir(exist_ok=True)
        notes: list[Any] = []
        running = Running(str(folder / "live"), notes.append, self.end)
        running.start()
        try:
            running.finish()
            assert list((folder / "live" / "queue").iterdir()) == []
        finally:
            running.stop()
        return Counter(got(each) for each in notes if isinstance(each, Took))

    def check_all(self, leaves: Leaves) -> None:
        """Crash at every point."""
        for event, notes in self.points():
            self.check(event, notes, leaves)


def recorded(pipelining: bool) -> Iterator[Recorded]:
    folder = tempfile.mkdtemp(prefix="mailframe-")
    try:
        with mock.patch.object(checkpoints, "WAL_PAGES", 24):  # so that there are checkpoints among the work
            found = Recorded(folder, pipelining)
        yield found
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def pipelined() -> Iterator[Recorded]:
    yield from recorded(pipelining=True)


@pytest.fixture(scope="module")
def singly() -> Iterator[Recorded]:
    yield from recorded(pipelining=False)


def test_the_work_goes_through_every_step(singly: Recorded) -> None:
    notes = [note for _at, note in singly.notes]
    assert {note.verb for note in notes if isinstance(note, Heard)} >= {"EHLO", "MAIL", "RCPT", "DATA"}
    took = Counter(got(each) for each in notes if isinstance(each, Took))
    assert took == Counter(each for name in WORK for each in wanted(name))
    assert any(isinstance(event, Synced) and "/queue" in event.path for event in singly.disk.events)
    points = list(singly.points())
    assert len(points) == len(singly.disk.events) + 1 + len(notes)
    assert points[-1] == (len(singly.disk.events), len(notes))


@pytest.mark.parametrize("leaves", list(Leaves))
def test_a_crash_at_any_step_loses_nothing(pipelined: Recorded, leaves: Leaves) -> None:
    pipelined.check_all(leaves)


def test_a_crash_between_any_two_commands_loses_nothing(singly: Recorded) -> None:
    singly.check_all(Leaves.ALL)


async def reported_later(
    queue: SQLiteQueue,
    now: float,
    settlements: Mapping[int, Settlement],
    reports: Sequence[Report] = (),
    real: Any = SQLiteQueue.settle,
) -> None:
    await real(queue, now, settlements)
    await real(queue, now, {}, reports)


async def settled_first(queue: SQLiteQueue, *args: Any, real: Any = SQLiteQueue.lease) -> Any:
    lent = await real(queue, *args)
    await SQLiteQueue.settle(queue, 0.0, {each.key: Settlement(Delivered()) for each in lent})
    return lent


async def forgetful(queue: SQLiteQueue, now: float, *args: Any, real: Any = SQLiteQueue.settle) -> None:
    if now > 1_000_001.0:
        await real(queue, now, *args)


def fails(found: Recorded, leaves: Leaves) -> bool:
    try:
        found.check_all(leaves)
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize(
    ("method", "careless"), [("settle", reported_later), ("settle", forgetful), ("lease", settled_first)]
)
def test_a_careless_queue_is_found_out(method: str, careless: Any, tmp_path: Path) -> None:
    """The test above can fail: each of these faults makes it."""
    with mock.patch.object(SQLiteQueue, method, careless):
        found = Recorded(str(tmp_path))
    assert fails(found, Leaves.ALL)
