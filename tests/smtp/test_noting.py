"""What the journal learns of receiving mail: arrivals, verdicts, refusals, and where each recipient's copy went."""

from __future__ import annotations

from functools import partial
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailframe.delivery.routes import Route
from mailframe.hooks import (
    Accept,
    Delivered,
    Delivery,
    Discard,
    Failed,
    Outcome,
    Postpone,
    RecipientEvent,
    Reject,
    Retry,
    Verdict,
)
from mailframe.journal.events import Arrived, Event, Handed, Judged, Refused
from mailframe.journal.keys import address_key, message_id_key
from mailframe.journal.memory import MemoryJournal
from mailframe.journal.noting import message_id_of
from mailframe.queue.memory import MemoryQueue
from mailframe.smtp.noting import name_of
from tests.smtp.world import World

NOW = 1_000_000_000.0
NUMBER = "0e8d4a510000707070707"
ANN, BOB = "ann@example.org", "bob@example.org"

MAIL = """
C: MAIL FROM:<eve@example.net>
S: 250 ...
"""
TO_ANN = """
C: RCPT TO:<Ann@EXAMPLE.org>
S: 250 ...
"""
DATA = """
C: DATA
S: 354 ...
C: Message-Id: <1@example.net>
C: Subject: hello
C:
C: Text
C: .
S: 250 ...
"""


def by_name(_event: Any) -> Verdict | None:
    return None


class by_class:  # noqa: N801 - named as hooks are
    def __call__(self, _event: Any) -> Verdict | None:
        return None


def made_by() -> Any:
    def hook(_event: Any) -> Verdict | None:
        return None

    return hook


def welcome(_event: Any) -> Verdict:
    return Accept()


def no_bob(event: RecipientEvent) -> Verdict | None:
    return Reject("5.7.1", "Not to Bob") if event.recipient.address.local == "bob" else None


def said(outcome: Outcome, _delivery: Delivery) -> Outcome:
    return outcome


class NotingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.journal = MemoryJournal()
        self.world = World(journal=self.journal)

    def found(self, key: str) -> list[list[Event]]:
        entries = self.successResultOf(Deferred.fromCoroutine(self.journal.find(key, None, 100)))
        return [list(entry.events) for entry in entries]

    def play(self, script: str, verb: str = "EHLO", **options: Any) -> None:
        self.world.greeted(self.world.mx(**options), verb).play(script)

    def refused(
        self, point: str, code: int, status: str, text: str, *to: str, sender: str = "eve@example.net"
    ) -> Refused:
        return Refused(
            NOW, "", point, code, status, text, NUMBER, "mx", "192.0.2.7", "client.example.net", sender, to
        )  # fmt: skip

    def test_a_message_has_one_entry_with_its_arrival_and_where_it_went(self) -> None:
        self.play(MAIL + TO_ANN + DATA)
        [[arrived, handed]] = self.found(address_key(ANN))
        assert isinstance(arrived, Arrived)
        assert arrived == Arrived(
            NOW, NUMBER, NUMBER, "mx", "192.0.2.7", "client.example.net", "", "", "eve@example.net",
            ("Ann@example.org",), "1@example.net", arrived.size,
        )  # fmt: skip
        assert arrived.size == len(self.world.mail()[0]) - len(b"Return-Path: <eve@example.net>\r\n")
        assert handed == Handed(NOW, NUMBER, "Ann@example.org", "delivered", "", "INBOX of ann@example.org")
        assert self.found(message_id_key("<1@example.net>")) == [[arrived, handed]]

    def test_who_has_logged_in_is_noted_and_the_message_id_that_was_added(self) -> None:
        player = self.world.greeted(self.world.submission())
        player.play(
            """
            C: AUTH PLAIN AGFubkBleGFtcGxlLm9yZwBzZWNyZXQ=
            S: 235 ...
            C: MAIL FROM:<ann@example.org>
            S: 250 ...
            C: RCPT TO:<bob@example.org>
            S: 250 ...
            C: DATA
            S: 354 ...
            C: Subject: hello
            C:
            C: .
            S: 250 ...
            """
        )
        [[arrived, _handed]] = self.found(address_key(BOB))
        assert isinstance(arrived, Arrived)
        assert (arrived.service, arrived.login) == ("submission", ANN)
        assert arrived.message_id == f"{arrived.message}@mx.example.org"

    def test_every_recipients_outcome_is_noted(self) -> None:
        answers: list[Outcome] = [Delivered("there"), Retry("4.2.2", "full"), Failed("5.1.1", "unknown")]
        routes = [Route(f"{at}@example.org", partial(said, answer)) for at, answer in enumerate(answers)]
        rcpts = "".join(f"C: RCPT TO:<{at}@example.org>\nS: 250 ...\n" for at in range(3))
        self.play(MAIL + rcpts + DATA.replace("S: 250 ...", "S: 451 ..."), routes=routes)
        [[_arrived, *handed]] = self.found(address_key("eve@example.net"))
        assert handed == [
            Handed(NOW, NUMBER, "0@example.org", "delivered", "", "there"),
            Handed(NOW, NUMBER, "1@example.org", "postponed", "4.2.2", "full"),
            Handed(NOW, NUMBER, "2@example.org", "failed", "5.1.1", "unknown"),
        ]

    def test_what_goes_into_the_queue_is_said_to_be_queued(self) -> None:
        routes = [
            Route(ANN, lambda _delivery: Delivered("there")),
            Route(BOB, lambda _delivery: Retry("4.2.2", "full")),
        ]
        to_bob = TO_ANN.replace("Ann@EXAMPLE.org", BOB)
        self.play(MAIL + TO_ANN + to_bob + DATA, routes=routes, queue=MemoryQueue(self.world.clock))
        [[_arrived, first, second]] = self.found(address_key("eve@example.net"))
        assert first == Handed(NOW, NUMBER, "Ann@example.org", "delivered", "", "there")
        assert second == Handed(NOW, NUMBER, BOB, "queued", "", "queued")

    def test_a_recipient_that_is_refused_is_found_although_no_message_comes(self) -> None:
        self.play(MAIL + "C: RCPT TO:<Nobody@example.org>\nS: 550 ...\nC: QUIT\nS: 221 ...\nS closes")
        expected = self.refused("recipient", 550, "5.1.1", "No such user here", "Nobody@example.org")
        assert self.found(address_key("nobody@example.org")) == [[expected]]
        assert self.found(address_key("eve@example.net")) == [[expected]]

    def test_a_message_tells_which_of_its_recipients_were_refused_by_whom(self) -> None:
        to_bob = "C: RCPT TO:<bob@example.org>\nS: 550 5.7.1 Not to Bob\n"
        self.play(MAIL + to_bob + TO_ANN + DATA, at_recipient=[no_bob, welcome])
        judged = Judged(NOW, "", "recipient", "tests.smtp.test_noting.no_bob", "reject", "5.7.1", "Not to Bob", BOB)
        refused = self.refused("recipient", 550, "5.7.1", "Not to Bob", BOB)
        [of_ann, alone] = self.found(address_key("eve@example.net"))
        assert alone == [judged, refused]
        accepted = Judged(
            NOW, NUMBER, "recipient", "tests.smtp.test_noting.welcome", "accept", recipient="Ann@example.org"
        )
        assert of_ann[:3] == [evolve(judged, message=NUMBER), evolve(refused, message=NUMBER), accepted]
        assert self.found(address_key(BOB)) == [alone]
        assert self.found(address_key(ANN)) == [of_ann]

    def test_a_sender_that_is_refused_is_found(self) -> None:
        no = "C: MAIL FROM:<eve@example.net>\nS: 451 4.7.1 Try again later\n"
        self.play(no + no, at_sender=[lambda event: Postpone()])
        expected = self.refused("sender", 451, "4.7.1", "Try again later")
        entries = self.found(address_key("eve@example.net"))
        assert [entry[-1] for entry in entries] == [expected, expected]
        assert [type(event) for entry in entries for event in entry[:-1]] == [Judged, Judged]

    def test_nobody_looks_for_the_null_sender(self) -> None:
        self.play("C: MAIL FROM:<>\nS: 451 ...\n", at_sender=[lambda event: Postpone()])
        assert not self.journal._entries

    def test_a_message_that_is_refused_is_found_by_everything(self) -> None:
        script = MAIL + TO_ANN + DATA.replace("S: 250 ...", "S: 550 5.7.1 Spam")
        self.play(script, at_message=[lambda event: Reject("5.7.1", "Spam")])
        hook = "tests.smtp.test_noting.NotingTests.test_a_message_that_is_refused_is_found_by_everything"
        expected = [
            Judged(NOW, "", "message", hook, "reject", "5.7.1", "Spam"),
            evolve(self.refused("message", 550, "5.7.1", "Spam", "Ann@example.org"), message_id="1@example.net"),
        ]
        for key in (address_key(ANN), address_key("eve@example.net"), message_id_key("1@example.net")):
            assert self.found(key) == [expected]

    def test_a_message_that_is_none_is_refused_all_the_same(self) -> None:
        self.play(MAIL + TO_ANN + "C: DATA\nS: 354 ...\nC: a\x00b\nC: .\nS: 550 5.6.0 ...\n")
        [[refused]] = self.found(address_key(ANN))
        assert isinstance(refused, Refused)
        assert (refused.point, refused.code, refused.message_id) == ("message", 550, "")

    def test_a_message_for_nobody_is_not_noted_beside_its_recipients(self) -> None:
        self.play(MAIL + "C: RCPT TO:<no@example.org>\nS: 550 ...\nC: BDAT 3 LAST\nC: x\nS: 554 ...\n")
        assert len(self.found(address_key("eve@example.net"))) == 1

    def test_a_message_that_is_thrown_away_is_said_to_be(self) -> None:
        self.play(MAIL + TO_ANN + DATA, at_message=[lambda event: Discard()])
        [[judged, arrived]] = self.found(address_key(ANN))
        assert isinstance(judged, Judged)
        assert isinstance(arrived, Arrived)
        assert (judged.verdict, judged.message) == ("discard", arrived.message)

    def test_what_hooks_say_of_a_client_stands_with_all_its_messages(self) -> None:
        self.play(2 * (MAIL + TO_ANN + DATA), at_connect=[welcome], at_hello=[welcome], at_sender=[welcome])
        for judged in self.found(address_key(ANN)):
            assert [event.point for event in judged if isinstance(event, Judged)] == ["connect", "hello", "sender"]

    def test_a_new_transaction_forgets_the_notes_of_the_one_before(self) -> None:
        self.play(
            MAIL
            + "C: RCPT TO:<no@example.org>\nS: 550 ...\nC: RSET\nS: 250 ...\n"
            + "C: MAIL FROM:<\nS: 501 ...\nC: MAIL FROM:<> FOO=1\nS: 555 ...\n"
            + MAIL + TO_ANN + DATA
        )  # fmt: skip
        [events] = self.found(address_key(ANN))
        assert [type(event) for event in events] == [Arrived, Handed]

    def test_what_cannot_be_read_is_not_noted(self) -> None:
        script = MAIL + "C: RCPT TO:<>\nS: 501 ...\nC: RCPT TO:nonsense\nS: 501 ...\nC: DATA\nS: 554 ...\n"
        self.play(script)
        assert self.found(address_key("eve@example.net")) == []

    def test_a_recipient_without_a_sender_is_refused_without_one(self) -> None:
        self.play("C: RCPT TO:<ann@example.org>\nS: 503 ...\n")
        assert [
            [event.sender for event in events if isinstance(event, Refused)] for events in self.found(address_key(ANN))
        ] == [[""]]
        self.play("C: MAIL FROM:<>\nS: 250 ...\nC: RCPT TO:<no@example.org>\nS: 550 ...\n")
        [[refused]] = self.found(address_key("no@example.org"))
        assert isinstance(refused, Refused)
        assert refused.sender == ""

    def test_without_a_journal_nothing_gathers(self) -> None:
        self.world.journal = None
        self.play(MAIL + TO_ANN + DATA, at_recipient=[welcome], at_message=[welcome])
        assert len(self.world.mail()) == 1
        self.play(MAIL + TO_ANN + DATA.replace("S: 250 ...", "S: 451 ..."), at_message=[lambda event: Postpone()])
        assert len(self.world.mail()) == 1


