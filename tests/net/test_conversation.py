"""The edge that all three protocols share: waiting, deadlines, back-pressure, and every way in which it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailframe.net import conversation as edge
from mailframe.net.conversation import (
    INBOX_OCTETS,
    LINGER_SECONDS,
    PULLS_A_TURN,
    ClientTooSlow,
    ConnectionGone,
    Conversation,
    ConversationOver,
    Stopping,
)
from mailframe.net.speaking import OUTBOX_OCTETS
from mailframe.testing.transcript import Wire

Script = Callable[["Scripted"], Awaitable[None]]


class Strict(Clock):
    """Takes no time before now, as the reactor takes none."""

    def callLater(self, delay: float, *call: Any, **more: Any) -> Any:
        assert delay >= 0
        return super().callLater(delay, *call, **more)


class Scripted(Conversation):
    """A conversation that does what a test says, and keeps how it ended."""

    def __init__(self, script: Script, clock: Clock) -> None:
        self.ends: list[Conversation] = []
        super().__init__(clock, self.ends.append)
        self.script = script
        self.over: BaseException | None = None
        self.said_sorry: list[type[ConversationOver]] = []

    async def converse(self) -> None:
        try:
            await self.script(self)
        except BaseException as error:
            self.over = error
            raise

    async def sorry(self, reason: ConversationOver) -> None:
        self.said_sorry.append(type(reason))
        self.write(b"sorry\r\n")

    async def next_line(self, seconds: float = 60) -> bytes:
        return await self.pull(lambda: self.inbox.line(100_000), seconds)


async def echo(conversation: Scripted) -> None:
    """Answer each line with itself, until QUIT."""
    conversation.write(b"hello\r\n")
    while (line := await conversation.next_line()) != b"QUIT":
        conversation.write(line + b"\r\n")
    conversation.write(b"bye\r\n")


class ConversationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.wire = Wire()

    def begin(self, script: Script) -> Scripted:
        conversation = Scripted(script, self.clock)
        conversation.makeConnection(self.wire)
        self.addCleanup(self.nothing_is_left, conversation)
        return conversation

    def nothing_is_left(self, conversation: Scripted) -> None:
        """Whatever a test did: once the connection is gone nothing is due any more, and the end was told once."""
        if not conversation.gone:
            self.lose(conversation)
        self.clock.advance(0)
        assert self.clock.getDelayedCalls() == []
        assert conversation.ends in ([conversation], [])
        assert bool(conversation.ends) == conversation._done

    def lose(self, conversation: Conversation) -> None:
        conversation.connectionLost(Failure(ConnectionDone()))

    def said(self) -> bytes:
        said: bytes = self.wire.value()
        self.wire.clear()
        return said

    # --- octets in, answers out -----------------------------------------------------------------------------------

    def test_lines_are_answered_and_the_end_closes(self) -> None:
        conversation = self.begin(echo)
        assert self.said() == b"hello\r\n"
        conversation.dataReceived(b"on")
        conversation.dataReceived(b"e\r\n")
        assert self.said() == b"one\r\n"
        conversation.dataReceived(b"QUIT\r\n")
        assert self.said() == b"bye\r\n"
        assert self.wire.disconnecting
        assert conversation.ends == []
        self.lose(conversation)
        assert conversation.ends == [conversation]

    def test_pipelined_commands_are_answered_with_one_write(self) -> None:
        conversation = self.begin(echo)
        self.said()
        writes: list[bytes] = []
        self.patch(self.wire, "write", writes.append)
        conversation.dataReceived(b"a\r\nb\r\nc\r\nd")
        assert writes == [b"a\r\nb\r\nc\r\n"]

    def test_a_line_whose_beginning_came_with_others_is_answered_when_the_rest_comes(self) -> None:
        conversation = self.begin(echo)
        conversation.dataReceived(b"a\r\nb\r\nc")
        assert self.said() == b"hello\r\na\r\nb\r\n"
        conversation.dataReceived(b"d")
        conversation.dataReceived(b"\r\ne\r\n")
        assert self.said() == b"cd\r\ne\r\n"

    def test_answers_that_pile_up_are_written_before_the_client_is_waited_for(self) -> None:
        async def talk(conversation: Scripted) -> None:
            conversation.write(b"x" * (OUTBOX_OCTETS - 1))
            assert self.said() == b""
            conversation.write(b"y")
            assert len(self.said()) == OUTBOX_OCTETS
            await conversation.next_line()

        conversation = self.begin(talk)
        assert conversation.over is None
        assert self.said() == b""

    def test_what_comes_after_the_end_is_dropped(self) -> None:
        conversation = self.begin(echo)
        conversation.dataReceived(b"QUIT\r\nmore\r\n")
        assert len(conversation.inbox) == 0
        conversation.dataReceived(b"x" * INBOX_OCTETS)
        assert len(conversation.inbox) == 0

    def test_a_class_without_converse_says_so(self) -> None:
        conversation = Conversation(self.clock)
        conversation.makeConnection(self.wire)
        [_failure] = self.flushLoggedErrors(NotImplementedError)
        assert self.wire.disconnecting
        self.lose(conversation)

    def test_the_error_of_a_parser_reaches_the_one_who_pulls_and_the_conversation_goes_on(self) -> None:
        heard: list[object] = []

        async def talk(conversation: Scripted) -> None:
            try:
                await conversation.pull(lambda: conversation.inbox.line(5), 60)
            except edge.ConversationOver:
                raise
            except Exception as error:
                heard.append(type(error).__name__)
            heard.append(await conversation.next_line())

        conversation = self.begin(talk)
        conversation.dataReceived(b"too long\r\nfine\r\n")
        assert heard == ["LineTooLong", b"fine"]

    # --- wait and wake --------------------------------------------------------------------------------------------

    def waiting(self, seconds: float = 60) -> tuple[Scripted, list[str]]:
        """Begin a conversation that notes each return from C{wait}, after work that takes until C{self.work} fires."""
        woken: list[str] = []
        self.work: Deferred[None] = Deferred()

        async def talk(conversation: Scripted) -> None:
            await self.work
            while True:
                await conversation.wait(seconds)
                woken.append(f"{len(conversation.inbox)}")

        return self.begin(talk), woken

    def test_wake_ends_a_wait(self) -> None:
        conversation, woken = self.waiting()
        self.work.callback(None)
        assert woken == []
        conversation.wake()
        assert woken == ["0"]
        conversation.wake()
        assert woken == ["0", "0"]

    def test_octets_end_a_wait(self) -> None:
        conversation, woken = self.waiting()
        self.work.callback(None)
        conversation.dataReceived(b"DONE")
        assert woken == ["4"]

    def test_a_wake_during_other_work_ends_the_next_wait_and_only_that(self) -> None:
        conversation, woken = self.waiting()
        conversation.wake()
        conversation.wake()
        self.work.callback(None)
        assert woken == ["0"]

    def test_octets_that_come_during_other_work_end_the_next_wait_and_only_that(self) -> None:
        conversation, woken = self.waiting()
        conversation.dataReceived(b"DO")
        conversation.dataReceived(b"NE")
        self.work.callback(None)
        assert woken == ["4"]

    def test_octets_during_other_work_are_served_although_the_client_ends_its_side(self) -> None:
        conversation, woken = self.waiting()
        conversation.dataReceived(b"DONE")
        conversation.readConnectionLost()
        self.work.callback(None)
        assert woken == ["4"]
        assert isinstance(conversation.over, ConnectionGone)

    def test_a_wake_of_who_pulls_a_line_is_not_one_of_who_waits_afterwards(self) -> None:
        woken: list[bytes] = []

        async def talk(conversation: Scripted) -> None:
            woken.append(await conversation.next_line())
            await conversation.wait(60)
            woken.append(b"woken")

        conversation = self.begin(talk)
        conversation.wake()
        conversation.dataReceived(b"line\r\n")
        assert woken == [b"line"]
        conversation.wake()
        assert woken == [b"line", b"woken"]

    def test_a_wake_during_other_work_is_none_for_who_pulls_then(self) -> None:
        work: Deferred[None] = Deferred()

        async def talk(conversation: Scripted) -> None:
            await work
            await conversation.next_line()

        conversation = self.begin(talk)
        conversation.wake()
        work.callback(None)
        assert conversation.over is None
        conversation.dataReceived(b"line\r\n")
        assert conversation._done

    def test_a_stop_lets_a_pull_go_on_while_something_is_half_received(self) -> None:
        async def talk(conversation: Scripted) -> None:
            conversation.busy = True
            await conversation.next_line()
            conversation.busy = False
            await conversation.next_line()

        conversation = self.begin(talk)
        conversation.stop()
        assert conversation.over is None
        conversation.dataReceived(b"rest\r\n")
        assert isinstance(conversation.over, Stopping)

    def test_an_end_that_is_told_while_reading_is_resumed_ends_the_wait(self) -> None:
        conversation, woken = self.waiting()
        conversation.dataReceived(b"x" * INBOX_OCTETS)
        self.patch(self.wire, "resumeProducing", lambda: conversation.readConnectionLost())
        self.work.callback(None)
        assert woken == [str(INBOX_OCTETS)]
        assert isinstance(conversation.over, ConnectionGone)

    def test_a_wake_does_not_disturb_who_pulls_a_line(self) -> None:
        conversation = self.begin(echo)
        conversation.dataReceived(b"on")
        conversation.wake()
        conversation.dataReceived(b"e\r\n")
        assert self.said() == b"hello\r\none\r\n"

    def test_octets_delivered_while_reading_is_resumed_are_not_missed(self) -> None:
        conversation, woken = self.waiting()
        conversation.dataReceived(b"x" * INBOX_OCTETS)

        def at_once() -> None:
            conversation.dataReceived(b"y")
            conversation.dataReceived(b"z")

        self.patch(self.wire, "resumeProducing", at_once)
        self.work.callback(None)  # the first wait returns at once, the second one resumes reading
        assert woken[0] == str(INBOX_OCTETS)
        assert woken[1] == str(INBOX_OCTETS + 2)

    # --- deadlines ------------------------------------------------------------------------------------------------

    def test_a_deadline_is_kept_to_the_second(self) -> None:
        conversation = self.begin(echo)
        self.clock.advance(59.99)
        assert conversation.over is None
        self.clock.advance(0.01)
        assert isinstance(conversation.over, ClientTooSlow)
        assert conversation.said_sorry == [ClientTooSlow]
        assert self.said() == b"hello\r\nsorry\r\n"
        assert self.wire.disconnecting

    def test_a_wait_whose_time_is_over_before_it_begins_ends_like_any_other(self) -> None:
        async def late(conversation: Scripted) -> None:
            await conversation.wait(-0.5)

        self.clock = Strict()
        conversation = self.begin(late)
        self.clock.advance(0)
        assert isinstance(conversation.over, ClientTooSlow)

    def test_each_line_has_its_own_deadline(self) -> None:
        conversation = self.begin(echo)
        for _ in range(10):
            self.clock.advance(50)
            conversation.dataReceived(b"x\r\n")
        assert conversation.over is None
        assert len(self.clock.getDelayedCalls()) == 1
        self.clock.advance(60)
        assert isinstance(conversation.over, ClientTooSlow)

    def test_a_line_sent_octet_by_octet_has_one_deadline(self) -> None:
        conversation = self.begin(echo)
        for _ in range(59):
            self.clock.advance(1)
            conversation.dataReceived(b"x")
        assert conversation.over is None
        self.clock.advance(1)
        assert isinstance(conversation.over, ClientTooSlow)

    def test_a_wake_does_not_move_the_deadline_of_a_line(self) -> None:
        conversation = self.begin(echo)
        self.clock.advance(59)
        conversation.wake()
        self.clock.advance(1)
        assert isinstance(conversation.over, ClientTooSlow)

    def test_octets_after_the_deadline_come_too_late(self) -> None:
        conversation = self.begin(echo)
        self.clock.rightNow += 61  # time has passed, and the reactor reads the socket before it looks at its timers
        conversation.dataReceived(b"x")
        self.clock.advance(0)
        assert isinstance(conversation.over, ClientTooSlow)

    def test_a_shorter_deadline_after_a_longer_one_is_kept(self) -> None:
        async def talk(conversation: Scripted) -> None:
            await conversation.next_line(1800)
            await conversation.next_line(10)

        conversation = self.begin(talk)
        self.clock.advance(5)
        conversation.dataReceived(b"x\r\n")
        self.clock.advance(9.5)
        assert conversation.over is None
        self.clock.advance(0.5)
        assert isinstance(conversation.over, ClientTooSlow)

    def test_no_deadline_runs_while_the_server_works(self) -> None:
        work: Deferred[None] = Deferred()

        async def talk(conversation: Scripted) -> None:
            await conversation.next_line(10)
            await work
            await conversation.next_line(10)

        conversation = self.begin(talk)
        conversation.dataReceived(b"x\r\n")
        self.clock.advance(1000)
        assert conversation.over is None
        work.callback(None)
        self.clock.advance(9)
        assert conversation.over is None
        self.clock.advance(1)
        assert isinstance(conversation.over, ClientTooSlow)

    # --- back-pressure --------------------------------------------------------------------------------------------

    def test_a_client_that_sends_faster_than_it_is_served_is_paused(self) -> None:
        work: Deferred[None] = Deferred()

        async def talk(conversation: Scripted) -> None:
            await work
            await conversation.pull(lambda: conversation.inbox.take(10), 60)
            await Deferred()

        conversation = self.begin(talk)
        conversation.dataReceived(b"x" * (INBOX_OCTETS - 1))
        assert self.wire.producerState == "producing"
        conversation.dataReceived(b"x")
        assert self.wire.producerState == "paused"
        conversation.dataReceived(b"x" * 5)  # what the transport had read already
        assert self.wire.producerState == "paused"
        work.callback(None)
        assert self.wire.producerState == "producing"

    def test_a_client_stays_paused_while_much_is_unread(self) -> None:
        async def talk(conversation: Scripted) -> None:
            await Deferred().addTimeout(1, self.clock, lambda *_: None)
            await conversation.pull(lambda: conversation.inbox.take(10), 60)
            await Deferred()

        conversation = self.begin(talk)
        conversation.dataReceived(b"x" * (INBOX_OCTETS * 2))
        self.clock.advance(1)
        assert self.wire.producerState == "paused"

    def test_a_reader_that_needs_more_gets_it_however_much_is_there(self) -> None:
        async def talk(conversation: Scripted) -> None:
            await Deferred().addTimeout(1, self.clock, lambda *_: None)
            await conversation.pull(lambda: None, 60)

        conversation = self.begin(talk)
        conversation.dataReceived(b"x" * (INBOX_OCTETS * 2))
        self.clock.advance(1)
        assert self.wire.producerState == "producing"
        conversation.dataReceived(b"x" * INBOX_OCTETS)
        assert self.wire.producerState == "producing"

    def test_a_client_that_does_not_read_is_not_served_further(self) -> None:
        conversation = self.begin(echo)
        conversation.pauseProducing()
        self.said()
        conversation.dataReceived(b"a\r\nb\r\n")
        assert self.said() == b"a\r\n"  # it was waited for before its transport was full
        self.clock.advance(59)
        assert self.said() == b""
        conversation.resumeProducing()
        assert self.said() == b"b\r\n"

    def test_a_client_that_never_reads_is_given_up(self) -> None:
        conversation = self.begin(echo)
        conversation.pauseProducing()
        conversation.dataReceived(b"a\r\nb\r\n")
        self.clock.advance(60)
        assert isinstance(conversation.over, ClientTooSlow)

    def test_long_answers_wait_for_the_client_to_read(self) -> None:
        async def talk(conversation: Scripted) -> None:
            for piece in (b"one", b"two", b"three"):
                conversation.write(piece)
                await conversation.drained(10)

        conversation = self.begin(talk)
        assert self.said() == b"onetwothree"
        self.lose(conversation)

        self.wire = Wire()
        conversation = Scripted(talk, self.clock)
        self.patch(self.wire, "registerProducer", lambda *_: conversation.pauseProducing())
        self.patch(self.wire, "unregisterProducer", lambda: None)
        conversation.makeConnection(self.wire)
        assert self.said() == b"one"
        conversation.resumeProducing()
        assert self.said() == b"twothree"
        conversation.resumeProducing()
        self.lose(conversation)

    def stuck(self) -> Scripted:
        async def talk(conversation: Scripted) -> None:
            conversation.pauseProducing()
            await conversation.drained(10)

        return self.begin(talk)

    def test_the_wait_for_a_reading_client_has_a_deadline(self) -> None:
        conversation = self.stuck()
        self.clock.advance(10)
        assert isinstance(conversation.over, ClientTooSlow)

    def test_the_wait_for_a_reading_client_ends_with_the_connection(self) -> None:
        conversation = self.stuck()
        self.lose(conversation)
        assert isinstance(conversation.over, ConnectionGone)

    def test_nobody_is_waited_for_who_has_gone(self) -> None:
        work: Deferred[None] = Deferred()

        async def talk(conversation: Scripted) -> None:
            await work
            conversation.write(b"lost")
            await conversation.drained(10)

        conversation = self.begin(talk)
        self.lose(conversation)
        work.callback(None)
        assert isinstance(conversation.over, ConnectionGone)
        assert self.said() == b""

    def test_many_commands_sent_ahead_leave_turns_to_others(self) -> None:
        conversation = self.begin(echo)
        self.said()
        conversation.dataReceived(b"x\r\n" * (PULLS_A_TURN * 2 + 5))
        assert self.said() == b"x\r\n" * (PULLS_A_TURN + 1)  # the first line was waited for
        [turn] = [call for call in self.clock.getDelayedCalls() if call.getTime() == self.clock.seconds()]
        self.clock.advance(0)
        assert self.said() == b"x\r\n" * (PULLS_A_TURN + 4)
        assert not turn.active()

    # --- how it ends ----------------------------------------------------------------------------------------------

    def test_a_client_that_ends_its_side_is_served_what_it_sent(self) -> None:
        conversation = self.begin(echo)
        conversation.dataReceived(b"one\r\ntwo\r\nthr")
        conversation.readConnectionLost()
        assert self.said() == b"hello\r\none\r\ntwo\r\n"
        assert isinstance(conversation.over, ConnectionGone)
        assert self.wire.disconnecting
        assert conversation.said_sorry == []

    def test_a_client_that_ends_its_side_during_a_command_is_served_what_it_sent(self) -> None:
        work: Deferred[None] = Deferred()

        async def talk(conversation: Scripted) -> None:
            await conversation.next_line()
            await work
            await echo(conversation)

        conversation = self.begin(talk)
        conversation.dataReceived(b"start\r\none\r\n")
        conversation.readConnectionLost()
        assert conversation.over is None
        work.callback(None)
        assert self.said() == b"hello\r\none\r\n"
        assert self.wire.disconnecting

    def test_a_client_that_reads_no_more_is_cut_off(self) -> None:
        conversation = self.begin(echo)
        conversation.writeConnectionLost()
        assert self.wire.aborted

    def test_a_lost_connection_ends_the_wait(self) -> None:
        conversation = self.begin(echo)
        self.lose(conversation)
        assert isinstance(conversation.over, ConnectionGone)
        assert conversation.ends == [conversation]

    def test_a_command_goes_on_when_the_connection_is_lost_and_the_end_is_told_after_it(self) -> None:
        work: Deferred[None] = Deferred()

        async def talk(conversation: Scripted) -> None:
            await work

        conversation = self.begin(talk)
        self.lose(conversation)
        assert conversation.ends == []
        assert conversation.gone
        work.callback(None)
        assert conversation.ends == [conversation]

    def test_stop_ends_an_idle_conversation_at_once(self) -> None:
        conversation = self.begin(echo)
        conversation.stop()
        assert conversation.said_sorry == [Stopping]
        assert self.said() == b"hello\r\nsorry\r\n"
        assert self.wire.disconnecting

    def test_stop_lets_the_command_under_way_finish_and_serves_what_is_there(self) -> None:
        work: Deferred[None] = Deferred()

        async def talk(conversation: Scripted) -> None:
            await work
            await echo(conversation)

        conversation = self.begin(talk)
        conversation.dataReceived(b"one\r\ntwo")
        conversation.stop()
        assert conversation.over is None
        work.callback(None)
        assert conversation.said_sorry == [Stopping]
        assert self.said() == b"hello\r\none\r\nsorry\r\n"

    def test_stop_ends_a_conversation_that_waits_in_a_loop_of_its_own(self) -> None:
        conversation, _woken = self.waiting(1800)
        self.work.callback(None)
        conversation.stop()
        assert isinstance(conversation.over, Stopping)

    def test_stop_after_the_end_does_nothing(self) -> None:
        conversation = self.begin(echo)
        conversation.dataReceived(b"QUIT\r\n")
        conversation.stop()
        assert conversation.said_sorry == []

    def test_a_conversation_nobody_has_joined_yet_can_be_stopped_and_aborted(self) -> None:
        conversation = Scripted(echo, self.clock)
        conversation.abort()
        conversation.stop()
        conversation.makeConnection(self.wire)
        assert conversation.said_sorry == [Stopping]
        self.lose(conversation)

    def test_the_base_has_no_last_words(self) -> None:
        class Quiet(Conversation):
            async def converse(self) -> None:
                await self.pull(lambda: None, 60)

        conversation = Quiet(self.clock)
        conversation.makeConnection(self.wire)
        conversation.stop()
        assert self.wire.disconnecting
        assert self.said() == b""
        self.lose(conversation)

    def test_last_words_that_nobody_reads_are_no_error(self) -> None:
        class Insistent(Scripted):
            async def sorry(self, reason: ConversationOver) -> None:
                self.pauseProducing()
                await self.drained(5)

        conversation = Insistent(echo, self.clock)
        conversation.makeConnection(self.wire)
        conversation.stop()
        self.clock.advance(5)
        assert self.wire.disconnecting
        self.lose(conversation)
        assert conversation.ends == [conversation]

    def test_a_client_that_does_not_close_is_cut_off_after_a_while(self) -> None:
        conversation = self.begin(echo)
        conversation.dataReceived(b"QUIT\r\n")
        self.clock.advance(LINGER_SECONDS - 0.1)
        assert not self.wire.aborted
        self.clock.advance(0.1)
        assert self.wire.aborted
        self.clock.advance(60)

    def test_a_paused_client_is_read_again_at_the_end_so_that_its_leaving_is_noticed(self) -> None:
        work: Deferred[None] = Deferred()

        async def talk(conversation: Scripted) -> None:
            await work

        conversation = self.begin(talk)
        conversation.dataReceived(b"x" * INBOX_OCTETS)
        assert self.wire.producerState == "paused"
        work.callback(None)
        assert self.wire.producerState == "producing"

    def test_a_paused_client_that_has_gone_is_not_resumed(self) -> None:
        work: Deferred[None] = Deferred()

        async def talk(conversation: Scripted) -> None:
            await work
            await conversation.pull(lambda: conversation.inbox.take(INBOX_OCTETS) or None, 60)
            await conversation.next_line()

        conversation = self.begin(talk)
        conversation.dataReceived(b"x" * INBOX_OCTETS)
        self.lose(conversation)
        work.callback(None)
        assert self.wire.producerState == "paused"
        assert isinstance(conversation.over, ConnectionGone)

    def test_a_fault_is_logged_and_closes_the_connection(self) -> None:
        async def talk(conversation: Scripted) -> None:
            conversation.write(b"half")
            raise ZeroDivisionError

        conversation = self.begin(talk)
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1
        assert self.said() == b"half"
        assert self.wire.disconnecting
        self.lose(conversation)
        assert conversation.ends == [conversation]

    def test_a_fault_after_the_client_has_gone_is_logged_too(self) -> None:
        work: Deferred[None] = Deferred()

        async def talk(conversation: Scripted) -> None:
            await work

        conversation = self.begin(talk)
        self.lose(conversation)
        work.errback(ZeroDivisionError())
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1
        assert conversation.ends == [conversation]

    # --- TLS ------------------------------------------------------------------------------------------------------

    def test_what_was_sent_before_the_handshake_is_not_obeyed_after_it(self) -> None:
        async def talk(conversation: Scripted) -> None:
            await conversation.next_line()
            assert conversation.tls is None
            conversation.write(b"go ahead\r\n")
            await conversation.start_tls(object())
            assert self.said() == b"go ahead\r\n"
            await echo(conversation)

        conversation = self.begin(talk)
        conversation.dataReceived(b"STARTTLS\r\ninjected\r\n")
        assert self.said() == b"hello\r\n"
        assert conversation.tls is not None
        conversation.dataReceived(b"x\r\n")
        assert self.said() == b"x\r\n"

    def test_a_transport_that_was_full_before_the_handshake_is_not_waited_for_after_it(self) -> None:
        async def talk(conversation: Scripted) -> None:
            conversation.pauseProducing()
            await conversation.start_tls(object())
            await conversation.drained(10)
            conversation.write(b"done")

        self.begin(talk)
        assert self.said() == b"done"

    def test_a_transport_that_stops_its_producer_closes_as_usual(self) -> None:
        conversation = self.begin(echo)
        conversation.stopProducing()
        self.lose(conversation)
        assert conversation.ends == [conversation]
