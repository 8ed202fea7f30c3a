"""A loaded server is killed again and again: what it answered with 250 is there once and whole, and nothing half."""

from __future__ import annotations

import hashlib
import imaplib
import random
import re
import smtplib
import threading
import time
from pathlib import Path

from mailframe.testing.process import RunningServer

ROUNDS = 12
SENDERS = 4
BIG = 400_000
"""Octets of a message whose body is kept in a file."""


def message(name: str, chance: random.Random) -> bytes:
    """Return mail that tells by itself whether it is whole."""
    size = BIG if chance.random() < 0.1 else chance.randrange(100, 6000)
    lines = "".join(f"{chance.getrandbits(280):070x}\r\n" for _ in range(size // 72 + 1))
    digest = hashlib.sha256(lines.encode()).hexdigest()
    return f"Subject: {name}\r\nX-Digest: {digest}\r\n\r\n{lines}".encode()


class Sender(threading.Thread):
    """Sends until the server is gone; remembers what was promised."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__(name=name)
        self.port = port
        self.promised: list[str] = []

    def run(self) -> None:
        chance = random.Random(self.name)
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=30) as client:
                while True:
                    name = f"{self.name}-{len(self.promised)}"
                    client.sendmail("ann@example.org", ["anybody@example.com"], message(name, chance))
                    self.promised.append(name)
        except (OSError, smtplib.SMTPException):
            pass  # it was killed


def kept(server: RunningServer) -> list[str]:
    """Return the subjects of all messages, after a look at each whether it is whole."""
    client = imaplib.IMAP4("127.0.0.1", server.port(143), timeout=60)
    client.login("me", server.password)
    [count] = client.select("INBOX", readonly=True)[1]
    assert count is not None
    if int(count) == 0:
        return []
    names = []
    for part in client.fetch("1:*", "(RFC822.SIZE BODY.PEEK[])")[1]:
        if not isinstance(part, tuple):
            continue
        size = re.search(rb"RFC822.SIZE (\d+)", part[0])
        assert size is None or int(size[1]) == len(part[1])
        header, _, body = part[1].partition(b"\r\n\r\n")
        name = re.search(rb"^Subject: (\S+)", header, re.MULTILINE)
        digest = re.search(rb"^X-Digest: (\w+)", header, re.MULTILINE)
        assert name is not None
        assert digest is not None
        assert hashlib.sha256(body).hexdigest() == digest[1].decode(), f"{name[1]!r} is not whole"
        names.append(name[1].decode())
    client.logout()
    return names


def test_nothing_promised_is_lost_and_nothing_is_there_twice_or_half(folder: Path) -> None:
    chance = random.Random(7)
    promised: set[str] = set()
    for number in range(ROUNDS):
        server = RunningServer(folder)
        server.start()
        senders = [Sender(server.port(25), f"r{number}s{each}") for each in range(SENDERS)]
        for sender in senders:
            sender.start()
        _until_some_arrived(senders, chance.randrange(1, 60))
        server.kill()
        for sender in senders:
            sender.join(60)
            promised.update(sender.promised)
    with RunningServer(folder) as server:
        there = kept(server)
    assert len(there) == len(set(there))
    assert promised <= set(there)
    # A message may have become durable without its sender having heard of it: one for each at each kill, no more.
    assert len(there) - len(promised) <= ROUNDS * SENDERS
    files = [path for path in (folder / "data").rglob("*") if path.is_file() and path.stat().st_size >= BIG // 2]
    big = [path for path in files if "mail" not in path.name and path.suffix == ""]
    assert len(big) <= len(there), "bodies of messages that never were"


def _until_some_arrived(senders: list[Sender], count: int) -> None:
    end = time.monotonic() + 60
    while sum(len(sender.promised) for sender in senders) < count:
        assert time.monotonic() < end, "nothing arrives"
        assert any(sender.is_alive() for sender in senders)
        time.sleep(0.001)
