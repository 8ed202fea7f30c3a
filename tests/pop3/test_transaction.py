"""RETR and TOP of messages that are longer than a piece, and of messages that go while they are read."""

from __future__ import annotations

from typing import Any

import pytest

from mailframe.errors import NoSuchMessage
from mailframe.pop3 import transaction
from mailframe.testing.transcript import Transcript
from tests.pop3.test_session import World, login

HEAD = b"Subject: long\r\nX-Filler: xxxxxxxx\r\n\r\n"
LINES = [b"first\r\n", b".dot\r\n", b"\r\n", b"..two\r\n", b"last\r\n"]
MAIL = HEAD + b"".join(LINES)
STUFFED = [line.replace(b".", b"..", 1) if line.startswith(b".") else line for line in LINES]


def opened(data: bytes = MAIL) -> tuple[World, Transcript]:
    """A user who has logged in and has one message."""
    world = World()
    world.append(data)
    return world, world.play(login(count=1))


def asked(player: Transcript, command: bytes) -> bytes:
    """Return all that the server answers."""
    client = player._client("")
    client.protocol.dataReceived(command + b"\r\n")
    player.clock.advance(0)
    client.collect()
    said, client.unread = client.unread, b""
    return said


@pytest.mark.parametrize("piece", [*range(1, len(HEAD) + 4), len(MAIL), len(MAIL) + 1])
def test_pieces_of_any_size_make_the_same_answers(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(transaction, "PIECE", piece)
    _world, player = opened()
    assert asked(player, b"RETR 1") == b"+OK %d octets\r\n" % len(MAIL) + HEAD + b"".join(STUFFED) + b".\r\n"
    for count in range(len(LINES) + 2):
        octets = len(HEAD + b"".join(LINES[:count]))
        expected = b"+OK %d octets\r\n" % octets + HEAD + b"".join(STUFFED[:count]) + b".\r\n"
        assert asked(player, b"TOP 1 %d" % count) == expected


def test_a_message_without_a_body_is_all_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction, "PIECE", 7)
    _world, player = opened(b"Subject: only\r\nX: y\r\n")
    assert asked(player, b"TOP 1 3") == b"+OK 21 octets\r\nSubject: only\r\nX: y\r\n.\r\n"


def reads(world: World, monkeypatch: pytest.MonkeyPatch, whole: int, then: Any) -> None:
    """Let the inbox be read so often, and then do what C{then} does."""
    inbox = type(world.inbox())
    real, left = inbox.read, [whole]

    async def read(self: Any, uid: int, start: int = 0, length: int | None = None) -> Any:
        left[0] -= 1
        return await real(self, uid, start, length) if left[0] >= 0 else then()

    monkeypatch.setattr(inbox, "read", read)
    monkeypatch.setattr(transaction, "PIECE", 10)


def gone() -> bytes:
    raise NoSuchMessage("expunged by another client")


def test_half_a_message_never_looks_like_a_whole_one(monkeypatch: pytest.MonkeyPatch) -> None:
    world, player = opened()
    reads(world, monkeypatch, 2, gone)
    said = asked(player, b"RETR 1")
    assert said == b"+OK %d octets\r\n" % len(MAIL) + MAIL[:20]
    assert player._client("").wire.disconnecting


@pytest.mark.parametrize("whole", [0, 1, 5])
def test_a_message_that_goes_before_anything_was_said_is_told_as_gone(
    monkeypatch: pytest.MonkeyPatch, whole: int
) -> None:
    world, player = opened()
    reads(world, monkeypatch, whole, gone)
    player.play("C: TOP 1 2\nS: -ERR The message is gone\nC: NOOP\nS: +OK ...")


def test_a_store_that_has_less_than_it_says_makes_no_endless_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    world, player = opened()
    reads(world, monkeypatch, 2, lambda: b"")
    assert asked(player, b"RETR 1").endswith(MAIL[:20] + b"\r\n.\r\n")
    reads(world, monkeypatch, 0, lambda: b"")
    assert asked(player, b"TOP 1 1").endswith(b" octets\r\n.\r\n")
