"""The store is stopped after every write and every sync in turn: each operation is wholly there or not at all.

The state after a crash must be the one before the operation under way or the one behind it, and behind it if it was
acknowledged: so nothing is lost, nothing is there twice, nothing is half there, and no UID is given out anew.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from unittest import mock

import apsw
import pytest
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

from mailframe import bodies, errors
from mailframe import files as durable
from mailframe.address import Address
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Delivered, Retry
from mailframe.interfaces import DELETED, FLAGGED, SEEN, Filing, Report, Settlement, StoreMode
from mailframe.queue.flows import GENERATIONS
from mailframe.site import Site
from mailframe.spool import Message
from mailframe.sqlite import SQLite, checkpoints, database, group
from mailframe.store.sqlite import account as account_module
from mailframe.store.sqlite import inserting
from tests.store.recording import Disk, Done, Leaves, Synced

ANN, BOB = Address.parse("ann@example.org"), Address.parse("bob@example.org")
NAMES = (str(ANN), str(BOB))
BIG = 300_000
SEEDS = range(2)
"""How often chance decides anew, at each point, what a crash leaves."""

Operation = Callable[[SQLite], Awaitable[Any]]


def now(awaitable: Awaitable[Any]) -> Any:
    """Return the result of what does not have to wait: everything runs inline here."""

    async def run() -> Any:
        return await awaitable

    results: list[Any] = []
    Deferred.fromCoroutine(run()).addBoth(results.append)
    [result] = results
    if hasattr(result, "raiseException"):
        result.raiseException()
    return result


class Turns(Clock):
    """A reactor that is turned by hand, so that the threads of the database can be had without one."""

    def __init__(self) -> None:
        super().__init__()
        self.called: SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]]] = SimpleQueue()

    def callFromThread(self, call: Callable[..., Any], *args: Any) -> None:
        self.called.put((call, args))

    def together(self, *awaitables: Awaitable[Any]) -> None:
        """Start all in one turn, and go on until all have ended, with a result or an error on purpose."""

        async def run(awaitable: Awaitable[Any]) -> None:
            try:
                await awaitable
            except errors.MailError:
                pass
            except Exception as error:
                failed.append(error)

        failed: list[Exception] = []
        going = [Deferred.fromCoroutine(run(awaitable)) for awaitable in awaitables]
        self.advance(0)
        while not all(each.called for each in going):
            call, args = self.called.get(timeout=30)
            call(*args)
            self.advance(0)
        for error in failed:
            raise error

    def result(self, awaitable: Awaitable[Any]) -> Any:
        """Return what becomes of one."""
        results: list[Any] = []

        async def run() -> None:
            results.append(await awaitable)

        self.together(run())
        return results[0]


def opened(folder: str, turns: Turns | None = None) -> SQLite:
    data = SQLite(folder)
    chance = random.Random(len(folder)).randbytes
    if turns is None:
        now(data.start(Site("mx.example.org", Clock(), random=chance)))
    else:
        turns.together(data.start(Site("mx.example.org", turns, lambda call, *args: execute(call, *args), chance)))
    return data


def small(text: str) -> Message:
    return Message.from_bytes(f"Subject: {text}\r\n\r\n{text * 50}\r\n".encode())


def big(data: SQLite, text: str) -> Message:
    writer = data.spool.begin()
    writer.write(f"Subject: {text}\r\n\r\n".encode())
    for _ in range(5):
        writer.write(text.encode() * (BIG // 5 // len(text)))
    return writer.finish()


async def inbox(data: SQLite, name: str = "INBOX", account: Address = ANN) -> Any:
    return await (await data.open(str(account))).mailbox(name)


async def deliver(data: SQLite, message: Message, *accounts: Address) -> None:
    assert await data.deliver(message, [Filing(str(account)) for account in accounts]) == {}
    message.discard()


async def append(data: SQLite, text: str) -> None:
    await (await inbox(data)).append(small(text), frozenset({FLAGGED}), 1)


async def account(data: SQLite) -> Any:
    return await data.open(str(ANN))


async def copied(data: SQLite) -> None:
    await (await inbox(data)).copy([1, 2], await inbox(data, "Kept/Deep"))


async def moved(data: SQLite) -> None:
    await (await inbox(data)).move([2, 3], await inbox(data, "Kept"))


async def flagged(data: SQLite) -> None:
    await (await inbox(data)).store_flags([1, 4], StoreMode.ADD, frozenset({SEEN, DELETED}))


async def expunged(data: SQLite) -> None:
    await (await inbox(data)).expunge([1, 4])


async def made(data: SQLite, name: str) -> None:
    await (await account(data)).create(name)


async def renamed(data: SQLite) -> None:
    await (await account(data)).rename("Kept", "Kept2")


async def deleted(data: SQLite) -> None:
    await (await account(data)).delete("Kept2/Deep")


async def queued(data: SQLite, id: str, message: Message) -> None:
    to = (Recipient(Address.parse("x@example.net")), Recipient(Address.parse("y@example.net")))
    await data.queue.put(id, Envelope(ANN, to), message, 0.0)
    message.discard()


async def leased(data: SQLite) -> None:
    await data.queue.lease(1.0, 100.0, 10)


GOT_IT = Settlement(Delivered())


def lease(number: int) -> int:
    """Return the key of the first lease of a recipient."""
    return number * GENERATIONS + 1


def report() -> Report:
    """Return a report that is queued with what it reports."""
    return Report("r1", Envelope(None, (Recipient(ANN),)), small("report"), 900.0)


async def settled(data: SQLite) -> None:
    await data.queue.settle(2.0, {lease(1): GOT_IT, lease(2): Settlement(Retry(), 500.0), lease(3): GOT_IT})


async def subscribed(data: SQLite) -> None:
    await (await account(data)).subscribe("Kept2", True)


WORK: tuple[Operation, ...] = (
    lambda data: data.add_account(ANN, "secret"),
    lambda data: data.add_account(BOB, "secret"),
    lambda data: deliver(data, small("one"), ANN),
    lambda data: deliver(data, small("two"), ANN, BOB),
    lambda data: deliver(data, big(data, "three"), ANN, BOB),
    lambda data: append(data, "four"),
    lambda data: made(data, "Kept/Deep"),
    copied,
    moved,
    flagged,
    expunged,
    lambda data: queued(data, "q1", small("queued")),
    lambda data: queued(data, "q2", big(data, "bigger")),
    leased,
    settled,
    lambda data: data.queue.settle(3.0, {lease(4): GOT_IT}, [report()]),
    renamed,
    subscribed,
    deleted,
    lambda data: deliver(data, big(data, "five"), ANN),
    lambda data: data.add_alias(Address.parse("post@example.org"), [ANN]),
    lambda data: data.remove_account(BOB),
    lambda data: deliver(data, small("six"), ANN),
)
"""Each committed alone."""

GONE: tuple[Operation, ...] = (lambda data: data.remove_account(ANN), lambda data: data.remove_account(BOB))

GROUPS: tuple[tuple[Operation, ...], ...] = (
    (WORK[0], WORK[1]),
    (WORK[2], WORK[4], WORK[3], WORK[5]),
    (lambda data: append(data, "five"), WORK[12], lambda data: made(data, "INBOX"), lambda data: made(data, "Kept")),
    (moved, flagged, lambda data: deliver(data, big(data, "six"), BOB), WORK[11]),
    (expunged, leased, lambda data: made(data, "INBOX"), lambda data: made(data, "Kept/Deep")),
    (lambda data: data.queue.settle(3.0, {lease(1): GOT_IT, lease(2): GOT_IT}), copied, WORK[21]),
    GONE,
)
"""Each committed together; making an INBOX fails, and does not take the others with it."""


async def snapshot(data: SQLite) -> Any:
    """Return all that can be asked of the data."""
    mail: dict[Any, Any] = {}
    for address in await data.accounts():
        found = await data.open(str(address))
        mail[address] = (await found.mailboxes(), await found.subscriptions())
        for info in await found.mailboxes():
            if info.selectable:
                box: Any = await found.mailbox(info.name)
                changes = await box.changes(0)
                messages = {uid: await box.read(uid) for uid in changes.entries.uids}
                mail[address, info.name] = (changes, await box.entries(), messages)
    assert data._kept is not None
    # A start takes back what was lent: until when that was is no part of what is kept.
    rows = data._kept.database.read(
        "SELECT key, message, max(due, 100.0), attempts, recipient FROM queued_recipient ORDER BY key"
    )
    loaded = {row[1]: data.queue._load(row[1]) for row in rows}
    bodies = {number: (found[:3], bytes(found[3])) for number, found in loaded.items() if found is not None}
    assert len(bodies) == len(loaded)
    return mail, rows, bodies, await data.aliases()


NOTHING_BUT: tuple[str, ...] = (
    "SELECT id FROM message m WHERE refs <> (SELECT count(*) FROM item WHERE message = m.id)",
    "SELECT id FROM message WHERE id NOT IN (SELECT id FROM content)",
    "SELECT id FROM content WHERE id NOT IN (SELECT id FROM message)",
    "SELECT message FROM item WHERE message NOT IN (SELECT id FROM message)",
    "SELECT mailbox FROM item WHERE mailbox NOT IN (SELECT id FROM mailbox)",
    "SELECT id FROM mailbox b WHERE messages <> (SELECT count(*) FROM item WHERE mailbox = b.id)",
    "SELECT id FROM mailbox b WHERE uidnext <= (SELECT max(uid) FROM item WHERE mailbox = b.id)",
    "SELECT id FROM mailbox b WHERE modseq < (SELECT max(modseq) FROM item WHERE mailbox = b.id)",
    "SELECT message FROM queued WHERE message NOT IN (SELECT message FROM queued_recipient)",
    "SELECT message FROM queued_recipient WHERE message NOT IN (SELECT message FROM queued)",
    "SELECT key FROM queued_recipient WHERE flow NOT IN (SELECT id FROM flow)",
    "SELECT id FROM flow f WHERE due <> coalesce((SELECT min(due) FROM queued_recipient WHERE flow = f.id), -1)",
)
"""What must find no rows: something would be half there."""


def checked(folder: str) -> Any:
    """Open data after a crash; return what it holds."""
    data = opened(folder)
    try:
        assert data._kept is not None
        read = data._kept.database.read
        assert read("PRAGMA integrity_check") == [("ok",)]
        assert [sql for sql in NOTHING_BUT if read(sql)] == []
        for table, files in (("content", "messages"), ("queued", "queue")):
            named = read(f"SELECT file FROM {table} WHERE file IS NOT NULL")  # noqa: S608
            assert set(os.listdir(os.path.join(folder, files))) == {name for (name,) in named}, "files"
        found = now(snapshot(data))
        now(goes_on(data))
        return found
    finally:
        now(data.stop())


async def goes_on(data: SQLite) -> None:
    """Work goes on where it stopped: with the next UID, and later than all."""
    for address in await data.accounts():
        box = await inbox(data, account=address)
        before, message = await box.state(), small("after")
        assert (await box.append(message, frozenset(), 1)).uid == before.uidnext
        assert await box.read(before.uidnext) == bytes(message)
        assert (await box.state()).highestmodseq > before.highestmodseq


class Recorded:
    """
    One run of a whole workload.

    @ivar states: what there was before the first group, and after each.
    """

    def __init__(self, folder: str, groups: Iterable[Sequence[Operation]], links: bool = True) -> None:
        self.folder = folder
        self.live = os.path.join(folder, "deep", "live")
        self.disk = Disk(links=links)
        self.found: dict[int, Any] = {}
        turns = Turns()
        with self.disk.recording():
            data = opened(self.live, turns)
            self.disk.events.append(Done(0))
            self.states = [turns.result(snapshot(data))]
            for number, group in enumerate(groups, 1):
                turns.together(*(self._acknowledged(operation(data), number) for operation in group))
                self.states.append(turns.result(snapshot(data)))
            now(data.stop())

    async def _acknowledged(self, operation: Awaitable[Any], group: int) -> None:
        try:
            await operation
        finally:
            self.disk.events.append(Done(group))

    def after_crash(self, point: int, leaves: Leaves, seed: int) -> Any:
        """Return what is there after a crash; many crashes leave the same, which is looked at once."""
        remains = self.disk.remains(point, leaves, random.Random(f"{point} {seed}"))
        key = hash(frozenset(remains.items()))
        if key not in self.found:
            self.found[key] = checked(self._made(remains))
        return self.found[key]

    def _made(self, remains: Mapping[str, bytes]) -> str:
        folder = os.path.join(self.folder, "crashed")
        shutil.rmtree(folder, ignore_errors=True)
        for path, data in remains.items():
            copy = Path(folder, os.path.relpath(path, self.live))
            if path in self.disk.directories:
                copy.mkdir(parents=True, exist_ok=True)
            else:
                copy.write_bytes(data)
        return folder

    def check(self, point: int, leaves: Leaves, seed: int = 0) -> None:
        """Crash behind so many events, and compare."""
        done = max((event.group for event in self.disk.events[:point] if isinstance(event, Done)), default=0)
        when = f"after {done} groups, event {point}, {leaves}, seed {seed}"
        try:
            found = self.after_crash(point, leaves, seed)
        except Exception as error:
            raise AssertionError(when) from error
        assert found in self.states[done : done + 2], when

    def check_all(self, leaves: Leaves) -> None:
        """Crash behind every event."""
        for point in range(1, len(self.disk.events) + 1):
            # What was not synced changes nothing when nothing of it survives.
            if leaves is not Leaves.NOTHING or isinstance(self.disk.events[point - 1], Synced | Done):
                for seed in SEEDS if leaves is Leaves.SOME else SEEDS[:1]:
                    self.check(point, leaves, seed)


def recorded(groups: Iterable[Sequence[Operation]], links: bool = True) -> Iterator[Recorded]:
    folder = tempfile.mkdtemp(prefix="mailframe-")
    try:
        # There are checkpoints among the work, and no group waits for others.
        with mock.patch.object(checkpoints, "WAL_PAGES", 24), mock.patch.object(database, "ENOUGH", 1):
            found = Recorded(folder, groups, links)
        yield found
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def singly() -> Iterator[Recorded]:
    yield from recorded([(operation,) for operation in WORK])


@pytest.fixture(scope="module")
def in_groups() -> Iterator[Recorded]:
    yield from recorded(GROUPS)


@pytest.fixture(scope="module")
def without_links() -> Iterator[Recorded]:
    yield from recorded([(operation,) for operation in WORK[:5]], links=False)


def test_the_work_writes_everywhere(singly: Recorded) -> None:
    events = [event for event in singly.disk.events if not isinstance(event, Done)]
    kinds = {(type(event).__name__, Path(event.path).suffix) for event in events}
    assert {("Wrote", ".sqlite3"), ("Wrote", ".sqlite3-wal"), ("Synced", ".sqlite3"), ("Synced", "")} <= kinds
    assert {("Made", ""), ("Made", ".sqlite3-wal"), ("Removed", "")} <= kinds


def test_groups_are_committed_as_groups(tmp_path: Path) -> None:
    sizes = []

    def counted(connection: apsw.Connection, jobs: Sequence[Any], real: Any = group.commit) -> None:
        sizes.append(len(jobs))
        real(connection, jobs)

    with mock.patch.object(group, "commit", counted), mock.patch.object(database, "ENOUGH", 1):
        Recorded(str(tmp_path), GROUPS)
    assert sizes == [len(each) for each in GROUPS]


@pytest.mark.parametrize("leaves", list(Leaves))
@pytest.mark.parametrize("work", ["singly", "in_groups", "without_links"])
def test_a_crash_anywhere_leaves_whole_operations(work: str, leaves: Leaves, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(work).check_all(leaves)


@pytest.mark.parametrize(
    "operation", [lambda data: deliver(data, big(data, "x"), ANN), lambda data: queued(data, "q", big(data, "x"))]
)
def test_a_commit_that_may_or_may_not_have_come_about_is_whole_after_a_crash(
    operation: Operation, tmp_path: Path
) -> None:
    """The log is written, and its sync fails: who asked is told no, and still a crash may bring it back."""
    disk = Disk()
    live = tmp_path / "live"
    with disk.recording():
        data = opened(str(live))
        now(data.add_account(ANN, "secret"))
        before = now(snapshot(data))
        disk.broken_database = True
        with pytest.raises(errors.InDoubt):
            now(operation(data))
        assert now(snapshot(data)) == before
        disk.broken_database = False
        shutil.copytree(live, tmp_path / "crashed", ignore=shutil.ignore_patterns("*-shm"))
        now(data.add_account(BOB, "secret"))
        now(data.stop())
    assert checked(str(tmp_path / "crashed")) != before
    assert list(checked(str(live))[0]) == [ANN, (ANN, "INBOX"), BOB, (BOB, "INBOX")]
    assert [os.listdir(live / name) for name in ("messages", "queue")] == [[], []]


def off(connection: apsw.Connection, name: str, *value: Any, real: Any = apsw.Connection.pragma) -> Any:
    return real(connection, name, *(("off",) if name == "synchronous" else value))


def no_file(path: str, real: Any = bodies._sync) -> None:
    if os.path.isdir(path):
        real(path)


def no_name(path: str, real: Any = bodies._sync) -> None:
    if not os.path.isdir(path):
        real(path)


def too_soon(connection: Any, messages: Sequence[int], real: Any = inserting.release) -> list[str]:
    gone: list[str] = real(connection, messages)
    folder = os.path.dirname(connection.filename)
    bodies.Files(os.path.join(folder, "messages")).drop(gone)
    return gone


async def hasty(self: Recorded, operation: Awaitable[Any], group: int) -> None:
    self.disk.events.append(Done(group))
    await operation


CARELESS: dict[str, Any] = {
    "the database does not sync": lambda: mock.patch.object(
        apsw, "Connection", type("Careless", (apsw.Connection,), {"pragma": off})
    ),
    "files are not synced": lambda: mock.patch.object(bodies, "_sync", no_file),
    "names of files are not synced": lambda: mock.patch.object(bodies, "_sync", no_name),
    "names of directories are not synced": lambda: mock.patch.object(durable, "sync_directory"),
    "files are removed before the commit": lambda: mock.patch.object(account_module, "release", too_soon),
    "an operation is acknowledged before it is done": lambda: mock.patch.object(Recorded, "_acknowledged", hasty),
}


def fails(found: Recorded, leaves: Leaves) -> bool:
    try:
        found.check_all(leaves)
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("fault", CARELESS)
def test_a_careless_store_is_found_out(fault: str, tmp_path: Path) -> None:
    """The test above can fail: each of these faults makes it."""
    with CARELESS[fault](), mock.patch.object(database, "ENOUGH", 1):
        found = Recorded(
            str(tmp_path), [(operation,) for operation in (*WORK[:5], WORK[21], lambda data: data.remove_account(ANN))]
        )
    assert any(fails(found, leaves) for leaves in (Leaves.NOTHING, Leaves.ALL, Leaves.SOME))
