"""What a POP3 session does when the world around it is in trouble."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

from mailframe.errors import MailError, NoSuchMessage, Temporary
from tests.pop3.test_session import ONE, World, login


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (Temporary("The disk is broken"), "-ERR [SYS/TEMP] The disk is broken"),
        (NoSuchMessage("The message is gone"), "-ERR The message is gone"),
        (MailError(), "-ERR It cannot be done"),
    ],
)
def test_a_store_in_trouble_is_answered_for(error: MailError, answer: str) -> None:
    world = World()
    world.append(ONE)
    player = world.play(login(count=1))

    async def read(*_arguments: Any) -> bytes:
        raise error

    with mock.patch.object(type(world.inbox()), "read", read):
        player.play(f"C: RETR 1\nS: {answer}\nC: NOOP\nS: +OK ...")


def test_a_client_that_does_not_read_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.append(b"Subject: long\r\n\r\n" + b"x" * 78 * 50_000)
    player = world.play(login(count=1))
    client = player._client("")
    conversation: Any = client.protocol
    write = client.wire.write

    def full(data: bytes) -> None:
        write(data)
        conversation.pauseProducing()

    monkeypatch.setattr(client.wire, "write", full)
    conversation.dataReceived(b"RETR 1\r\n")
    assert not client.wire.disconnecting
    world.clock.pump([60] * 6)
    assert client.wire.disconnecting
    assert len(client.wire.value()) < 2_000_000
