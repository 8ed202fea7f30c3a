"""The store is stopped after every write and every sync in turn: each operation is wholly there or not at all.

The state after a crash must be the one before the operation under way or the one behind it, and behind it if it was
acknowledged: so nothing is lost, nothing is there twice, nothing is half there, and no UID is given out anew.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import apsw
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mailframe.address import Address
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Delivered, Retry
from mailframe.interfaces import DELETED, FLAGGED, SEEN, Filing, StoreMode
from mailframe.site import Site
from mailframe.spool import Message
from mailframe.sqlite import SQLite, database
from tests.store.recording import Disk, Done, Leaves, Removed, Synced

ANN, BOB = Address.parse("ann@example.org"), Address.parse("bob@example.org")
NAMES = (str(ANN), str(BOB))
BIG = 400_000

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


def opened(folder: str) -> SQLite:
    data = SQLite(folder)
    now(data.start(Site("mx.example.org", Clock(), random=random.Random(len(folder)).randbytes)))
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


async def settled(data: SQLite) -> None:
    await data.queue.settle(2.0, {1: (Delivered(), None), 2: (Retry(), 50.0), 3: (Delivered(), None)})


WORK: tuple[Operation, ...] = (
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
    lambda data: data.queue.settle(3.0, {2: (Delivered(), None), 4: (Delivered(), None)}),
    renamed,
    deleted,
    lambda data: deliver(data, big(data, "five"), ANN),
    lambda data: data.add_alias(Address.parse("post@example.org"), [ANN]),
    lambda data: data.remove_account(BOB),
    lambda data: deliver(data, small("six"), ANN),
)


async def snapshot(data: SQLite) -> Any:
    """Return all that can be asked of the data."""
    mail = {}
    for name in NAMES:
        if (found := await data.find(Address.parse(name))) is None:
            continue
        for info in await (await data.open(name)).mailboxes():
            if info.selectable:
                box = await (await data.open(name)).mailbox(info.name)
                entries = (await box.entries()).entries
                messages = {uid: await box.read(uid) for uid in entries.uids}
                mail[found, info.name] = (await box.state(), entries, messages)
    assert data._kept is not None
    rows = data._kept.database.read("SELECT key, message, due, attempts, recipient FROM queued_recipient ORDER BY key")
    loaded = {row[1]: data.queue._load(row[1]) for row in rows}
    bodies = {number: (found[:3], bytes(found[3])) for number, found in loaded.items() if found is not None}
    assert len(bodies) == len(loaded)
    return mail, rows, bodies, await data.aliases()


def checked(folder: str) -> Any:
    """Open data after a crash; return what it holds."""
    data = opened(folder)
    try:
        assert data._kept is not None
        assert data._kept.database.read("PRAGMA integrity_check") == [("ok",)]
        for table, files in (("content", "messages"), ("queued", "queue")):
            named = data._kept.database.read(f"SELECT file FROM {table} WHERE file IS NOT NULL")  # noqa: S608
            assert set(os.listdir(os.path.join(folder, files))) == {name for (name,) in named}, "files"
        return now(snapshot(data))
    finally:
        now(data.stop())


class Recorded:
    """One run of the whole workload: the folder as it was before, what was written, and the state after each step."""

    def __init__(self, folder: str, work: tuple[Operation, ...] = WORK) -> None:
        self.folder = folder
        self.live = live = os.path.join(folder, "live")
        data = opened(live)
        for address in (ANN, BOB):
            now(data.add_account(address, "secret"))
        now(data.stop())
        self.disk = Disk({path: Path(path).read_bytes() for path in map(str, Path(live).glob("*.sqlite3"))})
        with self.disk.recording():
            data = opened(live)
            self.states = [now(snapshot(data))]
            for number, operation in enumerate(work):
                now(operation(data))
                self.disk.events.append(Done(number))
                self.states.append(now(snapshot(data)))
            now(data.stop())

    def crashed(self, point: int, leaves: Leaves) -> str:
        """Make the folder as a crash leaves it; return its path."""
        folder = os.path.join(self.folder, "crashed")
        shutil.rmtree(folder, ignore_errors=True)
        for path, data in self.disk.remains(point, leaves, random.Random(point)).items():
            copy = Path(folder, os.path.relpath(path, self.live))
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(data)
        return folder

    def check(self, point: int, leaves: Leaves) -> None:
        """Crash behind so many events, and compare."""
        done = sum(isinstance(event, Done) for event in self.disk.events[:point])
        found = checked(self.crashed(point, leaves))
        assert found in self.states[done : done + 2], f"after {done} operations, event {point}, {leaves}"


@pytest.fixture(scope="module")
def recorded() -> Iterator[Recorded]:
    folder = tempfile.mkdtemp(prefix="mailframe-")
    with mock.patch.object(database, "WAL_PAGES", 24):  # so that there are checkpoints among the work
        yield Recorded(folder)
    shutil.rmtree(folder)


def test_the_work_writes_everywhere(recorded: Recorded) -> None:
    events = [event for event in recorded.disk.events if not isinstance(event, Done)]
    kinds = {(type(event).__name__, Path(event.path).suffix) for event in events}
    assert {("Wrote", ".sqlite3"), ("Wrote", ".sqlite3-wal"), ("Synced", ".sqlite3"), ("Synced", "")} <= kinds
    assert {("Linked", ""), ("Removed", "")} <= kinds


@pytest.mark.parametrize("leaves", list(Leaves))
def test_a_crash_anywhere_leaves_whole_operations(recorded: Recorded, leaves: Leaves) -> None:
    events = recorded.disk.events
    for point in range(1, len(events) + 1):
        # What was not synced changes nothing when nothing of it survives.
        if leaves is Leaves.ALL or isinstance(events[point - 1], Synced | Removed | Done):
            recorded.check(point, leaves)


@pytest.mark.parametrize("careless", ["synchronous", "bodies"])
def test_a_store_that_does_not_sync_is_found_out(careless: str, tmp_path: Path) -> None:
    """The test above can fail: a store that acknowledges what is not durable does not pass it."""
    real = apsw.Connection.pragma

    def pragma(connection: apsw.Connection, name: str, *value: Any) -> Any:
        return real(connection, name, *(("off",) if name == "synchronous" else value))

    patch = (
        mock.patch.object(apsw, "Connection", type("Careless", (apsw.Connection,), {"pragma": pragma}))
        if careless == "synchronous"
        else mock.patch("mailframe.bodies._sync", return_value=None)
    )
    with patch:
        found = Recorded(str(tmp_path), WORK[:4])
    with pytest.raises(Exception, match=r"after 4 operations|files"):
        found.check(len(found.disk.events), Leaves.NOTHING)
