"""Memory while 1 GiB of large messages streams in over SMTP and out over IMAP: it must stay flat."""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from pathlib import Path

from tests.bench import peers
from tests.bench.imap_client import Imap
from tests.bench.report import Row

MESSAGES, OCTETS = 40, 26 << 20


def private_megabytes(pid: int) -> float:
    """Return the process's own memory; pages of mapped files are the page cache's."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no RssAnon in /proc")


class _Watch(threading.Thread):
    """Remembers the most memory seen."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.most, self.going = pid, 0.0, True

    def run(self) -> None:
        while self.going:
            self.most = max(self.most, private_megabytes(self.pid))
            time.sleep(0.01)


def run() -> list[Row]:
    """Print nothing to compare with: the figure is the growth over the idle server."""
    with tempfile.TemporaryDirectory(prefix="mailframe-bench-") as name, peers.mailframe(Path(name)) as ours:
        idle = private_megabytes(ours.pid)
        watch = _Watch(ours.pid)
        watch.start()
        command = ["smtp-source", "-s", "4", "-d", "-l", str(OCTETS), "-m", str(MESSAGES), "-f", "a@bench.test"]
        subprocess.run([*command, "-t", ours.recipient, f"127.0.0.1:{ours.smtp}"], check=True, timeout=600)
        received = watch.most
        client = Imap(ours.imap, ours.user, ours.password)
        client.command("SELECT INBOX")
        octets = client.command("FETCH 1:* (BODY.PEEK[])").octets
        if octets < MESSAGES * OCTETS:
            raise RuntimeError(f"only {octets} octets came back")
        client.close()
        watch.going = False
        watch.join()
    return [
        Row("private memory, 1 GiB received in 26 MiB messages", "idle server", idle, received, "MB"),
        Row("private memory, and fetched again", "idle server", idle, watch.most, "MB"),
    ]
