"""SMTP as clients speak it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from mailframe.delivery.mailbox import ToMailbox
from mailframe.delivery.routes import Route
from mailframe.errors import Temporary
from mailframe.hooks import Accept, Delivered, Discard, Failed, Postpone, Reject, Retry
from mailframe.interfaces import IDirectory
from mailframe.queue.memory import MemoryQueue
from mailframe.smtp.extension import Extension, Vocabulary
from mailframe.smtp.limits import BareNewlines, Limits
from tests.smtp.world import World

HELLO = """
C: NOOP
S: 220 mx.example.org ESMTP mailframe
S: 250 2.0.0 OK
C: HELO client.example.net
S: 250 mx.example.org greets client.example.net
"""
BEGIN = (
    HELLO
    + """
C: MAIL FROM:<eve@example.net>
S: 250 2.1.0 Sender OK
C: RCPT TO:<ann@example.org>
S: 250 2.1.5 Recipient OK
C: DATA
S: 354 End data with <CR><LF>.<CR><LF>
"""
)
NOTE = """
C: Subject: hi
C:
C: ..dot
C: .
"""


def test_a_message_is_in_the_mailbox_when_250_is_said() -> None:
    world = World()
    world.mx().play(BEGIN + NOTE + "S: 250 2.0.0 OK, stored as ...\nC: QUIT\nS: 221 2.0.0 Bye\nS closes")
    [mail] = world.mail()
    head, _, body = mail.partition(b"\r\n\r\n")
    assert body == b".dot\r\n"
    assert head.startswith(b"Return-Path: <eve@example.net>\r\nReceived: from client.example.net ")
    assert b"for <ann@example.org>" in head.replace(b"\r\n\t", b" ")
    assert head.endswith(b"\r\nSubject: hi")


def test_ehlo_tells_the_extensions() -> None:
    world = World()
    world.mx(tls=object(), queue=MemoryQueue(world.clock)).play("""
        C: EHLO client.example.net
        S: 220 mx.example.org ESMTP mailframe
        S: 250-mx.example.org greets client.example.net
        S: 250-PIPELINING
        S: 250-SIZE 52428800
        S: 250-8BITMIME
        S: 250-BINARYMIME
        S: 250-CHUNKING
        S: 250-SMTPUTF8
        S: 250-DSN
        S: 250-ENHANCEDSTATUSCODES
        S: 250 STARTTLS
    """)


def test_commands_out_of_order_are_refused_and_change_nothing() -> None:
    World().mx().play("""
        C: MAIL FROM:<eve@example.net>
        S: 220 mx.example.org ESMTP mailframe
        S: 503 5.5.1 Say hello first
        C: HELO x
        S: 250 ...
        C: RCPT TO:<ann@example.org>
        S: 503 5.5.1 MAIL comes first
        C: DATA
        S: 503 5.5.1 MAIL comes first
        C: MAIL FROM:<eve@example.net>
        S: 250 2.1.0 Sender OK
        C: DATA
        S: 554 5.5.1 No valid recipients
        C: MAIL FROM:<eve@example.net>
        S: 503 5.5.1 A transaction is under way: send RSET first
        C: RSET
        S: 250 2.0.0 OK
        C: MAIL FROM:<>
        S: 250 2.1.0 Sender OK
    """)


def test_bad_commands_get_standard_errors() -> None:
    World().mx().play(
        HELLO
        + """
        C: FROB
        S: 500 5.5.1 Command not recognized
        C: RSET now
        S: 501 5.5.4 This command takes no argument
        C: MAIL
        S: 501 5.5.2 FROM:<address> expected
        C: MAIL FROM:eve@example.net
        S: 501 5.5.2 An address in angle brackets expected
        C: MAIL FROM:<eve>
        S: 501 5.5.2 Bad address: ...
        C: MAIL FROM:<eve@example.net> FROB=1
        S: 555 5.5.4 MAIL has no parameter FROB
        C: MAIL FROM:<eve@example.net> SIZE=1 SIZE=2
        S: 501 5.5.2 A parameter is malformed or comes twice
        C: MAIL FROM:<grüße@example.net>
        S: 550 5.6.7 An address beyond ASCII needs SMTPUTF8
        C: MAIL FROM: <eve@example.net> BODY=7BIT
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<>
        S: 501 5.1.3 A recipient has an address
        C: RCPT TO:<ann@example.org> FROB
        S: 555 5.5.4 RCPT has no parameter FROB
        C: RCPT TO:<grüße@example.org>
        S: 553 5.6.7 An address beyond ASCII needs SMTPUTF8
        C: VRFY
        S: 501 5.5.4 An address expected
        C: VRFY ann
        S: 252 2.1.5 ...
        C: 123
        S: 500 5.5.2 A command is a verb and perhaps an argument
        C: HELO
        S: 501 5.5.2 A host name expected
        """
    )


def test_help_shows_the_commands() -> None:
    player = World().mx()
    client = player._client("")
    client.protocol.dataReceived(b"HELP\r\n")
    client.collect()
    assert b"214 2.0.0 " in client.unread
    assert b"MAIL FROM:<address>" in client.unread


def test_who_is_unknown_is_refused_and_we_are_no_relay() -> None:
    World().mx().play(
        HELLO
        + """
        C: MAIL FROM:<eve@example.net>
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<nobody@example.org>
        S: 550 5.1.1 No such user here
        C: RCPT TO:<ann@elsewhere.example>
        S: 550 5.7.1 Relaying denied
        C: RCPT TO:<ann%elsewhere.example@example.org>
        S: 550 5.1.1 No such user here
        C: RCPT TO:<@example.org:ann@elsewhere.example>
        S: 550 5.7.1 Relaying denied
        C: RCPT TO:<@relay.example:ann@example.org>
        S: 250 2.1.5 Recipient OK
        C: RCPT TO:<postmaster>
        S: 550 5.1.1 No such user here
        """
    )


def test_one_message_for_an_alias_and_its_target_comes_once() -> None:
    world = World()
    world.mx().play(
        HELLO
        + """
        C: MAIL FROM:<eve@example.net>
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<info@example.org>
        S: 250 2.1.5 Recipient OK
        C: RCPT TO:<ann+tag@example.org>
        S: 250 2.1.5 Recipient OK
        C: RCPT TO:<bob@example.org>
        S: 250 2.1.5 Recipient OK
        C: DATA
        S: 354 ...
        C: .
        S: 250 2.0.0 OK, stored as ...
        """
    )
    assert len(world.mail()) == len(world.mail("bob@example.org")) == 1


def test_a_size_that_is_too_large_is_refused_before_and_after() -> None:
    world = World()
    world.mx(limits=Limits(message=100, overshoot=1000)).play(
        HELLO
        + f"""
        C: EHLO x
        S: 250-...
        S: 250-...
        S: 250-SIZE 100
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250 ...
        C: MAIL FROM:<eve@example.net> SIZE=101
        S: 552 5.3.4 Message too large
        C: MAIL FROM:<eve@example.net> SIZE=many
        S: 501 5.5.4 SIZE=octets expected
        C: MAIL FROM:<eve@example.net> BODY=9BIT
        S: 501 5.5.4 BODY=7BIT, BODY=8BITMIME or BODY=BINARYMIME expected
        C: MAIL FROM:<eve@example.net> SIZE=100 BODY=8BITMIME
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<ann@example.org>
        S: 250 2.1.5 Recipient OK
        C: DATA
        S: 354 ...
        C: {"x" * 200}
        C: .
        S: 552 5.3.4 Message too large
        C: MAIL FROM:<eve@example.net>
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<ann@example.org>
        S: 250 2.1.5 Recipient OK
        C: DATA
        S: 354 ...
        C: {"x" * 2000}
        S: 552 5.3.4 Message too large
        S closes
        """
    )
    assert world.mail() == []


def test_too_many_recipients_wait_for_another_transaction() -> None:
    World().mx(limits=Limits(recipients=1)).play(
        HELLO
        + """
        C: MAIL FROM:<eve@example.net>
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<ann@example.org>
        S: 250 2.1.5 Recipient OK
        C: RCPT TO:<bob@example.org>
        S: 452 4.5.3 Too many recipients, send the rest in another transaction
        """
    )


def test_a_connection_carries_so_many_messages() -> None:
    World().mx(limits=Limits(transactions=1)).play(
        BEGIN + "C: .\nS: 250 ...\nC: MAIL FROM:<a@example.net>\nS: 421 4.7.0 Enough messages ...\nS closes"
    )


def test_who_makes_too_many_errors_is_hung_up_on() -> None:
    World().mx(limits=Limits(errors=2)).play(
        HELLO + "C: FROB\nS: 500 ...\nC: FROB\nS: 500 ...\nS: 421 4.7.0 Too many errors\nS closes"
    )


def test_who_guesses_addresses_is_hung_up_on() -> None:
    World().mx(limits=Limits(unknown_recipients=2)).play(
        HELLO
        + """
        C: MAIL FROM:<eve@example.net>
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<a@example.org>
        S: 550 5.1.1 No such user here
        C: RCPT TO:<b@example.org>
        S: 421 4.7.0 Too many unknown recipients
        S closes
        """
    )


def test_a_message_that_goes_in_circles_is_stopped() -> None:
    lines = "\n".join("C: Received: by somewhere" for _ in range(4))
    World().mx(limits=Limits(hops=3)).play(BEGIN + lines + "\nC: .\nS: 554 5.4.6 Too many hops: ...")


@pytest.mark.parametrize("text", [b"a\nb", b"a\rb", b"a\0b"])
def test_bare_newlines_and_nul_are_refused_after_the_end_of_the_message(text: bytes) -> None:
    world = World()
    player = world.mx()
    player.play(BEGIN)
    client = player._client("")
    client.protocol.dataReceived(b"Subject: x\r\n\r\n" + text + b"\r\n.\r\nNOOP\r\n")
    client.collect()
    assert client.unread.startswith(b"550 5.6.0 ")
    assert client.unread.endswith(b"\r\n250 2.0.0 OK\r\n")
    assert world.mail() == []


def test_bare_newlines_are_mended_where_that_is_wanted() -> None:
    world = World()
    player = world.mx(bare_newlines=BareNewlines.NORMALIZE)
    player.play(BEGIN)
    client = player._client("")
    client.protocol.dataReceived(b"Subject: x\n\na\rb\n.\nc\r\n.\r\n")
    client.collect()
    assert client.unread.startswith(b"250 ")
    assert world.mail()[0].endswith(b"Subject: x\r\n\r\na\r\nb\r\n.\r\nc\r\n")


def test_silence_ends_the_connection() -> None:
    World().mx().play(HELLO + "--: 5 minutes\nS: 421 4.4.2 Timeout, closing the connection\nS closes")
    world = World()
    world.mx().play(BEGIN + "C: half\n--: 9 minutes\nC: more\n--: 10 minutes\nS: 421 4.4.2 Timeout, ...\nS closes")
    assert world.mail() == []


def test_a_line_that_is_too_long_is_refused_and_the_next_one_served() -> None:
    World().mx().play(HELLO + f"C: NOOP {'x' * 3000}\nS: 500 5.5.2 Line too long\nC: NOOP\nS: 250 2.0.0 OK")


def test_starttls_forgets_what_was_said_before() -> None:
    world = World()
    world.mx(tls=object()).play("""
        C: EHLO plain.example
        S: 220 ...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250 STARTTLS
        C: MAIL FROM:<eve@example.net>
        S: 250 2.1.0 Sender OK
        C: STARTTLS
        S: 220 2.0.0 Ready to start TLS
        C: RCPT TO:<ann@example.org>
        S: 503 5.5.1 Say hello first
        C: EHLO safe.example
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250 REQUIRETLS
        C: STARTTLS
        S: 503 5.5.1 TLS is on already
        C: MAIL FROM:<eve@example.net>
        S: 250 ...
        C: RCPT TO:<ann@example.org>
        S: 250 ...
        C: DATA
        S: 354 ...
        C: .
        S: 250 ...
    """)
    assert b" with ESMTPS " in world.mail()[0].replace(b"\r\n\t", b" ")


def test_starttls_throws_away_what_was_sent_ahead() -> None:
    player = World().mx(tls=object())
    player.play(HELLO)
    client = player._client("")
    client.protocol.dataReceived(b"STARTTLS\r\nNOOP injected\r\n")
    client.collect()
    assert client.unread == b"220 2.0.0 Ready to start TLS\r\n"


def test_tls_is_not_offered_without_certificates() -> None:
    World().mx().play(HELLO + "C: STARTTLS\nS: 502 5.5.1 TLS is not offered here")


# --- hooks ------------------------------------------------------------------------------------------------------------

POINTS = ("at_connect", "at_hello", "at_sender", "at_recipient", "at_message")


def _later(verdict: Any) -> Any:
    async def hook(event: Any) -> Any:
        return verdict

    return hook


@pytest.mark.parametrize("wrap", [lambda v: lambda e: v, lambda v: lambda e: succeed(v), _later])
@pytest.mark.parametrize(
    ("point", "verdict", "expected"),
    [
        ("at_connect", Reject("5.7.1", "Go away"), "C: NOOP\nS: 554 5.7.1 Go away\nS closes"),
        ("at_connect", Postpone("4.7.1", "Later"), "C: NOOP\nS: 421 4.7.1 Later\nS closes"),
        ("at_hello", Reject("5.7.1", "No"), "C: HELO x\nS: 220 ...\nS: 550 5.7.1 No"),
        (
            "at_sender",
            Postpone("4.7.1", "Later"),
            HELLO + "C: MAIL FROM:<a@example.net>\nS: 451 4.7.1 Later",
        ),
        (
            "at_recipient",
            Reject("5.7.1", "No"),
            HELLO + "C: MAIL FROM:<a@example.net>\nS: 250 ...\nC: RCPT TO:<ann@example.org>\nS: 550 5.7.1 No",
        ),
        ("at_message", Reject("5.7.1", "Spam"), BEGIN + "C: .\nS: 550 5.7.1 Spam"),
        ("at_message", Discard(), BEGIN + "C: .\nS: 250 2.0.0 OK, stored as ..."),
    ],
)
def test_hooks_decide(wrap: Any, point: str, verdict: Any, expected: str) -> None:
    world = World()
    script = expected.replace("C: NOOP", "C: NOOP", 1)
    hooks: dict[str, Any] = {point: [wrap(verdict)]}
    player = world.mx(**hooks)
    if point == "at_connect":
        client = player._client("")
        client.collect()
        assert client.unread.startswith(b"554 " if isinstance(verdict, Reject) else b"421 ")
        assert client.wire.disconnecting
    else:
        player.play(script)
    assert world.mail() == []


@pytest.mark.parametrize("point", POINTS)
def test_hooks_without_an_opinion_let_pass(point: str) -> None:
    world = World()
    hooks: dict[str, Any] = {point: [lambda event: None, lambda event: Accept()]}
    world.mx(**hooks).play(BEGIN + "C: .\nS: 250 ...")
    assert len(world.mail()) == 1


@pytest.mark.parametrize("hook", [lambda event: 1 / 0, lambda event: "yes", lambda event: Deferred()])
def test_a_hook_that_fails_or_never_answers_means_later(hook: Any) -> None:
    world = World()
    player = world.mx(at_message=[hook])
    player.play(BEGIN)
    client = player._client("")
    client.protocol.dataReceived(b".\r\n")
    world.clock.pump([30] * 5)
    client.collect()
    assert client.unread.startswith(b"451 4.3.0 ")
    assert world.mail() == []


def test_a_hook_may_add_a_header_that_injects_nothing() -> None:
    world = World()

    def mark(event: Any) -> None:
        event.add_header("X-Checked", "yes\r\nX-Evil: 1")

    world.mx(at_message=[mark]).play(BEGIN + "C: .\nS: 250 ...")
    assert world.mail()[0].startswith(b"Return-Path: <eve@example.net>\r\nX-Checked: yes X-Evil: 1\r\nReceived: ")


def test_a_hook_that_is_no_function_is_refused_when_the_server_is_built() -> None:
    with pytest.raises(TypeError, match="a hook is a function"):
        World().mx(at_message=["nonsense"])


# --- targets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "answer"),
    [
        (Delivered(), "250 2.0.0 OK, stored as ..."),
        (Retry("4.3.0", "Full"), "451 4.3.0 Full"),
        (Failed("5.1.1", "Gone"), "550 5.1.1 Gone"),
        ("nonsense", "451 4.3.0 Delivery did not work, try again later"),
    ],
)
def test_a_function_as_a_target(outcome: Any, answer: str) -> None:
    seen: list[Any] = []

    async def target(delivery: Any) -> Any:
        seen.append(
            (str(delivery.sender), [str(each.address) for each in delivery.recipients], delivery.message.subject)
        )
        return outcome

    World().mx(routes=target).play(BEGIN + NOTE + f"S: {answer}")
    assert seen == [("eve@example.net", ["ann@example.org"], "hi")]


def test_a_target_that_raises_or_hangs_means_later() -> None:
    def broken(delivery: Any) -> Any:
        raise ValueError("no")

    World().mx(routes=broken).play(BEGIN + "C: .\nS: 451 4.3.0 Delivery did not work, try again later")
    World().mx(routes=lambda delivery: Deferred()).play(
        BEGIN + "C: .\n--: 4 minutes\nS: 451 4.3.0 Delivery did not work, try again later"
    )


def test_when_not_all_get_it_the_client_is_told() -> None:
    world = World()
    routes = [Route("ann@example.org", lambda delivery: Failed("5.2.2", "Full")), *world.routes]
    world.mx(routes=routes).play(
        HELLO
        + """
        C: MAIL FROM:<eve@example.net>
        S: 250 ...
        C: RCPT TO:<ann@example.org>
        S: 250 ...
        C: RCPT TO:<bob@example.org>
        S: 250 ...
        C: DATA
        S: 354 ...
        C: .
        S: 550 5.2.2 Full (not delivered to 1 of 2 recipients)
        """
    )


def test_a_directory_that_cannot_answer_means_later() -> None:
    @implementer(IDirectory)
    class Down:
        async def find(self, address: Any) -> Any:
            raise Temporary("down")

    world = World()
    world.mx(routes=ToMailbox(world.store, Down())).play(
        HELLO + "C: MAIL FROM:<a@example.net>\nS: 250 ...\nC: RCPT TO:<ann@example.org>\nS: 451 4.3.0 The directory ..."
    )


# --- LMTP -------------------------------------------------------------------------------------------------------------


def test_lmtp_answers_for_each_recipient() -> None:
    world = World()
    routes = [Route("ann@example.org", lambda delivery: Failed("5.2.2", "Full")), *world.routes]
    world.lmtp(routes=routes, queue=MemoryQueue(world.clock)).play("""
        C: HELO x
        S: 220 mx.example.org LMTP mailframe
        S: 500 5.5.1 Command not recognized
        C: LHLO x
        S: 250-mx.example.org greets x
        S: 250-PIPELINING
        S: 250-SIZE 52428800
        S: 250-8BITMIME
        S: 250-BINARYMIME
        S: 250-CHUNKING
        S: 250-SMTPUTF8
        S: 250-DSN
        S: 250 ENHANCEDSTATUSCODES
        C: MAIL FROM:<>
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<ann@example.org>
        S: 250 2.1.5 Recipient OK
        C: RCPT TO:<nobody@example.org>
        S: 550 5.1.1 No such user here
        C: RCPT TO:<bob@example.org>
        S: 250 2.1.5 Recipient OK
        C: DATA
        S: 354 ...
        C: .
        S: 550 5.2.2 Full
        S: 250 2.0.0 OK, stored as ...
    """)
    assert b"with LMTP" in world.mail("bob@example.org")[0]


def test_lmtp_repeats_a_refusal_for_each_recipient() -> None:
    World().lmtp(at_message=[lambda event: Reject()]).play("""
        C: LHLO x
        S: 220 ...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250 ...
        C: MAIL FROM:<a@example.net>
        S: 250 ...
        C: RCPT TO:<ann@example.org>
        S: 250 ...
        C: RCPT TO:<bob@example.org>
        S: 250 ...
        C: DATA
        S: 354 ...
        C: .
        S: 550 5.7.1 Not accepted here
        S: 550 5.7.1 Not accepted here
    """)


# --- submission -------------------------------------------------------------------------------------------------------

LOGIN = """
C: EHLO x
S: 220 ...
S: 250-...
S: 250-...
S: 250-...
S: 250-...
S: 250-...
S: 250-...
S: 250-...
S: 250-...
S: 250 AUTH PLAIN LOGIN
C: MAIL FROM:<ann@example.org>
S: 530 5.7.0 Authentication required
C: AUTH PLAIN AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=
S: 235 2.7.0 Authentication succeeded
"""


def test_users_log_in_and_send_as_themselves() -> None:
    world = World()
    world.submission().play(
        LOGIN
        + """
        C: AUTH PLAIN AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=
        S: 503 5.5.1 Not now: bad sequence of commands
        C: MAIL FROM:<bob@example.org>
        S: 553 5.7.1 This sender address is not yours
        C: MAIL FROM:<Ann+lists@example.org> AUTH=<>
        S: 250 2.1.0 Sender OK
        C: RCPT TO:<bob@example.org>
        S: 250 2.1.5 Recipient OK
        C: DATA
        S: 354 ...
        C: Subject: x
        C:
        C: .
        S: 250 2.0.0 OK, stored as ...
        """.replace("\n        S: 250-...", "")
    )
    [mail] = world.mail("bob@example.org")
    assert b"\r\nDate: Sun, 9 Sep 2001 01:46:" in mail
    assert b"\r\nMessage-ID: <" in mail
    assert b"ESMTPA" in mail


def test_ways_to_fail_to_log_in() -> None:
    hello = LOGIN[: LOGIN.index("C: MAIL")]
    World().submission().play(
        hello
        + """
        C: AUTH FROB
        S: 504 5.5.4 Unknown authentication mechanism
        C: AUTH PLAIN !!!!
        S: 501 5.5.4 The response is not base64
        C: AUTH PLAIN
        S: 334...
        C: *
        S: 501 5.7.1 Authentication cancelled
        C: AUTH LOGIN
        S: 334 VXNlcm5hbWU6
        C: YW5uQGV4YW1wbGUub3Jn
        S: 334 UGFzc3dvcmQ6
        C: d3Jvbmc=
        --: 1 second
        S: 535 5.7.8 Authentication failed
        """
        + f"C: AUTH PLAIN\nS: 334...\nC: {'A' * 20000}\nS: 501 5.5.4 The response is too long"
    )


def test_passwords_are_taken_in_plain_text_from_this_machine_only() -> None:
    World().submission(peer="192.0.2.7").play("""
        C: EHLO x
        S: 220 ...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250-...
        S: 250 ENHANCEDSTATUSCODES
        C: AUTH PLAIN AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=
        S: 538 5.7.11 Encryption required: send STARTTLS first
    """)


def test_the_mx_knows_no_auth() -> None:
    World().mx().play(HELLO + "C: AUTH PLAIN\nS: 500 5.5.1 Command not recognized")


def test_two_extensions_cannot_claim_one_parameter() -> None:
    one = Extension("ONE", 1, lambda session: None, mail={b"X": lambda session, envelope, value: envelope})
    with pytest.raises(ValueError, match="two extensions claim X"):
        Vocabulary.of((), (one, one))


def test_a_client_that_hangs_up_in_the_middle_leaves_nothing() -> None:
    world = World()
    world.mx().play(BEGIN + "C: half a message\nC closes")
    assert world.mail() == []
    assert world.clock.getDelayedCalls() == []


def test_the_server_stops_between_commands_and_finishes_messages() -> None:
    world = World()
    player = world.mx()
    player.play(BEGIN + "C: half")
    conversation: Any = player._client("").protocol
    conversation.stop()
    player.play("C: more\nC: .\nS: 250 ...\nS: 421 4.3.2 Shutting down, try again later\nS closes")
    assert len(world.mail()) == 1
