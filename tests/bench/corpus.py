"""Messages as people get them, the same ones each time: short notes, newsletters in two forms, attachments."""

from __future__ import annotations

import base64
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

_NAMES = [
    "Ann",
    "Bob",
    "Carol",
    "Dave",
    "Eve",
    "Frank",
    "Grace",
    "Heidi",
    "Ivan",
    "Judy",
    "Mallory",
    "Niaj",
    "Olivia",
    "Peggy",
    "Rupert",
    "Sybil",
    "Trent",
    "Victor",
]
_WORDS = [
    "report",
    "meeting",
    "budget",
    "schedule",
    "project",
    "customer",
    "invoice",
    "release",
    "review",
    "plan",
    "holiday",
    "question",
    "answer",
    "draft",
    "figures",
    "contract",
    "server",
    "mailbox",
    "weather",
    "lunch",
    "travel",
    "ticket",
    "order",
    "delivery",
    "status",
    "update",
]
_START = datetime(2024, 1, 1, tzinfo=UTC)


def corpus(count: int, seed: int = 1) -> list[bytes]:
    """Return that many messages of 1 to 20 KB, about 4 KB on average."""
    chance = random.Random(seed)
    return [_message(chance, number) for number in range(count)]


def _text(chance: random.Random, lines: int) -> str:
    return "\r\n".join(" ".join(chance.choices(_WORDS, k=11)) for _ in range(lines))


def _message(chance: random.Random, number: int) -> bytes:
    sender, to = chance.sample(_NAMES, 2)
    when = format_datetime(_START + timedelta(minutes=7 * number))
    head = (
        f"Return-Path: <{sender.lower()}@example.org>\r\n"
        f"Received: from mail.example.org (mail.example.org [192.0.2.1]) by mx.example.net with ESMTPS\r\n"
        f"\tid {number:08x}; {when}\r\n"
        f"Message-ID: <{number}.{chance.getrandbits(64):x}@example.org>\r\n"
        f"Date: {when}\r\nFrom: {sender} Example <{sender.lower()}@example.org>\r\n"
        f'To: "{to} Sample" <{to.lower()}@example.net>, team@example.net\r\n'
        f"Subject: {'Re: ' * chance.randint(0, 1)}{' '.join(chance.choices(_WORDS, k=5))}\r\n"
        f"References: <{max(0, number - 1)}.ref@example.org>\r\nMIME-Version: 1.0\r\n"
    )
    kind = chance.random()
    if kind < 0.5:
        body = f"Content-Type: text/plain; charset=utf-8\r\n\r\n{_text(chance, chance.randint(5, 40))}\r\n"
    elif kind < 0.85:
        body = _multipart(
            "alternative",
            [
                ("text/plain; charset=utf-8", _text(chance, 15)),
                ("text/html; charset=utf-8", f"<p>{_text(chance, 25)}</p>"),
            ],
        )
    else:
        data = base64.encodebytes(chance.randbytes(9000)).decode().replace("\n", "\r\n")
        body = _multipart(
            "mixed",
            [
                ("text/plain", _text(chance, 10)),
                ('application/pdf; name="a.pdf"\r\nContent-Transfer-Encoding: base64', data),
            ],
        )
    return (head + body).encode()


def _multipart(subtype: str, parts: list[tuple[str, str]]) -> str:
    inner = "".join(f"--=_b\r\nContent-Type: {kind}\r\n\r\n{text}\r\n" for kind, text in parts)
    return f'Content-Type: multipart/{subtype}; boundary="=_b"\r\n\r\n{inner}--=_b--\r\n'
