"""Reports to the sender of a message, with the standard library as the reader."""

from __future__ import annotations

import email
import email.policy
import mmap
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailframe.message import headers
from mailframe.message.delivery_status import ACTIONS, Status
from mailframe.message.parts import scan
from mailframe.message.report import RETURNED, Original, report

GOLDEN = Path(__file__).parent / "golden"
ARRIVED = datetime(2026, 11, 24, 2, 0, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 24, 3, 0, 0, tzinfo=UTC)
HEAD = b"From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: lunch\r\nMessage-ID: <1@example.org>\r\n\r\n"
BODY = b"At noon?\r\n\r\n--\r\nAnn\r\n"

BOB = Status(
    "bob@example.net",
    "failed",
    "5.1.1",
    "The server refused the address",
    remote="mail.example.net",
    diagnostic="550 5.1.1 <bob@example.net>: Recipient address rejected: User unknown in virtual mailbox table",
    last_attempt=NOW,
)
CAROL = Status(
    "carol@example.com",
    "delayed",
    "4.4.1",
    "The server did not answer",
    original="rfc822;c@example.org",
    remote="mx1.example.com",
    last_attempt=NOW,
    will_retry_until=NOW + timedelta(days=4),
)
DAVE = Status("dave@example.com", "delivered", "2.0.0", last_attempt=NOW)


def written(
    *statuses: Status,
    original: Original | None = None,
    sender: str = "ann@example.org",
    boundary: str = "=_b",
    **more: Any,
) -> bytes:
    arguments: dict[str, Any] = {
        "reporting_mta": "mx.example.org",
        "from_": "MAILER-DAEMON@mx.example.org",
        "envid": None,
        "arrived": ARRIVED,
        "when": NOW,
        "message_id": "<r1@mx.example.org>",
        **more,
    }
    about = Original(HEAD, BODY) if original is None else original
    octets = report(
        sender_to_notify=sender, statuses=statuses or (BOB,), original=about, boundary=boundary, **arguments
    )
    check_octets(octets)
    return octets


def check_octets(octets: bytes) -> None:
    """What every message that is sent must be."""
    assert octets.count(b"\r") == octets.count(b"\n") == octets.count(b"\r\n")
    assert b"\0" not in octets
    assert all(len(line) <= 998 for line in octets.split(b"\r\n"))
    assert octets.endswith(b"--\r\n")


def parts(octets: bytes) -> list[Message]:
    message = email.message_from_bytes(octets)
    assert message.get_content_type() == "multipart/report"
    assert message.defects == []
    assert (message["Content-Transfer-Encoding"] or "7bit") == ("7bit" if octets.isascii() else "8bit")
    found = message.get_payload()
    assert isinstance(found, list)
    # our own reader sees the same
    assert len(scan(*headers.split(octets)).parts) == len(found)
    return [part for part in found if isinstance(part, Message)]


def status_groups(octets: bytes) -> list[Message]:
    """Return the fields of the message and those of each recipient."""
    groups = parts(octets)[1].get_payload()
    assert isinstance(groups, list)
    return [group for group in groups if isinstance(group, Message)]


def text(octets: bytes) -> str:
    payload = parts(octets)[0].get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode("utf-8").replace("\r\n", "\n")


def recipients(octets: bytes) -> list[dict[str, str]]:
    """Return the fields of each recipient, unfolded."""
    _message, *each = status_groups(octets)
    return [{name: str(value).replace("\r\n", "") for name, value in group.items()} for group in each]


def content(part: Message) -> bytes:
    """Return what stands in a part, octet by octet."""
    return part.as_bytes(policy=email.policy.compat32.clone(linesep="\r\n")).partition(b"\r\n\r\n")[2]


# --- the three parts ----------------------------------------------------------------------------------------------


def golden(name: str) -> bytes:
    return (GOLDEN / name / "message.eml").read_bytes()


def test_a_failure_is_reported_as_written_down() -> None:
    assert written(BOB, CAROL, DAVE, envid="QQ314159") == golden("15-report-of-failure")


