"""What is said in MAIL and RCPT, and whether the message is changed, by what a server offers."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailframe.address import Address
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Delivery
from mailframe.smtp.client.offers import Offers
from mailframe.smtp.client.plan import CannotCarry, Plan, plan
from mailframe.spool import FileBody, Message

ASCII = Message.from_bytes(b"Subject: hi\r\n\r\nhi\r\n")
LATIN = Message.from_bytes(b"Subject: hi\r\n\r\n\xfc\r\n")
LONG = Message.from_bytes(b"Subject: hi\r\n\r\n" + b"x" * 2000)


def planned(message: Message, offers: str, body: str = "7BIT") -> Plan:
    recipients = (Recipient(Address("ann", "example.org")),)
    envelope = Envelope(Address("me", "example.net"), recipients, body)
    return plan(Delivery("id", envelope, recipients, message), Offers("mx", dict.fromkeys(offers.split(), "")), "mx")


@pytest.mark.parametrize(
    ("message", "body", "offers", "parameter", "chunked", "changed"),
    [
        (ASCII, "7BIT", "", "", False, False),
        (ASCII, "7BIT", "8BITMIME CHUNKING BINARYMIME", "", True, False),
        (LATIN, "8BITMIME", "8BITMIME", "BODY=8BITMIME", False, False),
        (LATIN, "7BIT", "8BITMIME", "BODY=8BITMIME", False, False),  # whoever brought it was wrong
        (LATIN, "7BIT", "", "", False, True),
        (LATIN, "8BITMIME", "", "", False, True),
        (ASCII, "8BITMIME", "", "", False, False),  # it might have been, and is not
        (LONG, "BINARYMIME", "8BITMIME CHUNKING BINARYMIME", "BODY=BINARYMIME", True, False),
        (LONG, "BINARYMIME", "8BITMIME CHUNKING", "BODY=8BITMIME", True, True),
        (LONG, "BINARYMIME", "", "", False, True),
    ],
)
def test_the_body_goes_as_it_is_where_it_may(
    message: Message, body: str, offers: str, parameter: str, chunked: bool, changed: bool
) -> None:
    plan = planned(message, offers, body)
    assert plan.mail == f"MAIL FROM:<me@example.net> {parameter}".rstrip().encode() + b"\r\n"
    assert plan.chunked == chunked
    sent = b"".join(plan.message.chunks())
    assert plan.size == len(sent)
    assert (sent != bytes(message)) == changed
    if changed:
        assert sent.isascii()
        assert max(map(len, sent.split(b"\r\n"))) < 1000


def test_of_a_big_message_it_is_believed_what_was_declared(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"\xfc" * 10)
    message = Message(b"Subject: hi\r\n\r\n", FileBody(str(tmp_path / "body"), 10))
    assert planned(message, "8BITMIME", "7BIT").mail == b"MAIL FROM:<me@example.net>\r\n"
    assert b"BODY=8BITMIME" in planned(message, "8BITMIME", "8BITMIME").mail
    sevenbit = planned(message, "SIZE CHUNKING", "8BITMIME")
    assert b"".join(sevenbit.message.chunks()).isascii()
    # How long it will be is known when it is sent, so it cannot be said before.
    assert (sevenbit.size, sevenbit.chunked) == (None, False)
    assert b"".join(sevenbit.message.chunks()) == b"".join(sevenbit.message.chunks())


def test_a_big_message_that_cannot_be_made_7bit_is_known_before_anything_is_said(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"\xfc" * 10)
    message = Message(b"Content-Type: message/partial\r\n\r\n", FileBody(str(tmp_path / "body"), 10))
    with pytest.raises(CannotCarry, match="takes 7 bit only"):
        planned(message, "", "8BITMIME")


def test_of_a_big_message_that_is_7bit_nothing_is_made(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"x" * 10)
    message = Message(b"Subject: hi\r\n\r\n", FileBody(str(tmp_path / "body"), 10))
    plan = planned(message, "CHUNKING", "8BITMIME")
    assert (plan.message, plan.size, plan.chunked) == (message, message.size, True)
