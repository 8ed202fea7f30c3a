"""Reading: fetches of whole mailboxes, small commands, and how fast an idle client hears of new mail."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from tests.bench import peers
from tests.bench.corpus import corpus
from tests.bench.imap_client import Imap
from tests.bench.report import Row

FLAGS = "FETCH 1:* (FLAGS UID)"
ENVELOPES = "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"
COMMANDS = (
    # mailbox, command, wanted ratio against the peer's warm figure
    ("big", FLAGS, 1.0),
    ("small", FLAGS, 0.0),
    ("small", ENVELOPES, 3.0),
    ("small", "FETCH 1:* (UID BODYSTRUCTURE)", 0.0),
    ("small", "FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE)])", 0.0),
    ("small", "FETCH 1:1000 (UID BODY.PEEK[])", 0.0),
    ("small", "UID SEARCH UNSEEN", 0.0),
    ("small", "UID SEARCH SUBJECT holiday", 0.0),
    ("small", "STORE 1:* +FLAGS.SILENT (\\Flagged)", 0.0),
)
SMALL, BIG = 10_000, 100_000


def _timed(peer: peers.Peer, mailbox: str, command: str, runs: int) -> float:
    """Return the median of several runs on connections of their own, in milliseconds."""
    times = []
    for _ in range(runs):
        client = Imap(peer.imap, peer.user, peer.password)
        client.command(f"SELECT {mailbox}")
        times.append(client.command(command).milliseconds)
        client.command("STORE 1:* -FLAGS.SILENT (\\Flagged)") if "+FLAGS" in command else None
        client.close()
    return statistics.median(times)


def _idle_latency(peer: peers.Peer, runs: int = 20) -> float:
    """Return the median time from an APPEND's OK to the EXISTS in another session's IDLE, in milliseconds."""
    waiting, writing = (Imap(peer.imap, peer.user, peer.password) for _ in range(2))
    waiting.command("SELECT idle")
    waiting.socket.sendall(b"x IDLE\r\n")
    waiting.socket.recv(4096)
    times = []
    message = corpus(1)[0]
    for _ in range(runs):
        start = time.perf_counter()
        writing.fill("idle", [message])
        heard = b""
        while b"EXISTS" not in heard:
            heard += waiting.socket.recv(4096)
        times.append((time.perf_counter() - start) * 1000)
        time.sleep(0.05)  # let the rest of the notice (RECENT) arrive before the next one
    waiting.socket.sendall(b"DONE\r\n")
    return statistics.median(times)


def _small_commands(peer: peers.Peer, count: int = 3000) -> float:
    """Return mixed small commands per second on one connection."""
    client = Imap(peer.imap, peer.user, peer.password)
    client.command("SELECT small")
    start = time.perf_counter()
    for number in range(count // 4):
        at = 1 + number * 37 % SMALL
        client.command(f"FETCH {at} (UID BODY.PEEK[])")
        client.command(f"STORE {at} {'+-'[number % 2]}FLAGS (\\Answered)")
        client.command("NOOP")
        client.command("STATUS small (MESSAGES UNSEEN UIDNEXT)")
    return count / (time.perf_counter() - start)


def run(runs: int = 5) -> list[Row]:
    """Fill both servers with the same mail and measure all of it."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="mailframe-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with peers.dovecot(folder) as theirs, peers.mailframe(folder) as ours:
            _fill(theirs)
            _fill(ours)
            for mailbox, command, wanted in COMMANDS:
                count = BIG if mailbox == "big" else SMALL
                figures = [_timed(peer, mailbox, command, runs) for peer in (theirs, ours)]
                rows.append(Row(f"`{command}`, {count:,} messages", "Dovecot", figures[0], figures[1], "ms", wanted))
            figures = [_small_commands(peer) for peer in (theirs, ours)]
            rows.append(Row("small commands mixed, 1 connection", "Dovecot", figures[0], figures[1], "/s"))
            figures = [_idle_latency(peer) for peer in (theirs, ours)]
            rows.append(Row("EXISTS in IDLE after APPEND", "Dovecot", figures[0], figures[1], "ms"))
    return rows


def _fill(peer: peers.Peer) -> None:
    client = Imap(peer.imap, peer.user, peer.password)
    messages = corpus(SMALL)
    for mailbox in ("small", "big", "idle"):
        client.command(f"CREATE {mailbox}")
    client.fill("small", messages)
    short = [message[:1200] for message in messages]
    for _ in range(BIG // SMALL):
        client.fill("big", short)
    client.close()