def test_a_delay_is_reported_as_written_down() -> None:
    assert written(CAROL) == golden("16-report-of-delay")


def test_an_internationalized_message_is_reported_as_written_down() -> None:
    jose = Status(
        "jos\xe9@example.net", "failed", "5.1.1", "Refused", "utf-8;jos\\x{E9}@example.net", "mx", "550 \xbfQu\xe9?"
    )
    head = "From: zo\xeb@example.org\r\nSubject: gr\xfc\xdfe\r\n\r\n".encode()
    octets = written(jose, original=Original(head, b"hello\r\n"), sender="zo\xeb@example.org", utf8=True)
    assert octets == golden("17-report-internationalized")


def test_the_standard_library_finds_three_parts() -> None:
    octets = written(BOB, CAROL, DAVE, envid="QQ314159")
    types = [part.get_content_type() for part in parts(octets)]
    assert types == ["text/plain", "message/delivery-status", "message/rfc822"]
    assert dict(status_groups(octets)[0].items()) == {
        "Original-Envelope-Id": "QQ314159",
        "Reporting-MTA": "dns; mx.example.org",
        "Arrival-Date": "Tue, 24 Nov 2026 02:00:00 +0000",
    }
    bob, carol, dave = recipients(octets)
    assert bob == {
        "Final-Recipient": "rfc822; bob@example.net",
        "Action": "failed",
        "Status": "5.1.1",
        "Remote-MTA": "dns; mail.example.net",
        "Diagnostic-Code": f"smtp; {BOB.diagnostic}",
        "Last-Attempt-Date": "Tue, 24 Nov 2026 03:00:00 +0000",
    }
    assert (carol["Original-Recipient"], carol["Action"]) == ("rfc822; c@example.org", "delayed")
    assert dave["Status"] == "2.0.0"
    assert content(parts(octets)[2]) == HEAD + BODY


def test_the_header_says_from_whom_and_about_what() -> None:
    message = email.message_from_bytes(written(BOB), policy=email.policy.default)
    assert message["From"].addresses[0].addr_spec == "MAILER-DAEMON@mx.example.org"
    assert message["To"].addresses[0].addr_spec == "ann@example.org"
    assert message["Date"].datetime == NOW
    assert message["Message-ID"] == "<r1@mx.example.org>"
    assert message["In-Reply-To"] == message["References"] == "<1@example.org>"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message.get_param("report-type") == "delivery-status"


@pytest.mark.parametrize(
    ("actions", "subject"),
    [
        (["delivered", "delayed", "failed"], "Your message could not be delivered"),
        (["delivered", "delayed"], "Your message is not delivered yet"),
        (["delivered"], "Your message was delivered"),
        (["delivered", "relayed"], "Your message was handed on"),
        (["expanded"], "Your message was delivered to several addresses"),
    ],
)
def test_the_subject_says_the_worst(actions: list[str], subject: str) -> None:
    octets = written(*(Status("a@b.test", action, "4.0.0") for action in actions))
    assert email.message_from_bytes(octets)["Subject"] == subject


@pytest.mark.parametrize(
    "value", [b"", b"none", b"<a\xe9@b>", b"<%b@b>" % (b"a" * 300), b"<>", b"\r\n", b'<"\x01"@x>', b"<a\x7f@b>"]
)
def test_a_report_follows_no_message_id_that_is_none(value: bytes) -> None:
    octets = written(original=Original(b"Message-ID: %b\r\n\r\n" % value))
    message = email.message_from_bytes(octets)
    assert message["References"] is message["In-Reply-To"] is None


# --- for people ---------------------------------------------------------------------------------------------------


