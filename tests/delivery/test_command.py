"""Delivery to a program: what it is given, what its end means, and its limits, on a virtual clock."""

from __future__ import annotations

import os
import pwd
import sys
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailframe.address import Address
from mailframe.delivery.command import STATUSES, ToCommand
from mailframe.delivery.routes import Route, Routes, routes
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Delivered, Delivery, Failed, Outcome, Retry
from mailframe.net import programs
from mailframe.site import Program, Site
from mailframe.spool import FileBody, Message
from mailframe.testing.programs import Act, FakePrograms
from tests.temporary import path_for

ME, ANN, BOB = Address("me", "example.net"), Address("ann", "example.org"), Address("bob", "example.org")
MAIL = Message.from_bytes(b"Subject: hi\r\n\r\nHello\r\nyou\r\n")
PROGRAM = "/usr/bin/take"
TOP = b"Return-Path: <me@example.net>\nDelivered-To: ann@example.org\nSubject: hi\n\nHello\nyou\n"


def ends(status: int, output: bytes = b"") -> Act:
    return lambda program, data: (status, output)


def hangs(_program: Program, _data: bytes) -> None:
    return None


class CommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.play(ends(0))

    def tearDown(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def play(self, act: Act) -> None:
        self.programs = FakePrograms({PROGRAM: act})
        self.site = Site("mx.example.org", self.clock, spawn=self.programs)

    def begin(self, target: ToCommand, *to: Address, sender: Address | None = ME, message: Message = MAIL) -> Any:
        recipients = tuple(map(Recipient, to or (ANN,)))
        delivery = Delivery("m1", Envelope(sender, recipients), recipients, message, site=self.site)
        return Deferred.fromCoroutine(target(delivery))

    def deliver(self, target: ToCommand, *to: Address, **options: Any) -> Outcome:
        outcomes: dict[Address, Outcome] = self.successResultOf(self.begin(target, *to, **options))
        return outcomes[(to or (ANN,))[0]]

    # --- what it is given -----------------------------------------------------------------------------------------

    def test_the_program_gets_the_message_with_trace_fields_and_line_feeds(self) -> None:
        self.assertEqual(self.deliver(ToCommand([PROGRAM])), Delivered("to take"))
        [(program, data)] = self.programs.started
        self.assertEqual(data, TOP)
        self.assertEqual((program.directory, program.uid, program.gid), ("/", None, None))

    def test_it_gets_crlf_if_it_wants_that(self) -> None:
        self.deliver(ToCommand([PROGRAM], crlf=True))
        self.assertEqual(self.programs.started[0][1], TOP.replace(b"\n", b"\r\n"))

    def test_line_ends_are_changed_across_the_pieces_of_a_big_message(self) -> None:
        path = path_for(self)
        body = b"x" * (256 * 1024 - 1) + b"\r\nyou\r"
        with open(path, "wb") as file:
            file.write(body)
        self.deliver(ToCommand([PROGRAM]), message=Message(b"Subject: big\r\n\r\n", FileBody(path, len(body))))
        self.assertTrue(self.programs.started[0][1].endswith(b"\n\n" + b"x" * (256 * 1024 - 1) + b"\nyou\r"))

    def test_it_never_takes_a_part_of_a_message_for_the_whole(self) -> None:
        gone = Message(b"Subject: big\r\n\r\n", FileBody(path_for(self), 10))
        self.assertEqual(
            self.deliver(ToCommand([PROGRAM]), message=gone),
            Retry("4.3.5", "The program for this address cannot be run"),
        )
        self.assertEqual(self.programs.started, [])
        self.assertEqual(len(self.flushLoggedErrors()), 0)

    def test_placeholders_are_arguments_of_their_own(self) -> None:
        command = [PROGRAM, "{sender}", "{recipient}", "{local}", "{domain}", "{id}"]
        self.deliver(ToCommand(command), Address("a;b $x", "example.org"))
        [(program, _data)] = self.programs.started
        given = ["me@example.net", '"a;b $x"@example.org', '"a;b $x"', "example.org", "m1"]
        self.assertEqual(program.arguments, [PROGRAM, *given])

    def test_the_environment_is_the_servers_in_nothing(self) -> None:
        self.deliver(ToCommand([PROGRAM], environment={"COLOR": "blue", "SENDER": "none"}))
        [(program, _data)] = self.programs.started
        self.assertEqual(
            program.environment,
            {
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "LANG": "C.UTF-8",
                "COLOR": "blue",
                "SENDER": "me@example.net",
                "RECIPIENT": "ann@example.org",
                "LOCAL": "ann",
                "DOMAIN": "example.org",
                "MESSAGE_ID": "m1",
            },
        )

    def test_the_null_sender_is_an_empty_argument(self) -> None:
        self.deliver(ToCommand([PROGRAM, "{sender}"]), sender=None)
        [(program, data)] = self.programs.started
        self.assertEqual(program.arguments, [PROGRAM, ""])
        self.assertTrue(data.startswith(b"Return-Path: <>\n"))

    def test_each_recipient_has_a_run_and_an_outcome_of_its_own(self) -> None:
        self.play(lambda program, data: (67 if program.environment["LOCAL"] == "bob" else 0, b""))
        outcomes = self.successResultOf(self.begin(ToCommand([PROGRAM]), ANN, BOB))
        self.assertIsInstance(outcomes[ANN], Delivered)
        self.assertEqual(outcomes[BOB], Failed("5.1.1", "The program ended with status 67"))

    def test_it_runs_as_a_user_with_the_users_groups(self) -> None:
        me = pwd.getpwuid(os.getuid())
        self.deliver(ToCommand([PROGRAM], user=me.pw_name))
        [(program, _data)] = self.programs.started
        groups = os.getgrouplist(me.pw_name, me.pw_gid)
        self.assertEqual((program.uid, program.gid, program.groups), (me.pw_uid, me.pw_gid, groups))

    def test_a_group_can_be_chosen_too(self) -> None:
        me = pwd.getpwuid(os.getuid())
        self.deliver(ToCommand([PROGRAM], user=me.pw_uid, group=4242))
        self.deliver(ToCommand([PROGRAM], group="root"))
        (first, _data), (second, _data) = self.programs.started
        self.assertEqual((first.uid, first.gid), (me.pw_uid, 4242))
        self.assertEqual((second.uid, second.gid), (None, 0))

    # --- strangers ------------------------------------------------------------------------------------------------

    def test_an_address_is_never_an_option(self) -> None:
        evil = Address("-oQ/tmp", "example.org")
        refused = Failed(
            "5.1.0", "An address of this message begins with '-', which its program would take for an option"
        )
        self.assertEqual(self.deliver(ToCommand([PROGRAM, "{recipient}"]), evil), refused)
        self.assertEqual(self.deliver(ToCommand([PROGRAM, "-f", "{sender}"]), sender=evil), refused)
        self.assertEqual(self.programs.started, [])

    def test_behind_two_hyphens_every_address_may_stand(self) -> None:
        self.deliver(ToCommand([PROGRAM, "--", "{recipient}"]), Address("-x", "example.org"))
        [(program, _data)] = self.programs.started
        self.assertEqual(program.arguments, [PROGRAM, "--", "-x@example.org"])

    def test_an_address_that_is_not_given_as_an_argument_may_be_any(self) -> None:
        self.assertIsInstance(self.deliver(ToCommand([PROGRAM]), Address("-x", "example.org")), Delivered)

    def test_a_message_that_goes_in_circles_is_stopped(self) -> None:
        again = MAIL.with_fields(b"Delivered-To: Ann@Example.org\r\n")
        self.assertEqual(self.deliver(ToCommand([PROGRAM]), message=again).text[:31], "The message has been delivered ")
        self.assertIsInstance(self.deliver(ToCommand([PROGRAM]), BOB, message=again), Delivered)

    def test_what_it_prints_is_bounded_and_cleaned(self) -> None:
        self.play(ends(77, b"\n\r\n  no\x1b[31m \xff\xe2\x80\xae thanks\t!\nmore"))
        self.assertEqual(self.deliver(ToCommand([PROGRAM])), Failed("5.7.1", "no [31m \ufffd thanks !"))
        self.play(ends(0, b"x" * 100_000))
        self.assertEqual(self.deliver(ToCommand([PROGRAM])), Delivered("x" * 200))
        self.play(ends(0, b"12345"))
        self.assertEqual(self.deliver(ToCommand([PROGRAM], output=3)), Delivered("123"))

    # --- its end --------------------------------------------------------------------------------------------------

    def test_exit_statuses_mean_what_they_say(self) -> None:
        for status in range(256):
            self.play(ends(status))
            outcome = self.deliver(ToCommand([PROGRAM]))
            kind = {0: Delivered, **dict.fromkeys((65, 67, 68, 69, 76, 77), Failed)}.get(status, Retry)
            self.assertIs(type(outcome), kind, status)
        self.assertEqual(STATUSES[75], "4.3.0")

    def test_statuses_can_mean_something_else(self) -> None:
        target = ToCommand([PROGRAM], statuses={1: "5.7.1", 99: "2.0.0", 67: "4.2.1"})
        for status, outcome in (
            (1, Failed("5.7.1", "spam")),
            (99, Delivered("spam")),
            (67, Retry("4.2.1", "spam")),
            (68, Failed("5.1.2", "spam")),
        ):
            self.play(ends(status, b"spam"))
            self.assertEqual(self.deliver(target), outcome)

    def test_a_program_that_takes_too_long_is_killed(self) -> None:
        self.play(hangs)
        waiting = self.begin(ToCommand([PROGRAM], seconds=30))
        [process] = self.programs.running
        self.clock.advance(29)
        self.assertNoResult(waiting)
        self.clock.advance(1)
        self.assertEqual(process.killed, 1)
        self.assertEqual(self.successResultOf(waiting), {ANN: Retry("4.3.0", "The program took more than 30 seconds")})

    def test_a_signal_means_another_try(self) -> None:
        self.play(hangs)
        waiting = self.begin(ToCommand([PROGRAM]))
        self.programs.running[0].signalProcess("KILL")
        self.assertEqual(self.successResultOf(waiting), {ANN: Retry("4.3.0", "Signal 9 has ended the program")})

    def test_a_delivery_that_is_given_up_ends_its_program(self) -> None:
        self.play(hangs)
        waiting = self.begin(ToCommand([PROGRAM]))
        [process] = self.programs.running
        waiting.cancel()
        self.assertEqual((process.killed, self.programs.running), (1, []))
        error = self.failureResultOf(waiting).value
        self.assertIsInstance(getattr(error, "subFailure", error).value, CancelledError)

    def test_a_bounded_number_runs_at_once(self) -> None:
        self.play(hangs)
        target = ToCommand([PROGRAM], concurrency=2)
        waiting = [self.begin(target) for _ in range(3)]
        self.assertEqual(len(self.programs.running), 2)
        self.clock.advance(200)
        self.assertEqual(len(self.programs.running), 1)
        self.clock.advance(200)
        for each in waiting:
            self.successResultOf(each)

    def test_a_program_that_is_not_there_may_come(self) -> None:
        target = ToCommand(["/no/such"])
        self.assertEqual(self.deliver(target), Retry("4.3.5", "The program for this address cannot be run"))

    def test_without_a_server_nothing_runs(self) -> None:
        delivery = Delivery("m1", Envelope(ME), (Recipient(ANN),), MAIL)
        outcomes = self.successResultOf(Deferred.fromCoroutine(ToCommand([PROGRAM])(delivery)))
        self.assertEqual(outcomes, {ANN: Retry("4.3.5", "This target runs only within a server")})

    # --- its route ------------------------------------------------------------------------------------------------

    def test_strangers_reach_it_only_where_a_route_names_a_domain(self) -> None:
        target = ToCommand([PROGRAM])
        everything: Routes = routes([Route("*", target)])
        self.assertIsNone(everything.find(ANN, user=False))
        self.assertIs(everything.find(ANN, user=True), target)
        named = routes([Route("example.org", target)])
        self.assertIs(named.find(ANN, user=False), target)
        self.assertTrue(named.lead_elsewhere)

    def test_at_once_it_is_like_any_function(self) -> None:
        target = ToCommand([PROGRAM], at_once=True)
        everything = routes(target)
        self.assertIs(everything.find(ANN, user=False), target)
        self.assertFalse(everything.lead_elsewhere)


class RealCommandTests(TestCase):
    async def test_a_real_program_takes_a_big_message_and_answers(self) -> None:
        world: Any = reactor
        source = """
import os, sys
data = sys.stdin.buffer.read()
print(len(data), data.count(b"\\r"), data[:29], sys.argv[1:], os.environ["RECIPIENT"])
sys.exit(67)
"""
        path, body = path_for(self), b"x" * 998 + b"\r\n"
        with open(path, "wb") as file:
            for _ in range(5000):
                file.write(body)
        message = Message(b"Subject: big\r\n\r\n", FileBody(path, 5000 * len(body)))
        target = ToCommand([sys.executable, "-S", "-E", "-c", source, "--", "{sender}", "{id}"])
        to = (Recipient(Address("-ann x", "example.org")),)
        site = Site("mx.example.org", world, spawn=programs.by(world))
        outcomes = await target(Delivery("m1", Envelope(ME, to), to, message, site=site))
        text = """4995079 0 b'Return-Path: <me@example.net>' ['--', 'me@example.net', 'm1'] "-ann x"@example.org"""
        self.assertEqual(outcomes, {to[0].address: Failed("5.1.1", text)})


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ("/bin/cat", {}, TypeError, "a command is a list of strings"),
        ([b"/bin/cat"], {}, TypeError, "a command is a list of strings"),
        ([], {}, ValueError, "begins with the file of its program"),
        (["{recipient}"], {}, ValueError, "begins with the file of its program"),
        (["/bin/cat", "--to={recipient}"], {}, ValueError, "a placeholder is an argument of its own"),
        (["/bin/cat", "a\0b"], {}, ValueError, "a program cannot be given"),
        (["/bin/cat"], {"user": "nobody-at-all"}, ValueError, "there is no user 'nobody-at-all' here"),
        (["/bin/cat"], {"user": 2**31 - 7}, ValueError, "there is no user 2147483641 here"),
        (["/bin/cat"], {"group": "nobody-at-all"}, ValueError, "there is no group 'nobody-at-all' here"),
        (["/bin/cat"], {"seconds": 0}, ValueError, "seconds"),
        (["/bin/cat"], {"concurrency": 0}, ValueError, "concurrency"),
        (["/bin/cat"], {"output": 0}, ValueError, "output"),
        (["/bin/cat"], {"statuses": {1: "no"}}, ValueError, "'no' is not a status code"),
    ],
)
def test_wrong_commands_are_refused_when_they_are_built(
    arguments: Any, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        ToCommand(arguments, **options)