def test_hooks_have_names() -> None:
    here = "tests.smtp.test_noting"
    assert name_of(by_name) == f"{here}.by_name"
    assert name_of(by_class()) == f"{here}.by_class"
    assert name_of(made_by()) == f"{here}.made_by"
    assert name_of(partial(by_name)) == f"{here}.by_name"
    assert name_of(by_class().__call__) == f"{here}.by_class.__call__"


def test_message_ids_are_found_however_they_are_written() -> None:
    cases = {
        b"": "",
        b"Message-ID: <a@b>\r\n\r\n": "a@b",
        b"X: y\r\nmessage-id:<a@b>\r\n": "a@b",
        b"X: y\nMESSAGE-ID \t:\r\n <a@b>\r\n": "a@b",
        b"Message-Id: a@b more\r\n": "a@b",
        b"Message-ID: <a@b> (comment)\r\n": "a@b",
        b"Message-ID:\r\nSubject: x\r\n": "",
        b"X-Message-ID: <a@b>\r\n": "",
        b"Message-ID: <a\xff@b>\r\n": "a\ufffd@b",
        b"Message-ID: <" + b"a" * 2000 + b">\r\n": "a" * 998,
        b"Message-ID: <>\r\nX: y\r\n": "",
        b"Message-Id-Hash: x\r\nMessage-Id: <a@b>\r\n": "a@b",
        b"message-id: <a@b>\r\nMessage-Id-Hash: x\r\n": "a@b",
        b"Subject: x\r\nMessage-Id-Hash: x\r\n": "",
    }
    for head, expected in cases.items():
        assert message_id_of(head) == expected, head
