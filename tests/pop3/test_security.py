"""What hostile clients do to a POP3 server: none of it is a traceback, a leak, or the loss of a message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import LogLevel, globalLogPublisher

from mailframe.pop3.limits import Limits
from tests.attack import Attack
from tests.pop3.test_session import ONE, TWO, World

LOGIN = b"USER ann\r\nPASS sec ret\r\n"


@pytest.fixture(autouse=True)
def _no_traceback() -> Iterator[None]:
    """Nothing that a client does is a fault of ours."""
    events = EventLoggingObserver()
    globalLogPublisher.addObserver(events)
    yield
    globalLogPublisher.removeObserver(events)
    assert [event for event in events if event.get("log_level") in (LogLevel.error, LogLevel.critical)] == []


def attack(world: World | None = None, **options: Any) -> Attack:
    found = Attack((world or World()).player(**options))
    assert found.send()[0].startswith(b"+OK ")
    return found


def inside(world: World) -> Attack:
    """An attack by somebody who has logged in."""
    world.append(ONE, TWO)
    found = attack(world)
    assert found.send(LOGIN)[-1] == b"+OK 2 messages"
    return found


@pytest.mark.parametrize(
    "line",
    [
        *(
            b"",
            b" ",
            b"NO\0OP",
            b"STAT\r",
            b"STAT\nQUIT",
            b"\xff\xfe",
            b"XYZZY",
            b"STAT",
            b"RETR 1",
            b"DELE 1",
            b"TOP 1 0",
        ),
        *(
            b"USER",
            b"PASS x",
            b"AUTH NOPE",
            b"AUTH PLAIN !!!",
            b"APOP ann x",
            b"STLS",
            b"UIDL",
            b"LAST",
            b"RSET",
            b"NOOP",
        ),
        *(b"A" * 300, b"USER " + b"a" * 300, b"NOOP " + b"x" * 249),
    ],
)
def test_nonsense_before_login_is_refused_and_changes_nothing(line: bytes) -> None:
    mallory = attack()
    [answer] = mallory.send(line + b"\r\n")
    assert answer.startswith(b"-ERR ")
    assert mallory.send(LOGIN)[-1] == b"+OK 0 messages"
    assert mallory.left_nothing()


@pytest.mark.parametrize(
    "line",
    [
        *(b"RETR", b"RETR 0", b"RETR 3", b"RETR -1", b"RETR 1 2", b"RETR x", b"RETR 99999999999999999999", b"RETR 1e0"),
        *(b"TOP 1", b"TOP 1 -1", b"TOP 1 x", b"TOP 1 1 1", b"DELE 1,2", b"DELE *", b"LIST 0", b"UIDL 9", b"USER ann"),
        *(b"PASS x", b"STLS", b"AUTH PLAIN", b"RETR \xd9\xa1"),
    ],
)
def test_nonsense_after_login_is_refused_and_changes_nothing(line: bytes) -> None:
    mallory = inside(World())
    [answer] = mallory.send(line + b"\r\n")
    assert answer.startswith(b"-ERR ")
    assert mallory.send(b"STAT\r\n") == [b"+OK 2 %d" % (len(ONE) + len(TWO))]
    assert mallory.left_nothing()


def test_what_follows_an_overlong_line_is_a_line_of_its_own() -> None:
    mallory = attack()
    assert len(mallory.send(b"x" * 100_000, b" QUIT", b"\r\nCAPA\r\n")) > 2
    assert not mallory.wire.disconnecting


def test_plain_text_sent_ahead_of_tls_is_thrown_away() -> None:
    mallory = attack(peer="192.0.2.9", tls=object())
    assert len(mallory.send(b"STLS\r\nUSER ann\r\nPASS sec ret\r\n")) == 1
    assert len(mallory.protocol.inbox) == 0


def test_no_password_is_taken_in_the_clear_from_elsewhere() -> None:
    mallory = attack(peer="192.0.2.9", tls=object())
    assert all(answer.startswith(b"-ERR ") for answer in mallory.send(LOGIN, b"AUTH PLAIN AGFubgBzZWMgcmV0\r\n"))


@pytest.mark.parametrize("response", [b"!!!!", b"=", b"AAAA", b"\xff", b"AGFubg==", b"A" * 20_000, b"*"])
def test_bad_responses_do_not_let_in(response: bytes) -> None:
    mallory = attack()
    assert mallory.send(b"AUTH PLAIN\r\n")[0].startswith(b"+")
    answers = mallory.send(response + b"\r\n")
    mallory.player.clock.advance(10)  # a wrong password is answered late
    [answer] = answers + mallory.send()
    assert answer.startswith(b"-ERR ")
    assert mallory.send(b"STAT\r\n")[0].startswith(b"-ERR ")


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "/etc/passwd", "a%00b", "ann@example.org/../bob", "a\x07"])
def test_no_user_name_is_a_path(name: str) -> None:
    mallory = attack()
    answers = mallory.send(f"USER {name}\r\nPASS sec ret\r\n".encode())
    mallory.player.clock.advance(10)
    assert (answers + mallory.send())[-1].startswith(b"-ERR ")


def test_whoever_only_makes_mistakes_is_hung_up_on() -> None:
    mallory = attack()
    mallory.send(*[b"NONSENSE\r\n"] * (Limits().bad_commands - 1))
    assert not mallory.wire.disconnecting
    mallory.send(b"NONSENSE\r\n")
    assert mallory.wire.disconnecting


def test_nothing_is_done_after_quit() -> None:
    world = World()
    mallory = inside(world)
    assert len(mallory.send(b"QUIT\r\nDELE 1\r\nQUIT\r\n")) == 1
    assert len(world.inbox()._items) == 2


@pytest.mark.parametrize("end", ["lost", "half", "slow"])
def test_without_quit_nothing_is_removed(end: str) -> None:
    world = World()
    mallory = inside(world)
    mallory.send(b"DELE 1\r\nDELE 2\r\nQUI")
    if end == "half":
        mallory.protocol.readConnectionLost()
        assert mallory.wire.disconnecting
    if end == "slow":
        mallory.player.clock.pump([60] * 11)
        assert mallory.wire.disconnecting
    assert mallory.left_nothing()
    assert len(world.inbox()._items) == 2
    assert attack(world).send(LOGIN)[-1] == b"+OK 2 messages"


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.binary(max_size=60), max_size=6))
def test_junk_does_no_harm(pieces: list[bytes]) -> None:
    world = World()
    mallory = inside(world)
    mallory.send(*pieces)
    assert mallory.left_nothing()
    assert len(world.inbox()._items) == 2
