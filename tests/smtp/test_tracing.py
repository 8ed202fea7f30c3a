"""What a server puts in front of a message, and what it leaves as the user's program wrote it."""

from __future__ import annotations

import pytest

from tests.smtp.world import World

LOGIN = "C: AUTH PLAIN AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=\nS: 235 2.7.0 Authentication succeeded\n"


@pytest.mark.parametrize(
    ("given", "added"),
    [
        ("Subject: x", [b"Date: ", b"Message-ID: "]),
        ("Date: Sun, 9 Sep 2001 01:46:40 +0000", [b"Message-ID: "]),
        ("message-id: <mine@example.org>", [b"Date: "]),
    ],
)
def test_a_submission_is_completed_with_what_is_missing(given: str, added: list[bytes]) -> None:
    world = World()
    world.greeted(world.submission()).play(
        LOGIN
        + f"""
        C: MAIL FROM:<ann@example.org>
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<ann@example.org>
        S: 250 2.1.5 Recipient OK
        C: DATA
        S: 354 ...
        C: {given}
        C:
        C: .
        S: 250 2.0.0 OK, stored as ...
        """
    )
    [mail] = world.mail()
    ours = mail.partition(given.encode())[0]
    assert [name for name in (b"Date: ", b"Message-ID: ") if b"\r\n" + name in ours] == added


@pytest.mark.parametrize(("verb", "keyword"), [("HELO", b"SMTP"), ("EHLO", b"ESMTP")])
def test_received_names_the_protocol(verb: str, keyword: bytes) -> None:
    world = World()
    world.greeted(world.mx(), verb).play("""
        C: MAIL FROM:<eve@example.net>
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<ann@example.org>
        S: 250 2.1.5 Recipient OK
        C: DATA
        S: 354 ...
        C: .
        S: 250 2.0.0 OK, stored as ...
    """)
    assert b" with %b id " % keyword in world.mail()[0].replace(b"\r\n\t", b" ")
