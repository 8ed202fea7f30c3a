"""A server's replies, whole, in pieces, and hostile ones."""

from __future__ import annotations

import pytest

from mailframe.net.lines import Inbox
from mailframe.smtp.client.offers import Offers
from mailframe.smtp.client.replies import TEXT_CHARACTERS, BadReply, PeerReply, ReplyReader


def read(*pieces: bytes, line: int = 2048, lines: int = 128) -> list[PeerReply]:
    inbox = Inbox()
    reader = ReplyReader(inbox, line, lines)
    found = []
    for piece in pieces:
        inbox.feed(piece)
        while (reply := reader.reply()) is not None:
            found.append(reply)
    return found


CASES = [
    (b"250 OK\r\n", PeerReply(250, ("OK",))),
    (b"250\r\n", PeerReply(250, ("",))),
    (b"250 \r\n", PeerReply(250, ("",))),
    (b"250-a\r\n250-\r\n250 b\r\n", PeerReply(250, ("a", "", "b"))),
    (b"550-5.1.1 No such\r\n550 5.1.1 user\r\n", PeerReply(550, ("5.1.1 No such", "5.1.1 user"))),
    (b"250-a\r\n450 b\r\n", PeerReply(450, ("a", "b"))),
    ("250 Grüße\r\n".encode(), PeerReply(250, ("Grüße",))),
    (b"250 a\x00\x1b[31m\xff\r\n", PeerReply(250, ("a??[31m\ufffd",))),
    (b"250 a\nb\r\n", PeerReply(250, ("a?b",))),
]


@pytest.mark.parametrize(("octets", "reply"), CASES)
def test_a_reply_is_read_whole_in_pieces_and_with_more_behind_it(octets: bytes, reply: PeerReply) -> None:
    assert read(octets) == [reply]
    assert read(octets + b"221 ") == [reply]
    assert read(octets + octets) == [reply, reply]
    for cut in range(1, len(octets)):
        assert read(octets[:cut], octets[cut:]) == [reply]


@pytest.mark.parametrize(
    "octets", [b"hello\r\n", b"\r\n", b"25 a\r\n", b"150 a\r\n", b"650 a\r\n", b"250_a\r\n", b"2500\r\n"]
)
def test_what_is_no_reply_is_an_error(octets: bytes) -> None:
    with pytest.raises(BadReply):
        read(octets)


def test_a_line_without_an_end_is_an_error_once_it_is_too_long() -> None:
    assert read(b"250 " + b"x" * 90, line=100) == []
    with pytest.raises(BadReply, match="longer than 100"):
        read(b"250 " + b"x" * 97, line=100)
    with pytest.raises(BadReply, match="longer than 100"):
        read(b"250 " + b"x" * 97 + b"\r\n", line=100)


def test_a_reply_without_an_end_is_an_error_once_it_has_too_many_lines() -> None:
    assert len(read(b"250-a\r\n" * 9 + b"250 a\r\n", lines=10)[0].lines) == 10
    with pytest.raises(BadReply, match="more than 10 lines"):
        read(b"250-a\r\n" * 10, lines=10)


def test_the_status_code_counts_only_if_it_is_of_the_class_of_the_reply() -> None:
    assert PeerReply(550, ("5.1.1 No",)).enhanced == "5.1.1"
    assert PeerReply(550, ("5.1.1",)).enhanced == "5.1.1"
    assert PeerReply(550, ("4.1.1 No",)).enhanced == ""
    assert PeerReply(550, ("No 5.1.1",)).enhanced == ""
    assert PeerReply(250, ("2.1.5x",)).enhanced == ""


def test_a_long_reply_is_cut_for_the_log() -> None:
    assert len(str(PeerReply(550, ("x" * 2000,)))) == TEXT_CHARACTERS
    assert str(PeerReply(250, ("",))) == "250"


def test_what_a_server_offers_is_read_from_its_reply() -> None:
    lines = ("MX.Example.org at your service", "SIZE 1000", "starttls", "AUTH PLAIN login", "!?", "8BITMIME", "X-a b")
    offers = Offers.of(PeerReply(250, lines))
    assert offers.name == "mx.example.org"
    assert set(offers.keywords) == {"SIZE", "STARTTLS", "AUTH", "8BITMIME", "X-A"}
    assert offers.size == 1000
    assert offers.mechanisms == {"PLAIN", "LOGIN"}
    assert "STARTTLS" in offers
    assert "DSN" not in offers


@pytest.mark.parametrize("size", ["", "0", "many", "-5", "9" * 30, "\u0661"])
def test_a_size_that_is_none_is_no_limit(size: str) -> None:
    assert Offers.of(PeerReply(250, ("x", f"SIZE {size}"))).size == 0


def test_an_old_servers_auth_line_is_understood() -> None:
    assert Offers.of(PeerReply(250, ("x", "AUTH=LOGIN PLAIN"))).mechanisms == {"PLAIN", "LOGIN"}
