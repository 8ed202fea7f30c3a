"""Starting and stopping as administrators do: twistd, systemd's sockets, signals, mistakes."""

from __future__ import annotations

import imaplib
import json
import os
import pwd
import signal
import smtplib
import socket
import subprocess
import time
from pathlib import Path

import pytest

from mailframe.testing.process import START_SECONDS, RunningServer, environment, free_offset, mailframe, twistd

ME = "me@localhost"
MAIL = "From: Ann <ann@example.org>\r\nSubject: {0}\r\n\r\nbody of {0}\r\n"


def send(server: RunningServer, subject: str) -> None:
    with smtplib.SMTP("127.0.0.1", server.port(25), timeout=30) as client:
        client.sendmail("ann@example.org", [ME], MAIL.format(subject))


def subjects(server: RunningServer, password: str | None = None) -> list[str]:
    client = imaplib.IMAP4("127.0.0.1", server.port(143), timeout=30)
    client.login("me", password or server.password)
    client.select("INBOX")
    parts = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    client.logout()
    return [part[1].decode().strip().removeprefix("Subject: ") for part in parts if isinstance(part, tuple)]


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run twistd to its end: for servers that do not start."""
    return subprocess.run(
        twistd(*arguments), cwd=folder, capture_output=True, text=True, timeout=START_SECONDS, env=environment()
    )


def test_mail_and_password_are_there_after_a_restart(folder: Path) -> None:
    with RunningServer(folder) as server:
        send(server, "kept")
    with RunningServer(folder) as again:
        assert subjects(again) == ["kept"]
        assert again.log.count("password: ") == 1  # it is shown once, and never again


def test_sigterm_ends_it_with_status_0_and_a_transaction_under_way_ends_well(folder: Path) -> None:
    with RunningServer(folder) as server:
        client = smtplib.SMTP("127.0.0.1", server.port(25), timeout=30)
        client.ehlo()
        client.mail("ann@example.org")
        client.rcpt(ME)
        assert client.docmd("DATA")[0] == 354
        client.send(b"Subject: in flight\r\n\r\nhalf of ")
        server.process.send_signal(signal.SIGTERM)
        _wait_until_refused(server.port(25))
        client.send(b"the body\r\n.\r\n")
        assert client.getreply()[0] == 250
        client.close()
        assert server.process.wait(30) == 0
    with RunningServer(folder) as again:
        assert subjects(again) == ["in flight"]


def test_a_message_that_a_mail_program_is_storing_is_stored_before_it_ends(folder: Path) -> None:
    with RunningServer(folder) as server:
        client = socket.create_connection(("127.0.0.1", server.port(143)), 30)
        lines = client.makefile("rb")
        assert lines.readline().startswith(b"* OK")
        client.sendall(f"a LOGIN me {server.password}\r\n".encode())
        while not lines.readline().startswith(b"a OK"):
            pass
        client.sendall(b"b APPEND INBOX {20}\r\n")
        assert lines.readline().startswith(b"+ ")
        client.sendall(b"Subject: st")
        server.process.send_signal(signal.SIGTERM)
        _wait_until_refused(server.port(25))
        client.sendall(b"ored\r\n\r\nx\r\n")
        assert lines.readline().startswith(b"b OK")
        client.close()
        assert server.process.wait(30) == 0
    with RunningServer(folder) as again:
        assert subjects(again) == ["stored"]


def _wait_until_refused(port: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            continue  # it has closed while we came
        time.sleep(0.01)
    raise AssertionError("it still listens")


def test_idle_clients_are_told_that_it_ends(folder: Path) -> None:
    with RunningServer(folder) as server:
        client = socket.create_connection(("127.0.0.1", server.port(143)), 30)
        assert client.recv(1000).startswith(b"* OK")
        assert server.stop() == 0
        assert client.recv(1000).startswith(b"* BYE")
        client.close()


def test_the_log_is_json_if_wanted(folder: Path) -> None:
    with RunningServer(folder, ("--log-json",)) as server:
        send(server, "logged")
        password = server.password
    lines = [line for line in server.log.splitlines() if line.startswith("{")]
    events = [json.loads(line) for line in lines]
    assert {"time", "level", "system", "text"} <= set(events[0])
    accepted = [event for event in events if "session" in event and "message" in event]
    assert accepted, server.log
    assert password not in "".join(lines)


def test_a_second_server_on_the_same_data_says_so_and_ends(folder: Path) -> None:
    with RunningServer(folder) as server:
        other = run("--data", str(server.data), f"--port-offset={free_offset()}", folder=folder)
        assert other.returncode == 1
        assert len(other.stderr.strip().splitlines()) == 1
        assert str(server.process.pid) in other.stderr


def test_a_port_that_is_taken_is_told_in_one_line(folder: Path) -> None:
    offset = free_offset()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 25 + offset))
        taken.listen()
        ended = run("--data", str(folder / "data"), f"--port-offset={offset}", folder=folder)
    assert ended.returncode == 1
    [line] = ended.stderr.strip().splitlines()
    assert line.startswith("mailframe: ")
    assert str(25 + offset) in line


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("server = (\n", 1, "was never closed"),
        ("from mailframe import Server\n\nserver = Server('mx', listen=[('tcp:1x', 1)])\n", 3, "'tcp:1x' is no server"),
        ("import nonsense\n", 1, "No module named 'nonsense'"),
        ("x = 1\n", 1, "no name 'server'"),
    ],
)
def test_a_mistake_in_the_configuration_is_one_line(folder: Path, text: str, line: int, what: str) -> None:
    file = folder / "mail.py"
    file.write_text(text)
    ended = run("--config", str(file), folder=folder)
    assert ended.returncode == 1
    [told] = ended.stderr.strip().splitlines()
    assert told.startswith(f"mailframe: {file}:{line}: ")
    assert what in told


def test_a_wrong_option_is_one_line(folder: Path) -> None:
    ended = run("--port-offset=70000", folder=folder)
    assert (ended.returncode, len(ended.stderr.strip().splitlines())) == (1, 1)


CONFIGURATION = """\
from mailframe import IMAP, MX, Route, Server, SQLite, ToMailbox
data = SQLite({data!r})
routes = [Route("localhost", ToMailbox(data))]
server = Server("mx.example.org", run=[data], nameservers=(), listen=[
    ({smtp!r}, MX(routes)),
    ("tcp:{imap}:interface=127.0.0.1", IMAP(data, users=data, default_domain="localhost")),
])
"""


def configured(folder: Path, smtp: str, offset: int) -> tuple[str, str]:
    """Write a configuration with one account and return the options for it."""
    file = folder / "mail.py"
    file.write_text(CONFIGURATION.format(data=str(folder / "data"), smtp=smtp, imap=143 + offset))
    done = mailframe("--config", str(file), "user", "add", ME, "--password-stdin", stdin="geheim\n")
    assert done.returncode == 0, done.stderr
    return "--config", str(file)


def test_a_configured_server_serves(folder: Path) -> None:
    offset = free_offset()
    options = configured(folder, f"tcp:{25 + offset}:interface=127.0.0.1", offset)
    with RunningServer(folder, options, offset) as server:
        send(server, "configured")
        assert subjects(server, "geheim") == ["configured"]


def test_systemd_may_hold_the_socket(folder: Path) -> None:
    offset = free_offset()
    options = configured(folder, "systemd:domain=INET:index=0", offset)
    with socket.socket() as held, (folder / "log").open("wb") as log:
        held.bind(("127.0.0.1", 25 + offset))
        held.listen()
        # What systemd does before exec: the sockets from 3 on, and their number for this very process.
        script = 'exec 3<&"$1"; shift; LISTEN_FDS=1 LISTEN_FDNAMES=smtp LISTEN_PID=$$ exec "$@"'
        process = subprocess.Popen(
            ["bash", "-c", script, "bash", str(held.fileno()), *twistd(*options)],
            env=environment(),
            pass_fds=[held.fileno()],
            stdout=log,
            stderr=log,
            cwd=folder,
        )
        try:
            with smtplib.SMTP("127.0.0.1", 25 + offset, timeout=60) as client:
                client.sendmail("ann@example.org", [ME], MAIL.format("by systemd"))
        finally:
            process.terminate()
            status = process.wait(60)
    assert status == 0, (folder / "log").read_text()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_root_may_become_somebody_else_after_binding(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    folder.chmod(0o755)
    offset = free_offset()
    log = folder / "log"
    become = (f"--uid={nobody.pw_uid}", f"--gid={nobody.pw_gid}")
    command = twistd("--data", str(folder / "data"), f"--port-offset={offset}", options=become)
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, env=environment())
    try:
        end = time.monotonic() + START_SECONDS
        while " serves " not in log.read_text() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        with smtplib.SMTP("127.0.0.1", 25 + offset, timeout=30) as client:
            client.sendmail("ann@example.org", [ME], MAIL.format("as nobody"))
        assert os.stat(f"/proc/{process.pid}").st_uid == nobody.pw_uid
    finally:
        process.terminate()
        assert process.wait(60) == 0, log.read_text()
    owners = {os.lstat(path).st_uid for path in [folder / "data", *(folder / "data").rglob("*")]}
    assert owners == {nobody.pw_uid}
