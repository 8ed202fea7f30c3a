"""What the queue tells the journal, where a world does not show it."""

from __future__ import annotations

from twisted.internet.task import Clock

from mailframe.address import Address
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Delivered, Retry
from mailframe.inline import now
from mailframe.interfaces import Leased, Report, Settlement
from mailframe.journal.events import Arrived, Attempted, Reported
from mailframe.journal.memory import MemoryJournal
from mailframe.journal.noting import note_own
from mailframe.queue.bounce import News
from mailframe.queue.noting import TEXT_CHARACTERS, note_attempt, note_orders, note_report
from mailframe.site import Site
from mailframe.spool import Message

BOB = Recipient(Address("bob", "example.net"))
ENVELOPE = Envelope(Address("ann", "example.org"), (BOB,))
MESSAGE = Message.from_bytes(b"Message-ID: <r@mx>\r\n\r\n")
REPORT = Report("m2", Envelope(None, (Recipient(Address("ann", "example.org")),)), MESSAGE, 5.0)


def test_endless_words_of_a_server_are_cut() -> None:
    journal, words = MemoryJournal(), "x" * 10_000
    site = Site("mx", Clock(), journal=journal)
    leased = Leased(7, "m1", ENVELOPE, MESSAGE, 2, 0.0)
    note_attempt(site, [leased], {7: Settlement(Retry("4.2.1", words, "mx.b", words), 60.0)})
    [entry] = now(journal.of("m1", 0, 1))
    cut = "x" * TEXT_CHARACTERS
    assert list(entry.events) == [
        Attempted(0.0, "m1", "bob@example.net", 3, "postponed", "4.2.1", cut, "mx.b", cut, 60.0)
    ]


def test_a_report_of_success_is_noted_with_all_that_it_is_about() -> None:
    journal = MemoryJournal()
    news = [News(BOB, kind, Delivered()) for kind in ("delivered", "relayed")]
    note_report(Site("mx", Clock(), journal=journal), "m1", news, REPORT)
    [entry] = now(journal.of("m1", 0, 1))
    both = ("bob@example.net", "bob@example.net")
    assert list(entry.events) == [Reported(0.0, "m1", "success", "m2", "ann@example.org", both)]
    [own] = now(journal.of("m2", 0, 1))
    size = REPORT.message.size
    assert list(own.events) == [
        Arrived(0.0, "m2", "", "report", "", "", "", "", "", ("ann@example.org",), "r@mx", size, "m1")
    ]


def test_without_a_journal_nothing_is_noted() -> None:
    site = Site("mx", Clock())
    note_attempt(site, [], {})
    note_report(site, "m1", [News(BOB, "failed", Delivered())], REPORT)
    note_orders(site, "hold", [("m1", "{}")])
    note_own(site, "answer", "m1", ENVELOPE, MESSAGE)