def test_a_person_reads_what_happened_and_what_to_do() -> None:
    words = " ".join(text(written(BOB, CAROL)).split())
    assert "could NOT be delivered to: bob@example.net The server refused the address." in words
    assert f"The server mail.example.net said: {BOB.diagnostic} What to do: Check the address for a mistake." in words
    assert "YET to: carol@example.com You wrote to c@example.org. The server did not answer." in words
    assert "The last server tried was mx1.example.com." in words
    assert "It will be tried until Sat, 28 Nov 2026 03:00:00 +0000." in words
    assert "You need not send the message again." in words
    assert "Subject: lunch Message-ID: <1@example.org> It came here on Tue, 24 Nov 2026 02:00:00 +0000." in words
    assert words.endswith("The whole message is attached.")


def test_the_subject_is_shown_decoded() -> None:
    original = Original(b"Subject: =?utf-8?q?gr=C3=BC=C3=9Fe=0D=0Ax?=\r\n\r\n")
    octets = written(original=original)
    assert "    Subject: gr\xfc\xdfe x\n" in text(octets)
    assert b"charset=utf-8\r\nContent-Description: Explanation\r\nContent-Transfer-Encoding: 8bit\r\n" in octets


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("5.2.2", "The mailbox is full."),
        ("4.4.7", "The server did not take the message in time."),
        ("5.4.99", "The server could not be reached."),
        ("5.7.123", "The server does not want the message."),
        ("5.0.0", "If you cannot tell what is wrong"),
    ],
)
def test_a_failure_comes_with_advice(status: str, advice: str) -> None:
    assert f"What to do: {advice}" in " ".join(text(written(Status("a@b.test", "failed", status))).split())


def test_advice_is_given_only_where_something_went_wrong() -> None:
    for action in ("delivered", "relayed", "expanded", "delayed"):
        assert "What to do" not in text(written(Status("a@b.test", action, "2.1.1")))


def test_a_reply_of_nobody_is_still_shown() -> None:
    octets = written(Status("a@b.test", "failed", "5.0.0", "Why not?", diagnostic="550 no"), original=Original(b""))
    assert "    Why not?\n    The server said: 550 no\n" in text(octets)
    assert text(octets).endswith("It came here on Tue, 24 Nov 2026 02:00:00 +0000.\n")


# --- what is returned ---------------------------------------------------------------------------------------------


def third(octets: bytes) -> tuple[str, bytes]:
    part = parts(octets)[2]
    payload = content(part) if part.get_content_maintype() == "message" else part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return part.get_content_type(), payload


HEADERS_ONLY = ("text/rfc822-headers", HEAD.removesuffix(b"\r\n"))


@pytest.mark.parametrize(
    ("statuses", "body"),
    [((BOB,), None), ((CAROL,), BODY), ((DAVE,), BODY)],
    ids=["RET=HDRS", "a delay", "a success"],
)
def test_the_header_alone_is_returned_where_no_more_is_wanted(statuses: tuple[Status, ...], body: bytes | None) -> None:
    octets = written(*statuses, original=Original(HEAD, body))
    assert third(octets) == HEADERS_ONLY
    assert "The header of the message is attached." in text(octets)


