"""swaks sends on every port, in every way of authentication."""

from __future__ import annotations

import pytest

from mailframe.testing.process import RunningServer
from tests.foreign.home import Home
from tests.foreign.mailboxes import subjects

TO = ("--from", "ann@example.org", "--to", "anybody@example.com", "--hide-all")


@pytest.mark.parametrize(
    ("port", "options"),
    [
        (25, ()),
        (25, ("--pipeline",)),
        (25, ("-tls",)),
        (587, ("-tls", "-a", "PLAIN")),
        (587, ("-tls", "-a", "LOGIN")),
        (465, ("-tlsc", "-a", "PLAIN")),
        (24, ("--protocol", "LMTP")),
    ],
)
def test_mail_is_taken(server: RunningServer, home: Home, port: int, options: tuple[str, ...]) -> None:
    login = ("-au", "me@localhost", "-ap", server.password) if "-a" in options else ()
    home.run("swaks", "--server", f"127.0.0.1:{server.port(port)}", *TO, *options, *login, "--header", "Subject: hi")
    assert subjects(server) == ["hi"]


def test_a_wrong_password_is_refused(server: RunningServer, home: Home) -> None:
    login = ("-a", "PLAIN", "-au", "me@localhost", "-ap", "wrong")
    home.run("swaks", "--server", f"127.0.0.1:{server.port(587)}", "-tls", *TO, *login, status=(28,))
    assert subjects(server) == []


def test_a_server_for_everybody_still_has_rules(server: RunningServer, home: Home) -> None:
    home.run("swaks", "--server", f"127.0.0.1:{server.port(587)}", *TO, status=(23,))  # no mail without a password
    assert subjects(server) == []
