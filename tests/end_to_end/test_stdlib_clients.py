"""Python's own mail clients against a real server: sent on every port, read on every port."""

from __future__ import annotations

import imaplib
import poplib
import smtplib
import ssl
from collections.abc import Callable

import pytest

from mailframe.testing.process import RunningServer

ME = "me@localhost"


def context(server: RunningServer) -> ssl.SSLContext:
    """Trust the server's own certificate, and insist on its name."""
    return ssl.create_default_context(cafile=str(server.data / "tls" / "localhost.pem"))


def message(subject: str) -> bytes:
    return (
        f"From: Ann <ann@example.org>\r\nTo: someone@example.com\r\nSubject: {subject}\r\n\r\n"
        "Hello,\r\n.a line with a dot\r\n..and two\r\n"
    ).encode()


def plain(server: RunningServer) -> smtplib.SMTP:
    return smtplib.SMTP("localhost", server.port(25), "client.example.org", timeout=30)


def starttls(server: RunningServer) -> smtplib.SMTP:
    client = smtplib.SMTP("localhost", server.port(25), "client.example.org", timeout=30)
    client.starttls(context=context(server))
    return client


def submission(server: RunningServer) -> smtplib.SMTP:
    client = smtplib.SMTP("localhost", server.port(587), "client.example.org", timeout=30)
    client.starttls(context=context(server))
    client.login(ME, server.password)
    return client


def submissions(server: RunningServer) -> smtplib.SMTP:
    client = smtplib.SMTP_SSL("localhost", server.port(465), "client.example.org", timeout=30, context=context(server))
    client.login("me", server.password)  # without a domain it is the default one
    return client


def lmtp(server: RunningServer) -> smtplib.SMTP:
    return smtplib.LMTP("localhost", server.port(24), "client.example.org")


def imap(server: RunningServer, encrypted: str = "TLS") -> imaplib.IMAP4:
    if encrypted == "TLS":
        client: imaplib.IMAP4 = imaplib.IMAP4_SSL(
            "localhost", server.port(993), ssl_context=context(server), timeout=30
        )
    else:
        client = imaplib.IMAP4("localhost", server.port(143), timeout=30)
        if encrypted == "STARTTLS":
            client.starttls(context(server))
    client.login(ME, server.password)
    return client


def found(server: RunningServer, subject: str) -> bytes:
    """Return the one message with that subject."""
    client = imap(server)
    client.select("INBOX", readonly=True)
    [numbers] = client.search(None, "SUBJECT", f'"{subject}"')[1]
    assert len(numbers.split()) == 1, f"{numbers!r} has {subject}"
    part = client.fetch(numbers.decode(), "(BODY.PEEK[])")[1][0]
    client.logout()
    assert isinstance(part, tuple)
    return part[1]


@pytest.mark.parametrize("connect", [plain, starttls, submission, submissions, lmtp])
def test_mail_sent_on_every_port_arrives_unchanged(
    server: RunningServer, connect: Callable[[RunningServer], smtplib.SMTP]
) -> None:
    sent = message(f"by {connect.__name__}")
    with connect(server) as client:
        assert client.sendmail("ann@example.org", ["someone@example.com"], sent) == {}
    got = found(server, f"by {connect.__name__}")
    header, _, body = sent.partition(b"\r\n\r\n")
    assert got.endswith(b"\r\n\r\n" + body)
    assert header.split(b"\r\n")[2] in got
    assert got.startswith(b"Return-Path: <ann@example.org>\r\n")
    assert b"\r\nReceived: from client.example.org" in got


def test_submission_without_a_password_is_refused(server: RunningServer) -> None:
    with smtplib.SMTP("localhost", server.port(587), timeout=30) as client:
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            client.sendmail("ann@example.org", ["someone@example.com"], message("no"))
        assert refused.value.smtp_code == 530


@pytest.mark.parametrize("encrypted", ["TLS", "STARTTLS", "none"])
def test_imap_is_served_with_and_without_tls(server: RunningServer, encrypted: str) -> None:
    client = imap(server, encrypted)
    name = f"folder-{encrypted}"
    assert client.create(name)[0] == "OK"
    assert client.append(name, "(\\Seen)", "", message("appended"))[0] == "OK"
    assert client.select(name)[1] == [b"1"]
    assert client.fetch("1", "(FLAGS UID)")[1] == [b"1 (FLAGS (\\Seen \\Recent) UID 1)"]
    assert client.store("1", "+FLAGS", "\\Deleted")[0] == "OK"
    assert client.expunge()[1] == [b"1"]
    client.logout()


@pytest.mark.parametrize("encrypted", ["TLS", "STLS", "none"])
def test_pop3_is_served_with_and_without_tls(server: RunningServer, encrypted: str) -> None:
    with plain(server) as sending:
        sending.sendmail("ann@example.org", [ME], message(f"pop {encrypted}"))
    if encrypted == "TLS":
        client: poplib.POP3 = poplib.POP3_SSL("localhost", server.port(995), context=context(server), timeout=30)
    else:
        client = poplib.POP3("localhost", server.port(110), timeout=30)
        if encrypted == "STLS":
            client.stls(context(server))
    client.user(ME)
    client.pass_(server.password)
    count = client.stat()[0]
    assert count > 0
    lines = client.retr(count)[1]
    assert f"Subject: pop {encrypted}".encode() in lines
    assert b".a line with a dot" in lines
    client.dele(count)
    client.quit()


def test_a_wrong_password_opens_nothing(server: RunningServer) -> None:
    client = imaplib.IMAP4_SSL("localhost", server.port(993), ssl_context=context(server), timeout=30)
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        client.login(ME, "wrong")
    client.shutdown()