def test_a_big_message_is_not_returned_whole() -> None:
    line = b"x" * 62 + b"\r\n"
    fits = line * ((RETURNED - len(HEAD)) // 64)
    assert third(written(original=Original(HEAD, fits))) == ("message/rfc822", HEAD + fits)
    assert third(written(original=Original(HEAD, fits + line))) == HEADERS_ONLY
    assert third(written(original=Original(HEAD, BODY), returned=len(HEAD + BODY)))[0] == "message/rfc822"
    assert third(written(original=Original(HEAD, BODY), returned=len(HEAD + BODY) - 1)) == HEADERS_ONLY


def test_a_big_header_is_cut_at_a_line() -> None:
    head = b"A: b\r\n" * 100
    assert third(written(original=Original(head), returned=20)) == ("text/rfc822-headers", b"A: b\r\n" * 3)
    assert (
        third(written(original=Original(b"A: " + b"b" * 50 + b"\r\n"), returned=20))[1] == b"A: " + b"b" * 17 + b"\r\n"
    )


def test_a_body_in_a_file_is_returned(tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(BODY)
    with open(tmp_path / "body", "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        assert third(written(original=Original(HEAD, view))) == ("message/rfc822", HEAD + BODY)


@pytest.mark.parametrize("body", [b"a\nb\r\n", b"a\rb", b"a\0b", b"x" * 999 + b"\r\n", b"a\r\n.\n"])
def test_a_body_that_no_server_should_be_sent_is_not_returned(body: bytes) -> None:
    assert third(written(original=Original(HEAD, body))) == HEADERS_ONLY
    assert third(written(original=Original(HEAD, b"x" * 998 + b"\r\n")))[0] == "message/rfc822"


def test_a_broken_header_is_mended() -> None:
    octets = written(original=Original(b"A: b\nC: \0d\r\nE: " + b"f" * 1000 + b"\n\n", b"x"))
    assert third(octets) == (
        "text/rfc822-headers",
        b"A: b\r\nC: d\r\nE: " + b"f" * 897 + b"\r\n " + b"f" * 103 + b"\r\n",
    )


def test_nothing_is_returned_of_a_message_without_a_header() -> None:
    assert len(parts(written(original=Original(b"", b"body\r\n")))) == 2


def test_eight_bits_are_declared() -> None:
    octets = written(original=Original(HEAD, b"caf\xe9\r\n"))
    assert b"Content-Description: Undelivered message\r\nContent-Transfer-Encoding: 8bit\r\n" in octets
    assert octets.endswith(b"caf\xe9\r\n\r\n--=_b--\r\n")
    assert octets.count(b"Content-Transfer-Encoding: 8bit\r\n") == 2
    octets = written(original=Original(b"Subject: caf\xe9\r\n\r\n", None))
    assert octets.count(b"Content-Transfer-Encoding: 8bit\r\n") == 3  # the text shows the Subject
    assert b"Content-Transfer-Encoding" not in written()


@pytest.mark.parametrize(
    ("head", "body", "types"),
    [
        (b"A: b\r\n\r\n", b"c\r\n", ("message/rfc822", "text/rfc822-headers")),
        (b"A: \xc3\xa9\r\n\r\n", b"c\r\n", ("message/global", "message/global-headers")),
        (b"A: \xe9\r\n\r\n", b"c\r\n", ("message/rfc822", "text/rfc822-headers")),
        (b"A: b\r\n\r\n", b"\xc3\xa9\r\n", ("message/global", "text/rfc822-headers")),
    ],
)
def test_an_internationalized_original_has_types_of_its_own(head: bytes, body: bytes, types: tuple[str, str]) -> None:
    assert third(written(original=Original(head, body), utf8=True))[0] == types[0]
    assert parts(written(CAROL, original=Original(head, body), utf8=True))[2].get_content_type() == types[1]
    assert third(written(original=Original(head, body)))[0] == "message/rfc822"


def test_a_reply_in_utf_8_needs_a_report_that_may_have_it() -> None:
    status = Status("a@b.test", "failed", "5.0.0", diagnostic="550 \xbfQu\xe9?")
    assert recipients(written(status))[0]["Diagnostic-Code"] == "smtp; 550 ?Qu??"
    octets = written(status, utf8=True)
    assert b"\r\nDiagnostic-Code: smtp; 550 \xc2\xbfQu\xc3\xa9?\r\n" in octets
    assert b"Content-Type: message/global-delivery-status\r\n" in octets
    assert b"report-type=global-delivery-status;" in octets


def test_a_sender_beyond_ascii_makes_the_report_internationalized() -> None:
    assert b"\r\nTo: zo\xc3\xab@example.org\r\n" in written(sender="zo\xeb@example.org")


# --- nothing gets in ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        *({"sender": ""}, {"boundary": ""}, {"boundary": "a b"}, {"boundary": "a" * 61}, {"boundary": 'a"\r\nX: y'}),
        *({"message_id": "1@x"}, {"message_id": "<1\r\n@x>"}, {"message_id": ""}),
    ],
)
def test_a_report_without_what_it_needs_is_a_fault(changed: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"a report needs|the boundary or"):
        written(**changed)  # type: ignore[arg-type]


def test_a_report_of_nothing_is_a_fault() -> None:
    with pytest.raises(ValueError, match="a report needs"):
        report(
            *("mx.example.org", "a@b.test", "c@d.test", [], Original(HEAD), None),
            *(ARRIVED, NOW, "<1@x>", "b"),
        )


@pytest.mark.parametrize("body", [b"--=_b--\r\n", b"x\r\n--=_b\r\n--=_b0\r\n--=_b10\r\n", b"=_b1 =_b0"])
def test_the_boundary_never_stands_in_a_part(body: bytes) -> None:
    octets = written(original=Original(HEAD, body))
    assert third(octets) == ("message/rfc822", HEAD + body)
    boundary = email.message_from_bytes(octets).get_boundary()
    assert boundary is not None
    assert boundary.encode() not in HEAD + body


EVIL = st.lists(
    st.one_of(
        st.sampled_from(
            ["\r\n", "\n", "\r", "\0", ":", "--=_b", "--=_b--", "\r\n\r\n", "\x85", "\u2028", "Bcc: a@b", ";"]
        ),
        st.text(max_size=20),
        st.sampled_from(["x" * 1500, "\xe9" * 900, "\u20ac " * 700]),
    ),
    max_size=6,
).map("".join)
STATUSES = st.builds(
    Status,
    address=EVIL,
    action=st.sampled_from(ACTIONS),
    status=st.sampled_from(["5.1.1", "4.999.0", "2.0.0"]),
    text=EVIL,
    original=st.one_of(st.none(), EVIL, EVIL.map("utf-8;".__add__)),
    remote=EVIL,
    diagnostic=EVIL,
    last_attempt=st.one_of(st.none(), st.just(NOW)),
    will_retry_until=st.one_of(st.none(), st.just(NOW)),
)
OCTETS = st.lists(
    st.one_of(
        st.sampled_from([b"\r\n", b"\n", b"\r", b"\0", b"--=_b", b"--=_b--", b"A: ", b"<1@x>"]), st.binary(max_size=9)
    )
).map(b"".join)


@given(
    st.lists(STATUSES, min_size=1, max_size=3),
    st.tuples(OCTETS, st.one_of(st.none(), OCTETS)),
    st.tuples(EVIL.filter(bool), EVIL, EVIL, st.one_of(st.none(), EVIL)),
    st.booleans(),
)
def test_whatever_is_reported_stays_where_it_belongs(
    statuses: list[Status],
    original: tuple[bytes, bytes | None],
    names: tuple[str, str, str, str | None],
    utf8: bool,
) -> None:
    sender, from_, host, envid = names
    octets = written(
        *statuses,
        original=Original(*original),
        sender=sender,
        from_=from_,
        reporting_mta=host,
        envid=envid,
        utf8=utf8,
    )
    head, body = headers.split(octets)
    allowed = ["From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted"]
    allowed += ["MIME-Version", "Content-Type", "Content-Transfer-Encoding"]
    found = [field.name.decode() for field in headers.fields(head)]
    assert found == [name for name in allowed if name in found]
    tree = scan(head, body)
    assert len(tree.parts) == (3 if original[0] else 2)
    status = tree.parts[1]
    groups = octets[status.body : status.end].split(b"\r\n\r\n")
    assert len(groups) == 1 + len(statuses)
    for group, each in zip(groups[1:], statuses, strict=True):
        index = headers.index(group)
        assert [len(values) for values in index.values()] == [1] * len(index)
        assert headers.value(index, b"action") == each.action.encode()
        assert headers.value(index, b"status") == each.status.encode()
        assert b"bcc" not in index
    if not utf8 and sender.isascii():
        assert head.isascii()
        assert octets[status.header : status.end].isascii()
