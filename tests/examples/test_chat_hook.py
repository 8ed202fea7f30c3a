"""Mail goes to the chat room; what the room says becomes an outcome."""

from __future__ import annotations

import pytest

from mailframe import Address, Delivered, Delivery, Envelope, Failed, Message, Outcome, Retry
from mailframe.envelope import Recipient
from mailframe.inline import now
from tests.examples.loaded import example


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, Delivered()), (404, Failed("5.1.1", "The room is gone")), (503, Retry("4.3.0", "Chat is down"))],
)
def test_the_rooms_answer_is_the_outcome(status: int, outcome: Outcome) -> None:
    posted: list[str] = []

    async def post(text: str) -> int:
        posted.append(text)
        return status

    to = Recipient(Address("alerts", "example.org"))
    envelope = Envelope(Address("cron", "example.org"), (to,))
    delivery = Delivery("id", envelope, (to,), Message.from_bytes(b"Subject: =?utf-8?q?Disk_f=C3=BCll?=\r\n\r\n"))
    assert now(example("chat_hook").to_chat(post)(delivery)) == outcome
    assert posted == ["cron@example.org: Disk füll"]
