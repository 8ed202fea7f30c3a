"""fetchmail fetches by POP3 and IMAP, not twice, and deletes what it fetched when told to."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailframe.testing.process import RunningServer
from tests.foreign.home import Deliver, Home
from tests.foreign.mailboxes import subjects

NOTHING_NEW = 1
RC = """\
poll localhost service {port} protocol {protocol} {uidl}
  user "me@localhost" password "{password}"
  ssl sslcertck sslcertfile "{certificate}"
  mda "cat >> {inbox}; echo >> {inbox}"
"""


@pytest.mark.parametrize(("protocol", "port"), [("imap", 993), ("pop3", 995)])
def test_mail_is_fetched_once_and_then_deleted(
    server: RunningServer, home: Home, deliver: Deliver, protocol: str, port: int
) -> None:
    inbox: Path = home.path / "inbox"
    certificate = server.data / "tls" / "localhost.pem"
    text = RC.format(
        port=server.port(port),
        protocol=protocol,
        uidl="uidl" if protocol == "pop3" else "",
        password=server.password,
        certificate=certificate,
        inbox=inbox,
    )
    options = ("-f", home.file("rc", text), "--pidfile", home.path / "pid", "-i", home.path / "ids", "--nosyslog")
    deliver("one", "two", "three")
    home.run("fetchmail", *options, "--keep")
    assert inbox.read_text().count("Subject: ") == 3
    assert "\n.dot\n" in inbox.read_text()
    home.run("fetchmail", *options, "--keep", status=(NOTHING_NEW,))
    assert inbox.read_text().count("Subject: ") == 3
    home.run("fetchmail", *options, "--nokeep", "--all")
    assert subjects(server) == []
