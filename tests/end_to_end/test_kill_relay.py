"""A server that relays under load is killed again and again: what it promised arrives, and hardly anything twice."""

from __future__ import annotations

import random
import re
import shutil
import smtplib
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from mailframe.testing.process import RunningServer, free_offset

ROUNDS = 8
SENDERS = 4
DOMAINS = 3

CONFIGURATION = """
from mailframe import MX, Route, Server, SQLite
from mailframe.delivery.relay import ToSmarthost
from mailframe.queue.runner import Runner

data = SQLite({data!r})
routes = [Route("*", ToSmarthost("127.0.0.1:{sink}"))]
runner = Runner(data, routes)
mx = MX(routes, queue=runner, relay_from=["127.0.0.1/32"])
server = Server(
    "mx.example.org",
    run=[data, runner],
    listen=[("tcp:{port}:interface=127.0.0.1", mx)],
    nameservers=["127.0.0.1"],
)
"""


class Sink(socketserver.ThreadingTCPServer):
    """Takes mail, and remembers what it took in which round; sometimes it needs a while for its answer."""

    daemon_threads = True
    request_queue_size = 100  # else a connection may wait for seconds to be let in

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.round = 0
        self.took: list[tuple[str, int]] = []


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        try:
            self.serve()
        except OSError:
            pass  # the client was killed

    def serve(self) -> None:
        assert isinstance(self.server, Sink)
        self.wfile.write(b"220 sink\r\n")
        number = self.server.round
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.wfile.write(b"250-sink\r\n250 PIPELINING\r\n")
            elif verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = []
                while (line := self.rfile.readline()) != b".\r\n":
                    if not line:
                        return  # killed in the middle
                    lines.append(line)
                self.server.took.append((name(b"".join(lines)), number))
                if random.random() < 0.2:
                    time.sleep(0.01)
                self.wfile.write(b"250 taken\r\n")
            else:
                self.wfile.write(b"250 OK\r\n")


def name(data: bytes) -> str:
    found = re.search(rb"^Subject: (\S+)", data, re.MULTILINE)
    assert found is not None, data
    return found[1].decode()


class Sender(threading.Thread):
    """Sends until the server is gone; remembers what was promised."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__(name=name)
        self.port = port
        self.tried: list[str] = []
        self.promised: list[str] = []

    def run(self) -> None:
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as client:
                while True:
                    name = f"{self.name}-{len(self.tried)}"
                    self.tried.append(name)
                    to = f"bob@d{len(self.tried) % DOMAINS}.example"
                    client.sendmail("ann@example.org", [to], f"Subject: {name}\r\n\r\nHello\r\n")
                    self.promised.append(name)
        except (OSError, smtplib.SMTPException):
            pass  # it was killed


def queued(folder: Path) -> set[str]:
    """Return what is in the queue, as a look at a copy of the files tells; they stay as the kill left them."""
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for file in (folder / "data").glob("mail.sqlite3*"):
        if not file.name.endswith("-shm"):
            shutil.copy(file, copy)
    connection = apsw.Connection(str(copy / "mail.sqlite3"))
    found = {name(head) for (head,) in connection.execute("SELECT head FROM queued")}
    connection.close()
    return found


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def until(what: str, done: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end, what
        time.sleep(0.002)


def test_what_was_promised_arrives_and_twice_only_what_was_not_recorded(folder: Path, sink: Sink) -> None:
    chance = random.Random(7)
    offset = free_offset()
    text = CONFIGURATION.format(data=str(folder / "data"), sink=sink.server_address[1], port=25 + offset)
    (folder / "mail.py").write_text(text)
    promised: set[str] = set()
    tried: set[str] = set()
    waiting: list[set[str]] = []
    for number in range(ROUNDS):
        sink.round, before = number, len(sink.took)
        server = RunningServer(folder, ("--config", str(folder / "mail.py")), offset)
        server.start()
        senders = [Sender(server.port(25), f"r{number}s{each}") for each in range(SENDERS)]
        for sender in senders:
            sender.start()
        wanted = chance.randrange(1, 100)
        until("nothing arrives", lambda: len(sink.took) >= before + wanted)  # noqa: B023 - called at once
        server.kill()
        for sender in senders:
            sender.join(60)
            promised.update(sender.promised)
            tried.update(sender.tried)
        waiting.append(queued(folder))
    sink.round = ROUNDS
    with RunningServer(folder, ("--config", str(folder / "mail.py")), offset):
        until("not all arrives", lambda: promised <= {name for name, _round in sink.took})
        last = waiting[-1]
        until("the queue is not worked off", lambda: last <= {each for each, number in sink.took if number == ROUNDS})
    assert queued(folder) == set()
    took = [each for each, _round in sink.took]
    assert promised <= set(took) <= tried
    assert len(sink.took) == len(set(sink.took)), "taken twice within one life of the server"
    for each, number in sink.took:
        again = [later for name, later in sink.took if name == each and later > number]
        assert all(each in waiting[life] for later in again for life in range(number, later)), f"{each} in {again}"
