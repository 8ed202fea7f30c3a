"""neomutt sends by submission and reads, flags, moves and deletes by IMAP."""

from __future__ import annotations

from mailframe.testing.process import RunningServer
from tests.foreign.home import Deliver, Home
from tests.foreign.mailboxes import messages, subjects

RC = """\
set folder = "imaps://localhost:{imap}/"
set imap_user = "me@localhost"
set imap_pass = "{password}"
set smtp_url = "smtp://me%40localhost@localhost:{submission}/"
set smtp_pass = "{password}"
set from = "me@localhost"
set realname = "Me"
set ssl_force_tls = yes
set certificate_file = "{certificate}"
set spoolfile = "imaps://localhost:{imap}/INBOX"
set record = ""
set copy = no
set mail_check = 0
set quit = yes
set move = no
set delete = yes
set confirmappend = no
set confirmcreate = no
set header_cache = ""
set sort = date-received
set wait_key = no
set sleep_time = 0
"""


def test_it_sends(server: RunningServer, home: Home) -> None:
    configuration = home.file("rc", rc(server))
    home.run("neomutt", "-n", "-F", configuration, "-s", "by neomutt", "anybody@example.com", stdin="Hello\n")
    assert subjects(server) == ["by neomutt"]


def rc(server: RunningServer) -> str:
    certificate = server.data / "tls" / "localhost.pem"
    return RC.format(
        imap=server.port(993), submission=server.port(587), password=server.password, certificate=certificate
    )


def keys(server: RunningServer, home: Home, *pressed: str) -> None:
    """Open the inbox, press keys, leave."""
    configuration = home.file("rc", rc(server))
    pushed = "".join(pressed)
    command = f"neomutt -n -F '{configuration}' -e 'push \"{pushed}<quit>\"'"
    # neomutt insists on a terminal
    home.run("script", "-qec", command, "/dev/null")


def test_it_reads_flags_moves_and_deletes(server: RunningServer, home: Home, deliver: Deliver) -> None:
    deliver("one", "two", "three", "four")
    keys(server, home, "<first-entry><display-message><exit><flag-message>")
    assert messages(server)["one"] >= {"\\Seen", "\\Flagged"}
    keys(server, home, "<search>two<enter><save-message>=Archive<enter><sync-mailbox>")
    assert (subjects(server), subjects(server, "Archive")) == (["four", "one", "three"], ["two"])
    keys(server, home, "<search>three<enter><delete-message><sync-mailbox>")
    assert subjects(server) == ["four", "one"]
