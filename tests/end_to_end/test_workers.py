"""C{twistd mailframe --workers}: several processes serve clients, and are one server to them."""

from __future__ import annotations

import imaplib
import json
import os
import poplib
import re
import signal
import smtplib
import socket
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from mailframe.testing.process import RunningServer, environment, mailframe, twistd
from tests.end_to_end.test_kill import Sender, _until_some_arrived, kept
from tests.end_to_end.test_running import _wait_until_refused

ME = "me@localhost"


def workers_of(server: RunningServer) -> list[int]:
    """Return their process ids."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return [pid for pid in map(int, children) if b"mailframe.workers" in _command_of(pid)]


def _command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has just ended
        return b""


def until(true: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def send(server: RunningServer, subject: str) -> None:
    with smtplib.SMTP("127.0.0.1", server.port(25), timeout=30) as client:
        client.sendmail("ann@example.org", [ME], f"Subject: {subject}\r\n\r\n{subject}\r\n")


class Idling:
    """A mail program that waits for news of INBOX."""

    def __init__(self, server: RunningServer) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port(143)), 30)
        self.lines = self.socket.makefile("rb")
        self.lines.readline()
        for command in (f"a LOGIN me {server.password}", "b SELECT INBOX"):
            self.socket.sendall(f"{command}\r\n".encode())
            while not self.lines.readline().startswith(command[:1].encode() + b" OK"):
                pass
        self.socket.sendall(b"c IDLE\r\n")
        assert self.lines.readline().startswith(b"+")

    def news(self) -> bytes:
        line: bytes = self.lines.readline()
        return line

    def close(self) -> None:
        self.lines.close()
        self.socket.close()


def test_whoever_idles_hears_of_mail_whichever_process_takes_it(folder: Path) -> None:
    with RunningServer(folder, ("--workers", "2")) as server:
        assert len(workers_of(server)) == 2
        idling = [Idling(server) for _ in range(6)]
        for number in range(1, 9):
            send(server, str(number))
            for each in idling:
                while (line := each.news()) != b"* %d EXISTS\r\n" % number:
                    assert line.endswith(b" RECENT\r\n")
        for each in idling:
            each.close()


def test_all_processes_get_their_share_of_clients(folder: Path) -> None:
    with RunningServer(folder, ("--workers", "2")) as server:
        clients = [smtplib.SMTP("127.0.0.1", server.port(25), timeout=30) for _ in range(40)]
        for pid in workers_of(server):
            sockets = [fd for fd in Path(f"/proc/{pid}/fd").iterdir() if os.readlink(fd).startswith("socket:")]
            assert 10 <= len(sockets) - 8 - 1 <= 30, "beside 8 ports and the one to the first process"
        for client in clients:
            client.quit()


def test_accounts_are_known_and_forgotten_everywhere_at_once(folder: Path) -> None:
    def is_known() -> set[int]:
        codes = set()
        for _ in range(10):
            with smtplib.SMTP("127.0.0.1", server.port(24), timeout=30) as client:
                client.putcmd("LHLO", "a.test")
                client.getreply()
                client.mail("ann@example.org")
                codes.add(client.rcpt("bob@localhost")[0])
        return codes

    configuration = folder / "mail.py"
    with RunningServer(folder, ("--workers", "2")) as server:
        pass
    configuration.write_text(
        "from mailframe import LMTP, Route, Server, SQLite, ToMailbox\n"
        f"data = SQLite({str(server.data)!r})\n"
        "routes = [Route('localhost', ToMailbox(data))]\n"
        "server = Server('mail.test', run=[data], workers=2, nameservers=(), listen=[\n"
        f"    ('tcp:{server.port(24)}:interface=127.0.0.1', LMTP(routes)),\n"
        f"    ('unix:{folder}/lmtp:mode=600', LMTP(routes)),\n])\n"
    )
    with RunningServer(folder, ("--config", str(configuration)), offset=server.offset) as server:
        assert is_known() == {550}
        command = ("--config", str(configuration), "user")
        assert mailframe(*command, "add", "bob@localhost", "--password-stdin", stdin="secret words\n").returncode == 0
        until(lambda: is_known() == {250}, "one of them does not know bob")
        assert mailframe(*command, "remove", "bob@localhost").returncode == 0
        until(lambda: is_known() == {550}, "one of them still knows bob")
        _speaks_lmtp(folder / "lmtp")


def _speaks_lmtp(path: Path) -> None:
    """A UNIX socket is served too, and keeps its permissions."""
    assert path.stat().st_mode & 0o777 == 0o600
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30)
        client.connect(str(path))
        assert client.recv(100).startswith(b"220 ")


def test_one_session_of_all_processes_has_a_maildrop(folder: Path) -> None:
    with RunningServer(folder, ("--workers", "2")) as server:
        first = poplib.POP3("127.0.0.1", server.port(110), timeout=30)
        first.user("me")
        first.pass_(server.password)
        for _ in range(10):
            other = poplib.POP3("127.0.0.1", server.port(110), timeout=30)
            other.user("me")
            with pytest.raises(poplib.error_proto, match="IN-USE"):
                other.pass_(server.password)
            other.close()
        first.quit()
        until(lambda: _opens(server), "the maildrop is not free")


def _opens(server: RunningServer) -> bool:
    client = poplib.POP3("127.0.0.1", server.port(110), timeout=30)
    try:
        client.user("me")
        client.pass_(server.password)
    except poplib.error_proto:
        return False
    finally:
        client.close()
    return True


def test_a_worker_that_is_killed_is_replaced_and_loses_nothing_that_it_promised(folder: Path) -> None:
    promised: list[str] = []
    with RunningServer(folder, ("--workers", "2")) as server:
        for number in range(4):
            senders = [Sender(server.port(25), f"r{number}s{each}") for each in range(4)]
            for sender in senders:
                sender.start()
            _until_some_arrived(senders, 20)
            before = workers_of(server)
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            for sender in senders:
                sender.join(60)
                promised += sender.promised
            until(partial(_are_replaced, server, set(before)), "nobody takes their place")
        until(lambda: len(kept(server)) > 0, "the new ones do not serve")
        there = kept(server)
    assert len(there) == len(set(there))
    assert set(promised) <= set(there)
    assert len(there) - len(promised) <= 4 * 4


def _are_replaced(server: RunningServer, before: set[int]) -> bool:
    return len(set(workers_of(server)) - before) == 2


def test_workers_of_a_server_that_was_killed_end_and_nobody_opens_the_data_before(folder: Path) -> None:
    with RunningServer(folder, ("--workers", "2")) as server:
        client = smtplib.SMTP("127.0.0.1", server.port(25), timeout=30)
        client.ehlo()
        client.mail("ann@example.org")
        client.rcpt(ME)
        assert client.docmd("DATA")[0] == 354
        workers = workers_of(server)
        server.kill()
        command = twistd("--data", str(server.data), f"--port-offset={server.offset + 1}")
        early = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, env=environment())
        assert early.returncode == 1
        assert "stop it first" in early.stderr
        client.send(b"Subject: in flight\r\n\r\nbody\r\n.\r\n")
        assert client.getreply()[0] == 250
        client.close()
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "they did not end")
    with RunningServer(folder) as again:
        reader = imaplib.IMAP4("127.0.0.1", again.port(143), timeout=30)
        reader.login("me", again.password)
        assert reader.select("INBOX")[1] == [b"1"]
        reader.logout()


def test_sigterm_lets_a_transaction_end_well_and_leaves_nobody_behind(folder: Path) -> None:
    with RunningServer(folder, ("--workers", "2")) as server:
        workers = workers_of(server)
        client = smtplib.SMTP("127.0.0.1", server.port(25), timeout=30)
        client.ehlo()
        client.mail("ann@example.org")
        client.rcpt(ME)
        assert client.docmd("DATA")[0] == 354
        server.process.send_signal(signal.SIGTERM)
        _wait_until_refused(server.port(25))
        client.send(b"Subject: in flight\r\n\r\nbody\r\n.\r\n")
        assert client.getreply()[0] == 250
        client.close()
        assert server.process.wait(30) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_a_worker_that_cannot_start_is_told_in_one_line(folder: Path) -> None:
    configuration = folder / "mail.py"
    configuration.write_text(
        "import sys\n"
        "from mailframe import Server\n"
        "if 'twistd' not in sys.argv[0]:\n"
        "    raise ValueError('only in the first one')\n"
        "server = Server('mail.test', workers=1, nameservers=())\n"
    )
    result = subprocess.run(
        twistd("--config", str(configuration)), capture_output=True, text=True, timeout=60, env=environment()
    )
    assert result.returncode == 1
    assert "A worker has ended before it served anybody, its log says why" in result.stderr
    assert "only in the first one" in result.stdout


@pytest.mark.parametrize("options", [("--log-json",), ()])
def test_a_log_file_has_what_all_of_them_say(folder: Path, options: tuple[str, ...]) -> None:
    log = folder / "mail.log"
    data, offset = folder / "data", RunningServer(folder).offset
    command = twistd("--data", str(data), f"--port-offset={offset}", "--workers=2", *options, options=("-l", str(log)))
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()
    )
    try:
        until(lambda: log.exists() and " serves " in log.read_text(), "it did not start")
        with smtplib.SMTP("127.0.0.1", 25 + offset, timeout=30) as client:
            client.sendmail("ann@example.org", [ME], "Subject: 1\r\n\r\n1\r\n")
        until(lambda: "delivered INBOX of me@localhost" in log.read_text(), "what the worker says is not there")
        if options:
            assert all(json.loads(line)["text"] for line in log.read_text().splitlines())
    finally:
        process.terminate()
        assert process.wait(60) == 0


def test_mail_that_a_worker_queues_is_sent_at_once(folder: Path) -> None:
    with RunningServer(folder) as elsewhere:
        configuration = folder / "mail.py"
        port = elsewhere.port(25) + 1
        configuration.write_text(
            "from mailframe import MX, Route, Server, SQLite\n"
            "from mailframe.delivery.relay import ToMX, ToSmarthost\n"
            "from mailframe.queue.runner import Runner\n"
            f"data = SQLite({str(folder / 'relay')!r})\n"
            f"routes = [Route('b.test', ToSmarthost('127.0.0.1:{elsewhere.port(25)}')), Route('*', ToMX())]\n"
            "runner = Runner(data, routes)\n"
            "server = Server('relay.test', run=[data, runner], workers=2, nameservers=(),\n"
            f"    listen=[('tcp:{port}:interface=127.0.0.1', MX(routes, queue=runner))])\n"
        )
        (folder / "other").mkdir()
        with RunningServer(folder / "other", ("--config", str(configuration))) as relay:
            for number in range(10):
                with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
                    client.sendmail("ann@example.org", ["bob@b.test"], f"Subject: {number}\r\n\r\n{number}\r\n")
            until(lambda: len(re.findall(r"delivered INBOX", elsewhere.log)) == 10, relay.log)
