"""curl sends, lists, reads, flags, moves and deletes, by SMTP, IMAP and POP3."""

from __future__ import annotations

from mailframe.testing.process import RunningServer
from tests.foreign.home import Deliver, Home
from tests.foreign.mailboxes import mailboxes, messages, subjects

MAIL = "From: ann@example.org\r\nSubject: by curl\r\n\r\nHello\r\n.dot\r\n"


def curl(server: RunningServer, home: Home, scheme: str, port: int, path: str, *options: str) -> str:
    """Run curl with a password and trust in the server's certificate."""
    certificate = str(server.data / "tls" / "localhost.pem")
    url = f"{scheme}://localhost:{server.port(port)}/{path}"
    user = f"me@localhost:{server.password}"
    return home.run("curl", "-sS", "--cacert", certificate, "--user", user, "--url", url, *options)


def test_it_sends_by_submission_with_and_without_starttls(server: RunningServer, home: Home) -> None:
    mail = str(home.file("mail", MAIL))
    to = ("--mail-from", "me@localhost", "--mail-rcpt", "anybody@example.com", "-T", mail)
    curl(server, home, "smtp", 587, "client.example.org", "--ssl-reqd", *to)
    curl(server, home, "smtps", 465, "client.example.org", *to)
    assert subjects(server) == ["by curl"]


def test_it_reads_and_changes_by_imap(server: RunningServer, home: Home, deliver: Deliver) -> None:
    deliver("one", "two")

    def imap(path: str, *options: str) -> str:
        return curl(server, home, "imaps", 993, path, *options)

    assert "INBOX" in imap("")
    imap("", "-X", "CREATE Archive")
    assert mailboxes(server) == {"INBOX", "Archive"}
    assert "Subject: one" in imap("INBOX;MAILINDEX=1")
    assert imap("INBOX;MAILINDEX=1;SECTION=TEXT").startswith("Hello\r\n.dot\r\n")
    assert "SEARCH 2" in imap("INBOX?SUBJECT%20two")
    imap("INBOX", "-X", "STORE 1 +FLAGS (\\Flagged)")
    assert "\\Flagged" in messages(server)["one"]
    imap("INBOX", "-X", "MOVE 2 Archive")
    assert (subjects(server), subjects(server, "Archive")) == (["one"], ["two"])
    imap("INBOX", "-X", "STORE 1 +FLAGS (\\Deleted)")
    imap("INBOX", "-X", "EXPUNGE")
    assert subjects(server) == []
    imap("Archive", "-T", str(home.file("mail", MAIL)))
    assert subjects(server, "Archive") == ["by curl", "two"]


def test_it_reads_and_deletes_by_pop3(server: RunningServer, home: Home, deliver: Deliver) -> None:
    deliver("one", "two")
    assert len(curl(server, home, "pop3", 110, "").split("\n")) >= 2
    assert "Subject: one" in curl(server, home, "pop3", 110, "1", "--ssl-reqd")
    assert "Subject: two" in curl(server, home, "pop3s", 995, "2")
    assert len(curl(server, home, "pop3s", 995, "", "-X", "UIDL").split()) == 4
    curl(server, home, "pop3s", 995, "1", "-X", "DELE", "-I")
    assert subjects(server) == ["two"]
