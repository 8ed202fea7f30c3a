"""POP3 as clients speak it."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock

from mailframe.auth.memory import MemoryAccounts
from mailframe.pop3 import POP3
from mailframe.pop3.grammar import BadSyntax, command, numbers
from mailframe.pop3.limits import Limits
from mailframe.pop3.maildrop import Stuffing
from mailframe.site import Site
from mailframe.spool import Message
from mailframe.store.memory import MemoryStore
from mailframe.testing.transcript import Transcript, Wire

USER = "ann@example.org"


@define
class World:
    clock: Clock = field(factory=Clock)
    store: MemoryStore = field(factory=MemoryStore)
    fellows: Any = None

    def player(self, peer: str = "127.0.0.1", tls: Any = None, **options: Any) -> Transcript:
        users = MemoryAccounts.of({USER: "sec ret"})
        service = POP3(self.store, users=users, default_domain="example.org", **options)
        factory: Any = service.factory(Site("mx.example.org", self.clock, fellows=self.fellows), tls)
        address = IPv4Address("TCP", peer, 50000)
        return Transcript(lambda: factory.buildProtocol(address), self.clock, lambda: Wire(peer))

    def play(self, text: str, **options: Any) -> Transcript:
        player = self.player(**options)
        player.play(text)
        return player

    def inbox(self) -> Any:
        return self.store.add(USER)._mailboxes["INBOX"]

    def append(self, *messages: bytes) -> None:
        for data in messages:
            ensureDeferred(self.inbox().append(Message.from_bytes(data), frozenset(), 0))


ONE = b"Subject: one\r\n\r\nfirst\r\n.dot\r\nlast\r\n"
TWO = b"Subject: two\r\n\r\nno line end"


def login(number: str = "", count: int = 0) -> str:
    return f"""
        C{number}: USER ann
        S{number}: +OK mailframe is ready
        S{number}: +OK Now the password
        C{number}: PASS sec ret
        S{number}: +OK {count} messages
    """


def test_mail_is_listed_read_and_removed_at_the_end() -> None:
    world = World()
    world.append(ONE, TWO)
    world.play(
        login(count=2)
        + f"""
        C: STAT
        S: +OK 2 {len(ONE) + len(TWO)}
        C: LIST
        S: +OK 2 messages
        S: 1 {len(ONE)}
        S: 2 {len(TWO)}
        S: .
        C: LIST 2
        S: +OK 2 {len(TWO)}
        C: UIDL
        S: +OK 2 messages
        S: 1 1.1
        S: 2 1.2
        S: .
        C: UIDL 1
        S: +OK 1 1.1
        C: RETR 1
        S: +OK {len(ONE)} octets
        S: Subject: one
        S:
        S: first
        S: ..dot
        S: last
        S: .
        C: RETR 2
        S: +OK {len(TWO)} octets
        S: Subject: two
        S:
        S: no line end
        S: .
        C: TOP 1 1
        S: +OK {len(ONE) - 12} octets
        S: Subject: one
        S:
        S: first
        S: .
        C: TOP 1 0
        S: +OK ...
        S: Subject: one
        S:
        S: .
        C: TOP 2 9
        S: +OK {len(TWO)} octets
        S: Subject: two
        S:
        S: no line end
        S: .
        C: DELE 1
        S: +OK Marked
        C: RETR 1
        S: -ERR There is no such message
        C: RSET
        S: +OK No marks
        C: DELE 2
        S: +OK Marked
        C: STAT
        S: +OK 1 {len(ONE)}
        C: NOOP
        S: +OK Done
        C: QUIT
        S: +OK Bye
        S closes
        """
    )
    assert list(world.inbox()._items) == [1]


def test_nothing_is_removed_without_quit() -> None:
    world = World()
    world.append(ONE)
    world.play(login(count=1) + "C: DELE 1\nS: +OK Marked\nC closes")
    assert list(world.inbox()._items) == [1]
    world.play(login(count=1) + "C: DELE 1\nS: +OK Marked\n--: 10 minutes\nS: -ERR Autologout\nS closes")
    assert list(world.inbox()._items) == [1]
    assert world.clock.getDelayedCalls() == []


class Others:
    """Processes of the same server: they hold what C{held} says."""

    is_worker = True

    def __init__(self, *held: str) -> None:
        self.held = [*held]
        self.release = self.held.remove

    def hold(self, name: str) -> bool:
        is_free = name not in self.held
        self.held += [name] * is_free
        return is_free


def test_one_process_has_a_maildrop_until_its_session_ends() -> None:
    others = Others("maildrop of ann@example.org")
    world = World(fellows=others)
    world.play(
        """
        C: USER ann
        S: +OK mailframe is ready
        S: +OK Now the password
        C: PASS sec ret
        S: -ERR [IN-USE] Another session has this maildrop open
        """
    )
    others.held.clear()
    player = world.play(login())
    assert others.held == ["maildrop of ann@example.org"]
    player.play("C: QUIT\nS: +OK Bye\n")
    assert others.held == []


def test_one_session_has_a_maildrop_until_it_ends() -> None:
    World().play(
        login("1")
        + """
        C2: USER ann
        S2: +OK mailframe is ready
        S2: +OK Now the password
        C2: PASS sec ret
        S2: -ERR [IN-USE] Another session has this maildrop open
        C1 closes
        C2: USER ann
        S2: +OK Now the password
        C2: PASS sec ret
        S2: +OK 0 messages
        """
    )


def test_bad_commands_get_errors() -> None:
    World().play(
        """
        C: STAT
        S: +OK mailframe is ready
        S: -ERR This command is not for the AUTHORIZATION state
        C: FROB
        S: -ERR There is no such command
        C: TOOLONGNAME
        S: -ERR A command expected
        C: PASS x
        S: -ERR USER comes first
        C: USER
        S: -ERR A user name expected
        C: USER ann
        S: +OK Now the password
        C: PASS
        S: -ERR User name and password must not be empty
        C: USER ann
        S: +OK Now the password
        C: PASS wrong
        --: 1 second
        S: -ERR [AUTH] Authentication failed
        """
    )
    world = World()
    world.append(ONE)
    world.play(
        login(count=1)
        + """
        C: RETR
        S: -ERR A message number expected
        C: RETR 2
        S: -ERR There is no such message
        C: TOP 1
        S: -ERR Message number and number of lines expected
        C: TOP 5 1
        S: -ERR There is no such message
        C: LIST 7
        S: -ERR There is no such message
        C: USER bob
        S: -ERR This command is not for the TRANSACTION state
        """
        + f"C: NOOP {'x' * 300}\nS: -ERR Line too long\nC: NOOP\nS: +OK Done"
    )


def test_who_only_makes_errors_is_hung_up_on() -> None:
    World().play("C: A\nS: +OK ...\nS: -ERR ...\nC: B\nS: -ERR ...\nS closes", limits=Limits(bad_commands=2))


def test_who_does_not_log_in_is_hung_up_on() -> None:
    World().play("C: CAPA\nS: +OK ...\n" + "S: ...\n" * 9 + "S: .\n--: 3 minutes\nS: -ERR Autologout\nS closes")


def test_privacy_is_needed_from_elsewhere() -> None:
    World().play(
        """
        C: CAPA
        S: +OK mailframe is ready
        S: +OK Capabilities follow
        S: STLS
        S: UIDL
        S: TOP
        S: PIPELINING
        S: RESP-CODES
        S: AUTH-RESP-CODE
        S: EXPIRE NEVER
        S: .
        C: USER ann
        S: -ERR Encryption is needed first: send STLS
        C: AUTH PLAIN
        S: -ERR Encryption is needed first: send STLS
        C: STLS
        S: +OK Begin TLS now
        C: STLS
        S: -ERR TLS is on already
        C: USER ann
        S: +OK Now the password
        """,
        peer="192.0.2.7",
        tls=object(),
    )
    World().play("C: STLS\nS: +OK ...\nS: -ERR TLS is not offered here")


def test_sasl() -> None:
    World().play(
        """
        C: AUTH
        S: +OK mailframe is ready
        S: +OK Mechanisms follow
        S: PLAIN
        S: LOGIN
        S: .
        C: AUTH FROB
        S: -ERR There is no such mechanism
        C: AUTH PLAIN
        S: +...
        C: *
        S: -ERR Authentication cancelled
        C: AUTH PLAIN AGFubgBzZWMgcmV0
        S: +OK 0 messages
        """
    )
    World().play(f"C: AUTH PLAIN\nS: +OK ...\nS: +...\nC: {'A' * 20000}\nS: -ERR The response is too long")


def test_a_user_without_mail_cannot_log_in() -> None:
    world = World()
    world.store.any_account = False
    world.play("C: USER ann\nS: +OK ...\nS: +OK ...\nC: PASS sec ret\nS: -ERR [AUTH] Authentication failed")


def test_a_store_in_trouble_is_told_neutrally() -> None:
    world = World()
    world.append(ONE)
    player = world.play(login(count=1))
    protocol: Any = player._client("").protocol
    session = protocol.session

    class Broken:
        async def expunge(self, uids: Any, only_deleted: bool) -> None:
            raise ZeroDivisionError("secret")

    session.drop.mailbox = Broken()
    player.play("C: DELE 1\nS: +OK Marked\nC: RETR 1\nS: -ERR There is no such message")
    player.play(
        "C: QUIT\nS: -ERR [SYS/TEMP] Some deleted messages not removed\nS: -ERR [SYS/TEMP] The server ...\nS closes"
    )


def test_a_message_that_went_meanwhile_is_gone() -> None:
    world = World()
    world.append(ONE)
    player = world.play(login(count=1))
    ensureDeferred(world.inbox().expunge([1], only_deleted=False))
    player.play("C: RETR 1\nS: -ERR The message is gone\nC: TOP 1 0\nS: -ERR The message is gone")


@given(st.lists(st.sampled_from([b".", b"\r\n", b"a", b"\r", b"\n"]), max_size=12), st.data())
def test_dots_are_stuffed_at_every_edge(parts: list[bytes], data: st.DataObject) -> None:
    message = b"".join(parts)
    cut = data.draw(st.integers(0, len(message)))
    stuffing = Stuffing()
    sent = stuffing.piece(message[:cut]) + stuffing.piece(message[cut:]) + stuffing.end()
    whole = (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:]
    assert sent == whole + (b"" if (b"\r\n" + message).endswith(b"\r\n") else b"\r\n") + b".\r\n"


@pytest.mark.parametrize("line", [b"", b"12", b"NOOP\0", b"NOOP\nNOOP", b"TOOLONG", b"RETR\t1"])
def test_what_is_no_command(line: bytes) -> None:
    with pytest.raises(BadSyntax):
        command(line)


def test_numbers() -> None:
    assert numbers(b"1 20", 2, 2) == [1, 20]
    for bad in (b"", b"x", b"1 2", b"-1", b"1" * 20):
        with pytest.raises(BadSyntax):
            numbers(bad, 1, 1)
