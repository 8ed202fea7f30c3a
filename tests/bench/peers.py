"""Private instances of the servers we are measured against, and of mailframe: state in one folder, loopback only."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

POSTFIX_PORT = 10025
DOVECOT_IMAP_PORT = 11143
MAILFRAME_OFFSET = 12000
"""mailframe's SMTP is then at 12025, its IMAP at 12143."""

_MAIN_CF = """\
compatibility_level = 3.6
config_directory = {etc}
queue_directory = {root}/spool
data_directory = {root}/data
daemon_directory = /usr/lib/postfix/sbin
myhostname = bench.test
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
relayhost =
maillog_file = {root}/maillog
maillog_file_prefixes = {root}
virtual_mailbox_domains = bench.test
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = static:u1/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_mailbox_limit = 0
virtual_transport = virtual
message_size_limit = 104857600
smtpd_client_connection_count_limit = 0
"""

_MASTER_CF = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""

_DOVECOT_CONF = """\
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_max_userip_connections = 500
mail_uid = {uid}
mail_gid = {gid}
first_valid_uid = 100
default_vsz_limit = 2G
mail_location = mdbox:{root}/mail/%u
passdb {{
  driver = static
  args = password=pw
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={root}/mail/%u
}}
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""


@frozen
class Peer:
    """A running server: where it answers, and whom to log in as."""

    name: str
    smtp: int = 0
    imap: int = 0
    user: str = ""
    password: str = ""
    recipient: str = ""
    pid: int = 0
    root: Path = Path()


def _wait_for(port: int, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def _nobody() -> dict[str, int]:
    entry = pwd.getpwnam("nobody")
    return {"uid": entry.pw_uid, "gid": entry.pw_gid}


@contextlib.contextmanager
def postfix(folder: Path, main_cf: str = "", master_cf: str = "") -> Iterator[Peer]:
    """Run Postfix, which delivers all of bench.test into one Maildir; with more lines in its two files."""
    root, etc = folder / "postfix", folder / "postfix" / "etc"
    for name in ("etc", "data", "spool", "mail"):
        (root / name).mkdir(parents=True)
    shutil.chown(root / "data", "postfix")
    os.chown(root / "mail", *_nobody().values())
    (etc / "main.cf").write_text(_MAIN_CF.format(root=root, etc=etc, **_nobody()) + main_cf)
    (etc / "master.cf").write_text(_MASTER_CF.format(port=POSTFIX_PORT) + master_cf)
    subprocess.run(["postfix", "-c", etc, "start"], check=True, capture_output=True)
    try:
        _wait_for(POSTFIX_PORT)
        yield Peer("Postfix", smtp=POSTFIX_PORT, recipient="u1@bench.test", root=root)
    finally:
        subprocess.run(["postfix", "-c", etc, "stop"], check=True, capture_output=True)


def postfix_is_idle(peer: Peer) -> bool:
    """Whether all that Postfix accepted is in the Maildir."""
    queues = (peer.root / "spool" / name for name in ("incoming", "active", "deferred", "maildrop"))
    return not any(any(files) for queue in queues for _, _, files in os.walk(queue))


@contextlib.contextmanager
def dovecot(folder: Path) -> Iterator[Peer]:
    """Run Dovecot with mdbox, its fastest format."""
    root = folder / "dovecot"
    for name in ("run", "state", "mail"):
        (root / name).mkdir(parents=True)
    os.chown(root / "mail", *_nobody().values())
    conf = root / "dovecot.conf"
    conf.write_text(_DOVECOT_CONF.format(root=root, port=DOVECOT_IMAP_PORT, **_nobody()))
    subprocess.run(["dovecot", "-c", conf], check=True)
    try:
        _wait_for(DOVECOT_IMAP_PORT)
        yield Peer("Dovecot", imap=DOVECOT_IMAP_PORT, user="bench", password="pw", root=root)
    finally:
        os.kill(int((root / "run" / "master.pid").read_text()), signal.SIGTERM)


@contextlib.contextmanager
def mailframe(folder: Path, workers: int = 0) -> Iterator[Peer]:
    """Run C{twistd -n mailframe} as it comes, its log in a file."""
    root = folder / f"mailframe-{workers}"
    root.mkdir()
    options = ["--data", str(root / "data"), f"--port-offset={MAILFRAME_OFFSET}", f"--workers={workers}"]
    with _twistd(root / "log", options) as pid:
        for service in (25, 143):
            _wait_for(service + MAILFRAME_OFFSET)
        yield Peer(
            "mailframe",
            smtp=25 + MAILFRAME_OFFSET,
            imap=143 + MAILFRAME_OFFSET,
            user="me@localhost",
            password=_password(root / "log"),
            recipient="me@localhost",
            pid=pid,
            root=root,
        )


@contextlib.contextmanager
def configured(folder: Path, configuration: str, workers: int = 0) -> Iterator[Peer]:
    """
    Run mailframe with a configuration.

    @param configuration: in which C{{data}} is a directory, and C{{port}} that of SMTP.
    """
    root = folder / f"mailframe-{workers}"
    root.mkdir(exist_ok=True)
    port = 25 + MAILFRAME_OFFSET
    (root / "mail.py").write_text(configuration.format(data=str(root / "data"), port=port))
    with _twistd(root / "log", ["--config", str(root / "mail.py"), f"--workers={workers}"]) as pid:
        _wait_for(port)
        with socket.create_connection(("127.0.0.1", port), 30) as client:
            client.recv(1)  # ports are bound before everything has started
        yield Peer("mailframe", smtp=port, pid=pid, root=root)


@contextlib.contextmanager
def _twistd(log: Path, options: list[str]) -> Iterator[int]:
    """Run C{twistd -n mailframe} and return its process id."""
    twistd = Path(sys.executable).with_name("twistd")
    command = [str(twistd), "-n", "--pidfile=", "mailframe", *options]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        if (status := process.wait(30)) != 0:
            raise RuntimeError(f"twistd ended with status {status}; its log:\n{log.read_text()[-4000:]}")


def _password(log: Path) -> str:
    found = re.search(r"password:?\s+(\S+)", log.read_text(), re.IGNORECASE)
    if found is None:
        raise RuntimeError(f"the server printed no password:\n{log.read_text()[-4000:]}")
    return found[1]
