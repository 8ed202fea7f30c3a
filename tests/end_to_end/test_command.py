"""The C{mailframe} command beside a running server and without one."""

from __future__ import annotations

import imaplib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mailframe.address import Address
from mailframe.envelope import Envelope, Recipient
from mailframe.inline import inline_site, now
from mailframe.spool import Message
from mailframe.sqlite import SQLite
from mailframe.testing.process import RunningServer, mailframe

ANN = "ann@localhost"


def login(server: RunningServer, user: str, password: str) -> bool:
    client = imaplib.IMAP4("127.0.0.1", server.port(143), timeout=30)
    try:
        client.login(user, password)
    except imaplib.IMAP4.error:
        return False
    finally:
        client.logout()
    return True


@pytest.mark.parametrize("running", [True, False])
def test_accounts_are_added_changed_listed_and_removed(folder: Path, running: bool) -> None:
    with RunningServer(folder) as server:
        data = ("--data", str(server.data))

        def command(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
            if not running:
                assert server.stop() == 0
            done = mailframe(*data, *arguments, stdin=stdin)
            if not running:
                server.start()
            return done.returncode, done.stdout, done.stderr

        assert command("user", "add", ANN, "--password-stdin", stdin="geheim\n") == (0, "", "")
        assert login(server, "ann", "geheim")
        assert command("user", "list")[1] == f"{ANN}\nme@localhost\n"
        assert command("user", "password", ANN, "--password-stdin", stdin="anders\n") == (0, "", "")
        assert login(server, "ann", "anders")
        assert not login(server, "ann", "geheim")
        assert command("alias", "add", "team@localhost", ANN, "me@localhost") == (0, "", "")
        assert command("alias", "list")[1] == "team@localhost -> ann@localhost, me@localhost\n"
        assert command("alias", "remove", "team@localhost") == (0, "", "")
        assert command("user", "remove", ANN) == (0, "", "")
        assert command("user", "list")[1] == "me@localhost\n"
        assert not login(server, "ann", "anders")


@pytest.mark.parametrize("running", [True, False])
def test_what_cannot_be_done_is_one_line_and_status_1(folder: Path, running: bool) -> None:
    with RunningServer(folder) as server:
        if not running:
            assert server.stop() == 0
        for arguments in (["user", "add", "me@localhost"], ["user", "remove", "no@localhost"], ["user", "add", "x"]):
            done = mailframe("--data", str(server.data), *arguments)
            assert (done.returncode, done.stdout) == (1, ""), done
            assert len(done.stderr.splitlines()) == 1
            assert done.stderr.startswith("mailframe: ")


def test_a_password_is_made_up_when_none_is_given(folder: Path) -> None:
    with RunningServer(folder) as server:
        done = mailframe("--data", str(server.data), "user", "add", ANN)
        password = done.stdout.removeprefix("password: ").strip()
        assert len(password) == 16
        assert login(server, "ann", password)


def test_without_data_it_says_what_to_do(folder: Path) -> None:
    done = mailframe("--data", str(folder / "none"), "user", "list")
    assert done.returncode == 1
    assert "no data here" in done.stderr


def test_a_wrong_call_is_status_2() -> None:
    assert mailframe("user", "ad").returncode == 2
    assert mailframe("--data", "a", "--config", "b", "user", "list").returncode == 2


def test_the_first_configuration_runs_as_it_is_written(folder: Path) -> None:
    home = folder / "home"
    done = mailframe("init", str(home), "--domain", "example.net")
    assert done.returncode == 0, done.stderr
    file = str(home / "mail.py")
    assert mailframe("check", file).returncode == 0
    again = mailframe("init", str(home))
    assert (again.returncode, "is there already" in again.stderr) == (1, True)
    assert mailframe("--config", file, "user", "add", "ann@example.net").returncode == 0
    assert mailframe("--config", file, "user", "list").stdout == "ann@example.net\n"


def test_help_comes_at_once() -> None:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        assert mailframe("--help").returncode == 0
        times.append(time.perf_counter() - start)
    assert min(times) < 0.25 + 2 * _bare_start()  # nothing heavy is imported; the rest is Python's own start


def _bare_start() -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import click"], check=True, env=dict(os.environ))
    return time.perf_counter() - start


def test_the_queue_of_a_running_server_is_looked_into_and_changed(folder: Path) -> None:
    with RunningServer(folder) as server:
        assert server.stop() == 0
        data = SQLite(str(server.data))
        now(data.start(inline_site()))
        to = tuple(Recipient(Address(f"r{number}", "example.net")) for number in range(700))
        now(data.queue.put("m1", Envelope(None, to), Message.from_bytes(b"A: b\r\n\r\n"), 1000.0))
        now(data.stop())
        server.start()
        command = ("--data", str(server.data), "queue")
        listed = mailframe(*command, "list", "--limit", "0", "--json").stdout.splitlines()
        assert [json.loads(line)["recipient"] for line in listed] == [str(each.address) for each in to]
        assert mailframe(*command, "hold", "--recipient", "r7@example.net").stdout == "1 recipient: held\n"
        assert mailframe(*command, "remove", "--state", "due", "--yes").stdout == "699 recipients: removed\n"
        assert "held, 0 attempts made" in mailframe(*command, "show", "m1").stdout
        nothing = mailframe(*command, "retry", "m1")
        assert (nothing.returncode, nothing.stderr) == (1, "mailframe: nothing in the queue matches\n")
