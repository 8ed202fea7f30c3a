"""Durable accept into a mailbox: Postfix's own smtp-source against Postfix (Maildir) and against mailframe."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from tests.bench import peers
from tests.bench.report import Row

WORKERS = 2
"""For a load of many sessions: as many as there are cores."""


@frozen
class Load:
    """One way to send: as many sessions at once, so many messages of that many octets."""

    name: str
    sessions: int
    octets: int
    messages: int
    keep: bool
    wanted: float


LOADS = (
    Load("4 KiB, 10 sessions kept", 10, 4096, 8000, True, 4.0),
    Load("4 KiB, 10 sessions, a connection each message", 10, 4096, 5000, False, 3.0),
    Load("4 KiB, 1 session kept", 1, 4096, 2000, True, 0.0),
    Load("4 KiB, 100 sessions kept", 100, 4096, 8000, True, 0.0),
    Load("1 MiB, 10 sessions kept", 10, 1 << 20, 400, True, 1.5),
)


def send(peer: peers.Peer, load: Load, delivered: Callable[[], bool]) -> float:
    """Send once; return messages per second until the last one is in the mailbox."""
    os.sync()  # what the other one left to be written is not to be paid for in this turn
    command = ["smtp-source", "-s", str(load.sessions), "-l", str(load.octets), "-m", str(load.messages)]
    command += ["-d"] * load.keep + ["-f", "sender@bench.test", "-t", peer.recipient, f"127.0.0.1:{peer.smtp}"]
    start = time.perf_counter()
    subprocess.run(command, check=True, timeout=300)
    while not delivered():
        time.sleep(0.01)
    return load.messages / (time.perf_counter() - start)


def run(rounds: int = 3) -> list[Row]:
    """Measure all loads on both, turn by turn, and the one with most sessions with workers, too."""
    with tempfile.TemporaryDirectory(prefix="mailframe-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with peers.postfix(folder) as postfix:
            rows = []
            for workers, loads in ((0, LOADS), (WORKERS, [load for load in LOADS if load.sessions == 100])):
                with peers.mailframe(folder, workers) as ours:
                    rows += [_compare(postfix, ours, load, workers, rounds) for load in loads]
    return rows


def _compare(postfix: peers.Peer, ours: peers.Peer, load: Load, workers: int, rounds: int) -> Row:
    theirs, mine = [], []
    for _ in range(rounds):
        theirs.append(send(postfix, load, lambda: peers.postfix_is_idle(postfix)))
        mine.append(send(ours, load, lambda: True))
    what = f"accept durably, {load.name}" + f", {workers} workers" * bool(workers)
    return Row(what, "Postfix", statistics.median(theirs), statistics.median(mine), "/s", load.wanted)
