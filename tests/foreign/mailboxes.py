"""What is in the mailboxes, as Python's own IMAP client sees it."""

from __future__ import annotations

import imaplib
import re

from mailframe.testing.process import RunningServer


def messages(server: RunningServer, mailbox: str = "INBOX") -> dict[str, set[str]]:
    """Return the subjects of a mailbox's messages with their flags, without C{\\Recent}."""
    client = imaplib.IMAP4("127.0.0.1", server.port(143), timeout=30)
    client.login("me@localhost", server.password)
    status, [count] = client.select(f'"{mailbox}"', readonly=True)
    assert status == "OK", count
    found: dict[str, set[str]] = {}
    if count != b"0":
        for part in client.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]:
            if isinstance(part, tuple):
                flags = re.search(rb"FLAGS \(([^)]*)\)", part[0])
                assert flags is not None
                subject = part[1].decode().strip().removeprefix("Subject: ")
                found[subject] = set(flags[1].decode().split()) - {"\\Recent"}
    client.logout()
    return found


def subjects(server: RunningServer, mailbox: str = "INBOX") -> list[str]:
    """Return them sorted."""
    return sorted(messages(server, mailbox))


def mailboxes(server: RunningServer) -> set[str]:
    """Return the names of all mailboxes."""
    client = imaplib.IMAP4("127.0.0.1", server.port(143), timeout=30)
    client.login("me@localhost", server.password)
    lines = client.list()[1]
    client.logout()
    return {line.decode().rsplit(" ", 1)[1].strip('"') for line in lines if isinstance(line, bytes)}
