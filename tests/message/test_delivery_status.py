"""What became of a message, as programs read it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mailframe.message.delivery_status import Status, address_type, delivery_status

ARRIVED = datetime(2026, 11, 24, 3, 0, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 28, 3, 0, 0, tzinfo=UTC)


def fields(status: Status, utf8: bool = False) -> list[str]:
    """Return the fields about one recipient."""
    written = delivery_status("mx.example.org", [status], None, ARRIVED, utf8).decode("utf-8")
    return written.split("\r\n\r\n")[1].replace("\r\n ", " ").splitlines()


def test_the_fields_of_a_failure_stand_in_the_order_of_the_grammar() -> None:
    status = Status(
        "bob@example.net",
        "failed",
        "5.1.1",
        "No such user",
        "rfc822;Bob@example.org",
        "mail.example.net",
        "550 5.1.1 No such user",
        LATER,
        LATER,
    )
    assert delivery_status("mx.example.org", [status], "QQ 1", ARRIVED, utf8=False) == (
        b"Original-Envelope-Id: QQ 1\r\n"
        b"Reporting-MTA: dns; mx.example.org\r\n"
        b"Arrival-Date: Tue, 24 Nov 2026 03:00:00 +0000\r\n"
        b"\r\n"
        b"Original-Recipient: rfc822; Bob@example.org\r\n"
        b"Final-Recipient: rfc822; bob@example.net\r\n"
        b"Action: failed\r\n"
        b"Status: 5.1.1\r\n"
        b"Remote-MTA: dns; mail.example.net\r\n"
        b"Diagnostic-Code: smtp; 550 5.1.1 No such user\r\n"
        b"Last-Attempt-Date: Sat, 28 Nov 2026 03:00:00 +0000\r\n"
    )


def test_what_is_not_known_is_left_out() -> None:
    assert delivery_status("mx.example.org", [Status("a@b.test", "delivered", "2.0.0")] * 2, None, ARRIVED, False) == (
        b"Reporting-MTA: dns; mx.example.org\r\n"
        b"Arrival-Date: Tue, 24 Nov 2026 03:00:00 +0000\r\n"
        b"\r\nFinal-Recipient: rfc822; a@b.test\r\nAction: delivered\r\nStatus: 2.0.0\r\n"
        b"\r\nFinal-Recipient: rfc822; a@b.test\r\nAction: delivered\r\nStatus: 2.0.0\r\n"
    )


def test_only_a_delay_says_until_when_it_is_tried() -> None:
    until = "Will-Retry-Until: Sat, 28 Nov 2026 03:00:00 +0000"
    assert fields(Status("a@b.test", "delayed", "4.0.0", will_retry_until=LATER))[-1] == until
    assert until not in fields(Status("a@b.test", "failed", "4.0.0", will_retry_until=LATER))


def test_where_no_server_answered_our_own_words_are_the_diagnostic() -> None:
    assert fields(Status("a@b.test", "failed", "4.4.1", "It did\r\nnot answer", remote="b.test"))[-2:] == [
        *("Remote-MTA: dns; b.test", "Diagnostic-Code: x-mailframe; It did not answer"),
    ]
    assert fields(Status("a@b.test", "delivered", "2.0.0", "Good"))[-1] == "Status: 2.0.0"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("mx.example.org", b"dns; mx.example.org"),
        ("[192.0.2.1]", b"dns; [192.0.2.1]"),
        ("[IPv6:2001:db8::1]", b"dns; [IPv6:2001:db8::1]"),
        ("laptop", b"x-local-hostname; laptop"),
        ("a b.test", b"x-local-hostname; a b.test"),
    ],
)
def test_a_name_that_is_not_in_the_dns_does_not_say_so(name: str, written: bytes) -> None:
    octets = delivery_status(name, [Status("a@b.test", "failed", "5.0.0")], None, ARRIVED, utf8=False)
    assert octets.startswith(b"Reporting-MTA: %b\r\n" % written)


@pytest.mark.parametrize(
    ("address", "utf8", "written"),
    [
        ('"a  b"@example.org', False, 'rfc822; "a  b"@example.org'),
        ("jos\xe9@example.org", True, "utf-8; jos\xe9@example.org"),
        ("jos\xe9@example.org", False, "utf-8; jos\\x{E9}@example.org"),
        ("\U0001f600+a=\\@example.org", False, "utf-8; \\x{1F600}\\x{2B}a\\x{3D}\\x{5C}@example.org"),
        ("plain@example.org", True, "rfc822; plain@example.org"),
    ],
)
def test_a_recipient_is_written_so_that_the_report_can_carry_it(address: str, utf8: bool, written: str) -> None:
    assert fields(Status(address, "failed", "5.0.0"), utf8)[0] == f"Final-Recipient: {written}"


@pytest.mark.parametrize(
    ("orcpt", "utf8", "written"),
    [
        ("rfc822;Ann@example.org", False, "rfc822; Ann@example.org"),
        ("utf-8;jos\\x{E9}@example.org", False, "utf-8; jos\\x{E9}@example.org"),
        ("UTF-8;jos\\x{E9}\\x{2B}\\x{0FFFF}@example.org", True, "UTF-8; jos\xe9+\uffff@example.org"),
        ("utf-8;\\x{D800}\\x{0A}@example.org", True, "utf-8; ??@example.org"),
        ("utf-8;jos\xe9@example.org", False, "utf-8; jos\\x{E9}@example.org"),
        ("utf-8;\\x{110000}@example.org", True, "utf-8; \\x{110000}@example.org"),
        ("x400;/C=us/ADMD=a", True, "x400; /C=us/ADMD=a"),
        ("nothing of the sort", False, "unknown; nothing of the sort"),
        ("evil\r\nBcc: x;a@b", False, "unknown; evil??Bcc: x;a@b"),
    ],
)
def test_the_original_recipient_is_what_the_sender_wrote(orcpt: str, utf8: bool, written: str) -> None:
    assert fields(Status("a@b.test", "failed", "5.0.0", original=orcpt), utf8)[0] == f"Original-Recipient: {written}"


def test_an_address_has_a_type() -> None:
    assert address_type("rfc822; a@b") == ("rfc822", "a@b")
    assert address_type("x" * 41 + ";a") == ("unknown", "x" * 41 + ";a")


@pytest.mark.parametrize(("action", "status"), [("lost", "5.0.0"), ("failed", "5.0"), ("failed", "5.0.0\r\nX: y")])
def test_only_what_the_rfcs_know_is_a_status(action: str, status: str) -> None:
    with pytest.raises(ValueError, match=r"RFC 3463|must be in"):
        Status("a@b.test", action, status)


def test_a_long_diagnostic_is_folded_and_bounded() -> None:
    status = Status("a@b.test", "failed", "5.0.0", diagnostic="550 " + "word " * 1000 + "x" * 5000)
    written = delivery_status("mx.example.org", [status], None, ARRIVED, utf8=False)
    assert len(written) < 2_500
    assert max(map(len, written.split(b"\r\n"))) <= 76
