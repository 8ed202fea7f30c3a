"""What hostile clients do to an IMAP server: none of it is a traceback, a leak, or a command of somebody else's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import LogLevel, globalLogPublisher

from mailframe.imap.limits import Limits
from tests.attack import Attack
from tests.imap.world import USER, World

LOGIN = b"a LOGIN ann secret\r\n"
SELECT = b"b SELECT INBOX\r\n"


@pytest.fixture(autouse=True)
def _no_traceback() -> Iterator[None]:
    """Nothing that a client does is a fault of ours."""
    events = EventLoggingObserver()
    globalLogPublisher.addObserver(events)
    yield
    globalLogPublisher.removeObserver(events)
    assert [event for event in events if event.get("log_level") in (LogLevel.error, LogLevel.critical)] == []


def attack(**options: Any) -> Attack:
    found = Attack(World().player(**options))
    assert found.send()[0].startswith(b"* OK ")
    return found


def inside(messages: int = 0, **options: Any) -> Attack:
    """An attack by somebody who has logged in and selected a mailbox."""
    world = World()
    world.append(*["x"] * messages)
    found = Attack(world.player(**options))
    assert found.send(LOGIN, SELECT)[-1].startswith(b"b OK ")
    return found


@pytest.mark.parametrize(
    "line",
    [
        *(
            b"",
            b" ",
            b"x",
            b"x ",
            b"* NOOP",
            b"+ NOOP",
            b"x NO\0OP",
            b"x NOOP\r",
            b"x\nNOOP",
            b"x NOOP junk",
            b"\xff\xfe",
        ),
        *(b"x LOGIN", b"x LOGIN ann", b"x LOGIN ann secret more", b'x LOGIN "ann', b'x LOGIN "a\\nn" secret'),
        *(
            b"x AUTHENTICATE",
            b"x AUTHENTICATE NOPE",
            b"x AUTHENTICATE PLAIN !!!",
            b"x SELECT INBOX",
            b"x UID",
            b"x UID ",
        ),
        *(
            b"x FETCH 1 FLAGS",
            b"x IDLE",
            b"x STARTTLS",
            b"x ENABLE CONDSTORE",
            b"x UNKNOWN",
            b"( ( (",
            b"x {5",
            b"x {}",
        ),
    ],
)
def test_nonsense_before_login_is_bad_and_changes_nothing(line: bytes) -> None:
    mallory = attack()
    answer = mallory.send(line + b"\r\n")
    assert [each.split(b" ")[1] for each in answer] in ([b"BAD"], [b"NO"], [b"BAD", b"BAD"])
    assert mallory.send(b"z NOOP\r\n") == [b"z OK Done"]
    assert mallory.left_nothing()


@pytest.mark.parametrize(
    "command",
    [
        b"x FETCH 1 " + b"(" * 1000,
        b"x FETCH 1 (" + b"FLAGS " * 300 + b"FLAGS)",
        b"x FETCH 1 BODY[" + b"1." * 200 + b"1]",
        b"x FETCH 1 BODY[HEADER.FIELDS (" + b"A " * 300 + b"A)]",
        b"x FETCH 1 BODY[]<99999999999999999999.1>",
        b"x FETCH 0 FLAGS",
        b"x FETCH 4294967296 FLAGS",
        b"x FETCH " + b"1," * 20_000 + b"1 FLAGS",
        b"x FETCH 1:99999999999999999999999 FLAGS",
        b"x SEARCH " + b"(" * 200 + b"ALL" + b")" * 200,
        b"x SEARCH " + b"NOT " * 2000 + b"ALL",
        b"x SEARCH " + b"OR " * 5000 + b"ALL",
        b"x SEARCH CHARSET nowhere TEXT x",
        b"x STORE 1 FLAGS (" + b"a " * 300 + b"a)",
        b"x STORE 1 FLAGS (\\Recent)",
        b"x STORE 1 FLAGS (" + b"a" * 200 + b")",
        b"x COPY 1 nowhere",
        b"x LOGIN ann secret",
        b"x APPEND INBOX {99999999999}",
    ],
)
def test_floods_and_bombs_are_refused(command: bytes) -> None:
    mallory = inside(1)
    answer = mallory.send(command + b"\r\n")
    assert answer[-1].startswith((b"x BAD ", b"x NO ")), answer
    assert mallory.send(b"z NOOP\r\n") == [b"z OK Done"]
    assert mallory.left_nothing()


def test_a_huge_range_costs_what_there_is() -> None:
    mallory = inside(2)
    assert len(mallory.send(b"x UID FETCH 1:4294967295 FLAGS\r\n")) == 3
    assert mallory.send(b"x UID FETCH 4294967295:1 FLAGS\r\n")[-1] == b"x OK Done"


def test_lines_that_are_too_long_are_thrown_away_whole() -> None:
    mallory = attack()
    hidden = b"x" * 9000 + b" y LOGIN ann secret"
    [answer] = mallory.send(b"x " + hidden + b"\r\n")
    assert answer.split(b" ")[1] == b"BAD"
    assert mallory.send(b"z SELECT INBOX\r\n")[0].split(b" ")[1] == b"BAD"  # nobody has logged in


def test_refused_literals_are_not_taken_for_commands() -> None:
    limits = Limits()
    mallory = attack()
    size = limits.unauthenticated_literal + 1
    smuggled = b"y LOGIN ann secret\r\n" * (size // 20 + 1)
    answers = mallory.send(b"x LOGIN {%d+}\r\n" % size + smuggled[:size] + b" secret\r\n")
    assert [answer.split(b" ")[:2] for answer in answers] == [[b"x", b"BAD"]]
    assert mallory.send(b"z SELECT INBOX\r\n")[0].startswith(b"z BAD ")
    mallory = attack()
    answers = mallory.send(b"x LOGIN {%d}\r\n" % size)
    assert [answer.split(b" ")[:2] for answer in answers] == [[b"x", b"BAD"]]


def test_a_literal_beyond_all_bounds_ends_the_connection() -> None:
    mallory = inside()
    answers = mallory.send(b"x APPEND INBOX {%d+}\r\n" % (Limits().discarded + 1))
    assert [answer.split(b" ")[1] for answer in answers] == [b"NO", b"BYE"]
    assert mallory.wire.disconnecting


def test_too_many_literals_are_refused() -> None:
    mallory = inside()
    answers = mallory.send(b"x SEARCH " + b"TEXT {1+}\r\na " * 200 + b"ALL\r\n")
    assert answers[0].split(b" ")[1] == b"BAD"
    assert mallory.send(b"z NOOP\r\n")[-1] == b"z OK Done"


def test_plain_text_sent_ahead_of_tls_is_thrown_away() -> None:
    mallory = attack(peer="192.0.2.9", tls=object())
    assert mallory.send(b"x STARTTLS\r\ny LOGIN ann secret\r\n")[0].startswith(b"x OK ")
    assert mallory.send() == []
    assert len(mallory.protocol.inbox) == 0


def test_no_password_is_taken_in_the_clear_from_elsewhere() -> None:
    mallory = attack(peer="192.0.2.9", tls=object())
    for command in (LOGIN, b"a AUTHENTICATE PLAIN AGFubgBzZWNyZXQ=\r\n"):
        assert mallory.send(command)[0].startswith(b"a NO [PRIVACYREQUIRED] ")


@pytest.mark.parametrize("response", [b"!!!!", b"=", b"AAAA", b"\xff", b"AGFubg==", b"A" * 20_000, b"*"])
def test_bad_responses_do_not_let_in(response: bytes) -> None:
    mallory = attack()
    assert mallory.send(b"a AUTHENTICATE PLAIN\r\n")[0].startswith(b"+")
    answers = mallory.send(response + b"\r\n")
    mallory.player.clock.advance(10)  # a wrong password is answered late
    [answer] = answers + mallory.send()
    assert answer.startswith((b"a NO ", b"a BAD "))
    assert mallory.send(b"z SELECT INBOX\r\n")[0].startswith(b"z BAD ")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..", ".", "/", "a//b", "/etc", "a/../b", "x\x07y", "a" * 2000, ""]
)
def test_no_mailbox_name_is_a_path(name: str) -> None:
    mallory = inside()
    answer = mallory.send(b'x CREATE "%b"\r\n' % name.encode())[-1]
    assert answer.split(b" ")[1] in (b"OK", b"NO", b"BAD")
    assert mallory.send(b"z NOOP\r\n")[-1] == b"z OK Done"
    for line in mallory.send(b'x LIST "" *\r\n'):
        assert line.isascii()


def test_whoever_only_makes_mistakes_is_hung_up_on() -> None:
    mallory = attack()
    answers = mallory.send(*[b"x NONSENSE\r\n"] * 5)
    assert answers[-1] == b"* BYE Too many bad commands"
    assert mallory.wire.disconnecting


def test_nothing_is_done_after_logout() -> None:
    world = World()
    mallory = Attack(world.player())
    answers = mallory.send(LOGIN + b"x LOGOUT\r\ny CREATE Evil\r\n")
    assert answers[-1] == b"x OK Logged out"
    assert "Evil" not in world.store.add(USER)._mailboxes


def test_half_a_command_and_silence_end_quietly() -> None:
    for pieces in ((b"x LOG",), (LOGIN, b"x APPEND INBOX {100}\r\n", b"half"), (LOGIN, SELECT, b"x IDLE\r\n")):
        mallory = attack()
        mallory.send(*pieces)
        mallory.protocol.readConnectionLost()
        assert mallory.wire.disconnecting
        assert mallory.left_nothing()


def test_whoever_does_not_log_in_in_time_is_hung_up_on_however_busy() -> None:
    mallory = attack()
    for _ in range(200):
        if not mallory.wire.disconnecting:
            mallory.send(b"x NOOP\r\n")
            mallory.player.clock.advance(1)
    assert mallory.wire.disconnecting


def test_a_flood_of_pipelined_commands_is_answered_in_order() -> None:
    mallory = inside()
    answers = mallory.send(b"".join(b"t%d NOOP\r\n" % number for number in range(1000)))
    for _ in range(20):
        mallory.player.clock.advance(0)
        answers += mallory.send()
    assert answers == [b"t%d OK Done" % number for number in range(1000)]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.binary(max_size=60), max_size=6))
def test_junk_does_no_harm(pieces: list[bytes]) -> None:
    mallory = inside(1)
    mallory.send(*pieces)
    assert mallory.left_nothing()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.sampled_from(
        [b"FETCH 1 ", b"SEARCH ", b"STORE 1 ", b"APPEND ", b"LIST ", b"STATUS ", b"UID ", b"ID ", b"SELECT "]
    ),
    st.text('()[]{}<>"\\*%+-:,.0123 \tABODY[FLAGSIZEHEADERTEXT', max_size=40),
)
def test_junk_that_looks_like_commands_is_answered(command: bytes, rest: str) -> None:
    mallory = inside(1)
    answers = mallory.send(b"x " + command + rest.encode() + b"\r\n")
    assert answers or mallory.protocol.busy
    assert mallory.left_nothing()
