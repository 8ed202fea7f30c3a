"""mbsync keeps a Maildir and the server the same, in both directions, and finds nothing to do when it is run again."""

from __future__ import annotations

from pathlib import Path

from mailframe.testing.process import RunningServer
from tests.foreign.home import Deliver, Home
from tests.foreign.mailboxes import messages, subjects

CONFIGURATION = """\
IMAPAccount here
Host localhost
Port {port}
User me@localhost
Pass {password}
{tls}
CertificateFile {certificate}

IMAPStore far
Account here

MaildirStore near
Path {home}/mail/
Inbox {home}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
"""
MAIL = "From: ann@example.org\nSubject: {0}\nMessage-ID: <{0}@example.org>\n\nfrom here\n"


def tree(folder: Path) -> dict[str, bytes]:
    """Return all messages of a Maildir by name, mbsync's own notes left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent.name in ("cur", "new")
    }


def test_two_ways_and_then_nothing_more_to_do(server: RunningServer, home: Home, deliver: Deliver) -> None:
    certificate = server.data / "tls" / "localhost.pem"
    (home.path / "mail").mkdir()
    values = {"password": server.password, "certificate": certificate, "home": home.path}
    old = home.run("mbsync", "--version") < "isync 1.5"
    tls = ("SSLType" if old else "TLSType") + " IMAPS"
    file = home.file("mbsyncrc", CONFIGURATION.format(port=server.port(993), tls=tls, **values))

    def sync() -> None:
        home.run("mbsync", "-c", file, "-a")

    deliver("one", "two", "three")
    sync()
    local = home.path / "mail" / "INBOX"
    assert len(tree(local)) == 3

    # Here: one is read, one is deleted, one is new, and there is a new folder with a message.
    names = {
        path.read_text().split("Subject: ")[1].split("\n")[0]: path for path in local.rglob("*/*") if path.is_file()
    }
    one = next(path for subject, path in names.items() if subject.strip() == "one")
    target = local / "cur" / (one.name.split(":")[0] + ":2,FS")
    one.rename(target)
    next(path for subject, path in names.items() if subject.strip() == "two").unlink()
    (local / "new" / "1.new.here").write_text(MAIL.format("four"))
    for part in ("cur", "new", "tmp"):
        (home.path / "mail" / "Archive" / part).mkdir(parents=True)
    (home.path / "mail" / "Archive" / "new" / "2.new.here").write_text(MAIL.format("five"))
    sync()
    assert subjects(server) == ["four", "one", "three"]
    assert messages(server)["one"] == {"\\Seen", "\\Flagged"}
    assert subjects(server, "Archive") == ["five"]

    before, there = tree(home.path / "mail"), messages(server)
    sync()
    assert tree(home.path / "mail") == before
    sync()
    assert tree(home.path / "mail") == before
    assert messages(server) == there
