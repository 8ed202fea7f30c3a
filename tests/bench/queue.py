"""A server with a million queued recipients beside the same server with an empty queue: start, memory, accepting."""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import apsw
from attrs import evolve, field, frozen

from mailframe.address import Address
from mailframe.envelope import Envelope, Recipient
from mailframe.inline import inline_site, now
from mailframe.queue import flows
from mailframe.sqlite import SQLite
from mailframe.sqlite.database import Database
from tests.bench import peers
from tests.bench.memory import private_megabytes
from tests.bench.report import Row
from tests.bench.smtp import Load, send

MESSAGES, RECIPIENTS_EACH = 250_000, 4
DOMAINS, SENDERS = 50_000, 5_000
"""They meet at random, so that nearly each recipient has a flow of its own: the most that there can be."""
TOGETHER = 5_000
"""Messages a transaction, while the queue is filled."""
EARLIEST, LATEST = 3600.0, 24 * 3600.0
"""Seconds until they are due: nothing of them is sent while we measure."""
CLOSED_PORT = 14099
"""Nobody listens here: what is queued meanwhile stays."""
BODY = b"What waits in a queue for hours is mostly small.\r\n" * 20

LOADS = {
    "bench.test": Load("into a mailbox", 10, 4096, 6000, True, 0.8),
    "held.test": Load("into the queue", 10, 4096, 4000, True, 0.8),
}
"""What is sent, by the domain to which it goes."""

_CONFIGURATION = """\
from mailframe import MX, Route, Runner, Server, SQLite, ToMailbox, ToMX
from mailframe.delivery.relay import ToSmarthost

data = SQLite({{data!r}})
routes = [
    Route("bench.test", ToMailbox(data)),
    Route("held.test", ToSmarthost("127.0.0.1:{closed}")),
    Route("*", ToMX()),
]
runner = Runner(data, routes)
server = Server(
    "bench.test",
    run=[data, runner],
    listen=[("tcp:{{port}}:interface=127.0.0.1", MX(routes, queue=runner))],
    nameservers=["127.0.0.1"],
)
"""


@frozen
class Measured:
    """What was measured of one of the two, a figure each round."""

    milliseconds: list[float] = field(factory=list)
    megabytes: list[float] = field(factory=list)
    rates: dict[str, list[float]] = field(factory=lambda: {domain: [] for domain in LOADS})


def _content(number: int, chance: random.Random, created: float) -> flows.Content:
    sender = Address("news", f"s{chance.randrange(SENDERS)}.from.test")
    to = [Address(f"u{number}", f"d{domain}.to.test") for domain in chance.sample(range(DOMAINS), RECIPIENTS_EACH)]
    head = f"From: {sender}\r\nSubject: No. {number}\r\nMessage-ID: <{number}@from.test>\r\n\r\n".encode()
    envelope = Envelope(sender, tuple(Recipient(address) for address in to))
    return flows.Content(f"{number:012x}", envelope, created, head, BODY, None, len(BODY))


def _put(connection: Any, chance: random.Random, numbers: Iterable[int]) -> None:
    created = time.time()
    for number in numbers:
        flows.put(connection, _content(number, chance, created), created + chance.uniform(EARLIEST, LATEST))


def _make(directory: Path) -> None:
    """Make a data directory with one account."""
    data = SQLite(directory)
    now(data.start(inline_site()))
    now(data.add_account(Address("u", "bench.test"), "a password"))
    now(data.stop())


def _fill(directory: Path) -> None:
    """Queue all messages in a data directory that no server has open."""
    database, chance = Database(str(directory / "mail.sqlite3")), random.Random(1)
    database.open()
    for first in range(0, MESSAGES, TOGETHER):
        numbers = range(first, min(first + TOGETHER, MESSAGES))
        now(database.write(partial(_put, chance=chance, numbers=numbers)))
    database.close()


def _check(folder: Path, before: int, rounds: int) -> None:
    """Raise unless a server has left in its queue what was there before and all that came."""
    connection = apsw.Connection(str(folder / "mailframe-0" / "data" / "mail.sqlite3"), flags=apsw.SQLITE_OPEN_READONLY)
    [(queued,)] = connection.execute("SELECT count(*) FROM queued_recipient")
    connection.close()
    expected = before + rounds * LOADS["held.test"].messages
    if queued != expected:
        raise RuntimeError(f"{queued} recipients are queued in {folder}, not {expected}")


def _measure(folder: Path, found: Measured) -> None:
    """Run a server on its data once."""
    start = time.perf_counter()
    with peers.configured(folder, _CONFIGURATION.format(closed=CLOSED_PORT)) as server:
        found.milliseconds.append(1000 * (time.perf_counter() - start))
        for domain, load in LOADS.items():
            found.rates[domain].append(send(evolve(server, recipient=f"u@{domain}"), load, lambda: True))
        found.megabytes.append(private_megabytes(server.pid))


def _rows(empty: Measured, full: Measured) -> list[Row]:
    peer, beside = "empty queue", f"{MESSAGES * RECIPIENTS_EACH:,} queued recipients"
    middle = statistics.median
    accepted = [
        Row(
            f"accept durably {load.name}, {beside}",
            peer,
            middle(empty.rates[domain]),
            middle(full.rates[domain]),
            "/s",
            load.wanted,
        )
        for domain, load in LOADS.items()
    ]
    return [
        Row(
            f"start until SMTP greets, {beside}", peer, middle(empty.milliseconds), middle(full.milliseconds), "ms", 0.5
        ),
        Row(f"private memory, {beside}", peer, middle(empty.megabytes), middle(full.megabytes), "MB", 0.5),
        *accepted,
    ]


def run(rounds: int = 5) -> list[Row]:
    """Fill one queue, and measure a server with it and one without, turn by turn."""
    with tempfile.TemporaryDirectory(prefix="mailframe-bench-") as name:
        kinds = {Path(name) / kind: Measured() for kind in ("empty", "full")}
        empty, full = kinds
        for folder in kinds:
            (folder / "mailframe-0").mkdir(parents=True)
            _make(folder / "mailframe-0" / "data")
        start = time.perf_counter()
        _fill(full / "mailframe-0" / "data")
        print(f"queue: {MESSAGES * RECIPIENTS_EACH:,} recipients queued in {time.perf_counter() - start:.0f} s")
        for _ in range(rounds):
            for folder, found in kinds.items():
                _measure(folder, found)
                print(f"queue, {folder.name}: {found}")
        _check(empty, 0, rounds)
        _check(full, MESSAGES * RECIPIENTS_EACH, rounds)
        return _rows(kinds[empty], kinds[full])
