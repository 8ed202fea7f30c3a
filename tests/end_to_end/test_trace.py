"""C{mailframe trace} beside a real server and without it, and after one that was killed."""

from __future__ import annotations

import json
import smtplib
import sqlite3
import time
from pathlib import Path

from mailframe.testing.process import RunningServer, mailframe

CONFIG = """
from mailframe import MX, Route, Server, SQLite, ToMailbox

data = SQLite({data!r})
routes = [Route("example.org", ToMailbox(data))]
server = Server("mx.example.org", run=[data], nameservers=(), listen=[("tcp:{port}:interface=127.0.0.1", MX(routes))])
"""
MESSAGE = b"From: eve@example.net\r\nMessage-ID: <%s@example.net>\r\nSubject: hello\r\n\r\nText\r\n"


def configured(folder: Path) -> tuple[RunningServer, str]:
    """A server that knows ann@example.org, and the configuration that it runs by."""
    file = folder / "mail.py"
    server = RunningServer(folder, ("--config", str(file)))
    file.write_text(CONFIG.format(data=str(folder / "data"), port=server.port(25)))
    added = mailframe("--config", str(file), "user", "add", "ann@example.org", "--password-stdin", stdin="geheim\n")
    assert (added.returncode, added.stderr) == (0, "")
    return server, str(file)


def send(server: RunningServer, to: list[str], name: bytes) -> dict[str, tuple[int, bytes]]:
    with smtplib.SMTP("127.0.0.1", server.port(25), "client.example.net", timeout=30) as client:
        return client.sendmail("eve@example.net", to, MESSAGE % name)


def trace(file: str, *arguments: str) -> tuple[int, list[str], str]:
    done = mailframe("--config", file, "trace", *arguments)
    return done.returncode, done.stdout.splitlines(), done.stderr


def test_what_was_stored_and_what_was_refused_is_told_by_the_running_server_and_without_it(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    server, file = configured(folder)
    with server:
        assert list(send(server, ["ann@example.org", "nobody@example.org"], b"1")) == ["nobody@example.org"]
        status, found, errors = trace(file, "<1@example.net>")
        assert (status, errors) == (0, "")
        refused, arrived, delivered = found
        number = arrived.split()[2]
        assert f" {number} refused recipient at mx from 127.0.0.1 (client.example.net): " in refused
        assert refused.endswith("to <nobody@example.org>: 550 5.1.1 No such user here")
        assert f"{number} arrived at mx from 127.0.0.1 (client.example.net), no TLS: from <eve@example.net>" in arrived
        assert delivered.endswith(f"{number} delivered for <ann@example.org>: INBOX of ann@example.org")

        status, found, errors = trace(file, "nobody@example.org", "--json")
        assert (status, errors) == (0, "")
        [event] = map(json.loads, found)
        assert (event["kind"], event["code"], event["recipients"]) == ("refused", 550, ["nobody@example.org"])
        assert abs(event["time"] - time.time()) < 600

        status, found, errors = trace(file, "stranger@example.org")
        assert (status, found) == (1, [])
        assert errors.startswith("mailframe: nothing is known of 'stranger@example.org': ")
        assert errors.count("\n") == 1
        running = trace(file, "<1@example.net>"), trace(file, number), trace(file, "ann@example.org", "--json")
    assert (trace(file, "<1@example.net>"), trace(file, number), trace(file, "ann@example.org", "--json")) == running


def test_a_kill_does_no_harm_to_the_journal(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    server, file = configured(folder)
    server.start()
    for number in range(100):
        send(server, ["ann@example.org"], b"%d" % number)
    assert len(arrivals(file)) == 100  # what is asked for is written before
    for number in range(100, 120):
        send(server, ["ann@example.org"], b"%d" % number)
    server.kill()
    with server:
        send(server, ["ann@example.org"], b"last")
        found = arrivals(file)
    assert 101 <= len(found) <= 121
    assert found[0] == "last@example.net"
    assert found[-100:] == [f"{number}@example.net" for number in range(99, -1, -1)]
    with sqlite3.connect(folder / "data" / "mail.sqlite3") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def arrivals(file: str) -> list[str]:
    """Return the Message-IDs of what came, the latest first; each message has its arrival and its delivery."""
    status, found, errors = trace(file, "ann@example.org", "--limit", "0", "--json")
    assert (status, errors) == (0, "")
    events = [json.loads(line) for line in found]
    assert [event["kind"] for event in events] == ["arrived", "handed"] * (len(events) // 2)
    return [event["message_id"] for event in events[::2]]
