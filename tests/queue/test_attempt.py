"""What follows from an attempt."""

from __future__ import annotations

from attrs import evolve

from mailframe.address import Address
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Action, Delivered, Failed, Outcome, Retry
from mailframe.interfaces import Leased, Settlement
from mailframe.queue.attempt import RETURNED, Consequences, by_kind, consequences
from mailframe.queue.schedule import DAY, HOUR, Schedule
from mailframe.spool import Message

SCHEDULE = Schedule(jitter=0.0)
LATER = Retry("4.4.1", "Nobody there", "mx.example")


def leased(*notify: str, sender: str = "me@example.net", attempts: int = 0, warned: bool = False) -> Leased:
    recipient = Recipient(Address("ann", "example.org"), frozenset(notify))
    envelope = Envelope(Address.parse(sender) if sender else None, (recipient,))
    return evolve(Leased(1, "m1", envelope, Message(b"", b""), attempts, 1000.0), warned=warned)


def follows(each: Leased, outcome: Outcome, after: float = 0.0) -> Consequences:
    return consequences(each, outcome, 1000.0 + after, SCHEDULE, lambda count: bytes(count))


def told(each: Leased, outcome: Outcome, after: float = 0.0) -> str | None:
    news = follows(each, outcome, after).news
    return None if news is None else news.kind


def test_a_delivery_leaves_the_queue_and_nobody_is_told() -> None:
    assert follows(leased(), Delivered("ok")) == Consequences(Settlement(Delivered("ok")), None)


def test_a_failure_is_told() -> None:
    result = follows(leased(), Failed("5.1.1", "No"))
    assert result.settlement == Settlement(Failed("5.1.1", "No"))
    assert result.news is not None
    assert (result.news.kind, result.news.outcome) == ("failed", Failed("5.1.1", "No"))


def test_a_retry_is_due_by_the_schedule() -> None:
    assert follows(leased(), LATER).settlement == Settlement(LATER, 1300.0)
    assert follows(leased(attempts=1), LATER).settlement == Settlement(LATER, 1600.0)


def test_the_last_retry_is_when_it_expires() -> None:
    result = follows(leased(attempts=20, warned=True), LATER, 5 * DAY - HOUR)
    assert result.settlement.due == 1000.0 + 5 * DAY


def test_what_has_expired_failed_with_what_was_said_last() -> None:
    result = follows(leased(attempts=20, warned=True), LATER, 5 * DAY)
    outcome = result.settlement.outcome
    assert isinstance(outcome, Failed)
    assert (outcome.status, outcome.remote) == ("5.4.7", "mx.example")
    assert outcome.text == "Given up after 5 days. The last attempt: Nobody there"
    assert result.news is not None
    assert result.news.kind == "failed"


def test_a_delay_is_told_once() -> None:
    assert told(leased(), LATER, 4 * HOUR - 1) is None
    late = follows(leased(), LATER, 4 * HOUR)
    assert late.settlement.warned
    assert late.news is not None
    assert (late.news.kind, late.news.until) == ("delayed", 1000.0 + 5 * DAY)
    again = follows(leased(warned=True), LATER, 8 * HOUR)
    assert again.settlement.warned
    assert again.news is None


def test_reports_are_not_answered() -> None:
    for outcome in (Failed(), LATER, Delivered()):
        assert told(leased("SUCCESS", "FAILURE", "DELAY", sender=""), outcome, 4 * HOUR) is None


def test_the_sender_hears_what_he_wants_to_hear() -> None:
    assert told(leased("NEVER"), Failed()) is None
    assert told(leased("SUCCESS"), Failed()) is None
    assert told(leased("FAILURE"), LATER, 4 * HOUR) is None
    assert told(leased("DELAY"), LATER, 4 * HOUR) == "delayed"
    assert told(leased("SUCCESS"), Delivered()) == "delivered"
    assert told(leased("SUCCESS"), Delivered("", Action.RELAYED)) == "relayed"
    assert told(leased("SUCCESS"), Delivered("", Action.EXPANDED)) == "expanded"
    assert told(leased("SUCCESS"), Delivered("", Action.PASSED_ON)) is None
    assert told(leased("FAILURE"), Delivered()) is None


def test_news_of_one_message_go_into_one_report_for_each_kind() -> None:
    news = [
        follows(leased("SUCCESS", "FAILURE"), outcome).news
        for outcome in (Failed("5.1.1", "a"), Delivered(), Failed("5.2.1", "b"), Delivered("", Action.RELAYED))
    ]
    groups = by_kind([each for each in news if each is not None])
    assert [[each.kind for each in group] for group in groups] == [["failed", "failed"], ["delivered", "relayed"]]


def test_an_administrator_may_send_it_back() -> None:
    assert told(leased(), RETURNED) == "failed"
