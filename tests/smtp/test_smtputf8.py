"""SMTPUTF8 (RFC 6531): addresses beyond ASCII, for clients that ask for it, and for nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from mailframe.address import Address
from mailframe.auth.memory import MemoryAccounts
from mailframe.hooks import Delivered
from mailframe.testing.transcript import Transcript
from tests.smtp.world import World

GRUESSE = "grüße@example.org"
TAKEN = """
C: DATA
S: 354 ...
C: Subject: Grüße
C:
C: .
S: 250 2.0.0 OK, stored as ...
"""


def world() -> World:
    return World(users=MemoryAccounts.of({"ann@example.org": "secret", GRUESSE: "geheim"}))


def test_mail_from_and_to_addresses_beyond_ascii() -> None:
    here = world()
    here.greeted(here.mx()).play(
        f"""
        C: MAIL FROM:<δοκιμή@παράδειγμα.example> SMTPUTF8 BODY=8BITMIME
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<{GRUESSE}>
        S: 250 2.1.5 Recipient OK
        """
        + TAKEN
    )
    [mail] = here.mail(GRUESSE)
    assert mail.startswith("Return-Path: <δοκιμή@xn--hxajbheg2az3al.example>\r\nReceived: ".encode())
    trace = mail.replace(b"\r\n\t", b" ")
    assert b" with UTF8SMTP id " in trace
    assert f" for <{GRUESSE}>".encode() in trace
    assert mail.endswith("Subject: Grüße\r\n\r\n".encode())


def test_the_envelope_says_so() -> None:
    seen: list[Any] = []

    def target(delivery: Any) -> Delivered:
        seen.append(delivery.envelope)
        return Delivered()

    here = world()
    player = here.greeted(here.mx(routes=target))
    for parameter in ("", " smtputf8"):
        player.play(
            f"""
            C: MAIL FROM:<eve@example.net>{parameter}
            S: 250 2.1.0 Sender OK
            C: RCPT TO:<ann@example.org>
            S: 250 2.1.5 Recipient OK
            """
            + TAKEN
        )
    assert [envelope.smtputf8 for envelope in seen] == [False, True]
    assert seen[1].sender == Address("eve", "example.net")


@pytest.mark.parametrize(
    "address", ["grüße@example.net", '"grüße"@example.net', "eve@grüße.example", "用户@example.net"]
)
def test_without_it_addresses_are_ascii(address: str) -> None:
    here = world()
    here.greeted(here.mx()).play(f"""
        C: MAIL FROM:<{address}>
        S: 550 5.6.7 An address beyond ASCII needs SMTPUTF8
        C: MAIL FROM:<eve@example.net>
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<{address}>
        S: 553 5.6.7 An address beyond ASCII needs SMTPUTF8
        C: RCPT TO:<ann@example.org>
        S: 250 2.1.5 Recipient OK
    """)


def test_a_domain_in_a_labels_is_ascii() -> None:
    here = world()
    here.greeted(here.mx()).play("C: MAIL FROM:<eve@xn--gre-goa2j.example>\nS: 250 2.1.0 Sender OK")


def test_it_holds_for_one_message() -> None:
    here = world()
    here.greeted(here.mx()).play(f"""
        C: MAIL FROM:<{GRUESSE}> SMTPUTF8
        S: 250 2.1.0 Sender OK
        C: RSET
        S: 250 2.0.0 OK
        C: MAIL FROM:<{GRUESSE}>
        S: 550 5.6.7 ...
    """)


def test_it_has_no_value_and_comes_once() -> None:
    here = world()
    here.greeted(here.mx()).play("""
        C: MAIL FROM:<eve@example.net> SMTPUTF8=yes
        S: 501 5.5.4 SMTPUTF8 has no value
        C: MAIL FROM:<eve@example.net> SMTPUTF8 SMTPUTF8
        S: 501 5.5.2 A parameter is malformed or comes twice
        C: MAIL FROM:<eve@example.net>
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<ann@example.org> SMTPUTF8
        S: 555 5.5.4 RCPT has no parameter SMTPUTF8
    """)


@pytest.mark.parametrize(
    "address", [b"\xff@example.net", b"\xc3@example.net", b"a\xc2\x85b@example.net", b"a\xe2\x80\xaeb@example.net"]
)
def test_what_is_no_utf_8_or_unsafe_is_no_address(address: bytes) -> None:
    here = world()
    player = here.greeted(here.mx())
    client = player._client("")
    client.protocol.dataReceived(b"MAIL FROM:<%b> SMTPUTF8\r\n" % address)
    client.collect()
    assert client.unread.startswith(b"501 5.5.2 ")
    assert client.unread.isascii()


def test_vrfy_takes_the_parameter_and_tells_nothing() -> None:
    here = world()
    here.greeted(here.mx()).play(f"""
        C: VRFY {GRUESSE} SMTPUTF8
        S: 252 2.1.5 Cannot tell, but will take mail and try to deliver it
        C: VRFY {GRUESSE}
        S: 252 2.1.5 Cannot tell, but will take mail and try to deliver it
    """)


# --- the WITH keyword (RFC 6531 4.3) ----------------------------------------------------------------------------------

MAIL = """
C: MAIL FROM:<ann@example.org> SMTPUTF8
S: 250 2.1.0 Sender OK
C: RCPT TO:<ann@example.org>
S: 250 2.1.5 Recipient OK
"""
LOGIN = "C: AUTH PLAIN AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=\nS: 235 2.7.0 Authentication succeeded\n"


def _keyword(here: World, player: Transcript, before: str = "") -> bytes:
    player.play(before + MAIL + TAKEN)
    [mail] = here.mail()
    return mail.replace(b"\r\n\t", b" ").partition(b" with ")[2].split()[0]


def _with_tls(here: World, player: Transcript, verb: str = "EHLO") -> Transcript:
    player.play("C: STARTTLS\nS: 220 2.0.0 Ready to start TLS")
    client = player._client("")
    client.protocol.dataReceived(f"{verb} x\r\n".encode())
    client.collect()
    client.unread = b""
    return player


def test_received_names_the_protocol() -> None:
    here = world()
    assert _keyword(here, here.greeted(here.mx())) == b"UTF8SMTP"
    here = world()
    assert _keyword(here, _with_tls(here, here.greeted(here.mx(tls=object())))) == b"UTF8SMTPS"
    here = world()
    assert _keyword(here, here.greeted(here.submission()), LOGIN) == b"UTF8SMTPA"
    here = world()
    assert _keyword(here, _with_tls(here, here.greeted(here.submission(tls=object()))), LOGIN) == b"UTF8SMTPSA"
    here = world()
    assert _keyword(here, here.greeted(here.lmtp(), "LHLO")) == b"UTF8LMTP"
