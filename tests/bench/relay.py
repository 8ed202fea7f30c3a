"""Relaying: accepted durably, queued, delivered to smtp-sink and settled, by Postfix and by mailframe."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw

from tests.bench import peers
from tests.bench.report import Row

FIRST_SINK = 14100
DESTINATIONS = (1, 10, 100)
"""Domains, each with a server of its own."""
MESSAGES = 6000
SESSIONS = 10
OCTETS = 4096

_MASTER_CF = """\
smtp      unix - - n - - smtp
"""

_MAIN_CF = """\
transport_maps = texthash:{transports}
smtp_dns_support_level = disabled
"""

_CONFIGURATION = """\
from mailframe import MX, Route, Server, SQLite
from mailframe.delivery.relay import ToMX, ToSmarthost
from mailframe.queue.runner import Runner

data = SQLite({{data!r}})
ports = range({first}, {first} + {count})
routes = [
    Route(f"d{{{{number}}}}.bench.test", ToSmarthost(f"127.0.0.1:{{{{port}}}}")) for number, port in enumerate(ports)
]
routes.append(Route("*", ToMX()))  # reports have a way
runner = Runner(data, routes)
server = Server(
    "bench.test",
    run=[data, runner],
    listen=[("tcp:{{port}}:interface=127.0.0.1", MX(routes, queue=runner))],
    nameservers=["127.0.0.1"],
)
"""


@contextlib.contextmanager
def _sinks(count: int) -> Iterator[None]:
    """Run a sink for each destination; what they take is gone."""
    command = ["smtp-sink", "-u", "nobody"]
    running = [subprocess.Popen([*command, f"127.0.0.1:{FIRST_SINK + number}", "100"]) for number in range(count)]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
            process.wait()


def _send(port: int, destinations: int) -> None:
    """Send all messages, in so many sessions at once; each session has several destinations, one after the other."""
    command = ["smtp-source", "-l", str(OCTETS), "-d", "-f", "sender@from.test"]

    def one(number: int, sessions: int, messages: int) -> None:
        options = ["-s", str(sessions), "-m", str(messages), "-t", f"u@d{number}.bench.test"]
        subprocess.run([*command, *options, f"127.0.0.1:{port}"], check=True, timeout=600)

    if destinations == 1:
        one(0, SESSIONS, MESSAGES)
        return
    with ThreadPoolExecutor(SESSIONS) as pool:
        list(pool.map(lambda number: one(number, 1, MESSAGES // destinations), range(destinations)))


def _timed(port: int, destinations: int, settled: Callable[[], bool]) -> float:
    """Return messages per second until everything is delivered and settled."""
    os.sync()  # what the other one left to be written is not to be paid for in this turn
    start = time.perf_counter()
    _send(port, destinations)
    while not settled():
        time.sleep(0.01)
    return MESSAGES / (time.perf_counter() - start)


def _queue_is_empty(peer: peers.Peer) -> Callable[[], bool]:
    connection = apsw.Connection(str(peer.root / "data" / "mail.sqlite3"), flags=apsw.SQLITE_OPEN_READONLY)
    return lambda: not connection.execute("SELECT 1 FROM queued LIMIT 1").fetchall()


def _compare(folder: Path, destinations: int, rounds: int) -> list[Row]:
    """Measure with so many destinations, us without workers and with one."""
    transports = folder / "transports"
    names = {f"d{number}.bench.test": FIRST_SINK + number for number in range(destinations)}
    transports.write_text("".join(f"{name} smtp:[127.0.0.1]:{port}\n" for name, port in names.items()))
    configuration = _CONFIGURATION.format(first=FIRST_SINK, count=destinations)
    rows = []
    with _sinks(destinations), peers.postfix(folder, _MAIN_CF.format(transports=transports), _MASTER_CF) as postfix:
        for workers in (0, 1):
            theirs, mine = [], []
            with peers.configured(folder, configuration, workers) as ours:
                settled = _queue_is_empty(ours)
                for _ in range(rounds):
                    theirs.append(_timed(postfix.smtp, destinations, lambda: peers.postfix_is_idle(postfix)))
                    mine.append(_timed(ours.smtp, destinations, settled))
            what = f"relay 4 KiB messages, {SESSIONS} sessions, {destinations} destination{'s' * (destinations > 1)}"
            what += ", 1 worker" * workers
            rows.append(Row(what, "Postfix", statistics.median(theirs), statistics.median(mine), "/s", 3.0))
    return rows


def run(rounds: int = 3) -> list[Row]:
    """Measure with few and with many destinations."""
    rows = []
    for destinations in DESTINATIONS:
        with tempfile.TemporaryDirectory(prefix="mailframe-bench-") as name:
            folder = Path(name)
            folder.chmod(0o755)
            rows += _compare(folder, destinations, rounds)
    return rows
