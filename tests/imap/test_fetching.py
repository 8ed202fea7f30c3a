"""What a client fetches is the same whatever the store can tell of its messages, and however many it fetches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define
from twisted.internet.task import Clock

from mailframe.address import Address
from mailframe.errors import NoSuchMessage
from mailframe.imap import fetching
from mailframe.imap.fetch_items import FETCH_ITEMS, FetchRequest, parse_items
from mailframe.imap.fetching import Rows
from mailframe.imap.grammar import Cursor
from mailframe.inline import now
from mailframe.interfaces import Fact
from mailframe.site import Site
from mailframe.spool import Message
from mailframe.sqlite import SQLite
from mailframe.store import fallback
from mailframe.store.memory import MemoryStore
from tests.imap.world import World, selected

ANN = "ann@example.org"
NOTE = b"Subject: note\r\nFrom: Ann <ann@example.org>\r\n\r\nHello.\r\n"
FORWARDED = b"Subject: fwd\r\nContent-Type: message/rfc822\r\n\r\n" + NOTE
LATIN = b"Subject: 8-bit\r\n\r\nGr\xfc\xdfe\0.\r\n"
LONG = b"Subject: long\r\n\r\n" + b"0123456789abcdef\r\n" * 5_000
HUGE = b"Subject: huge\r\n\r\n" + b"0123456789abcdef\r\n" * 50_000
MESSAGES = (NOTE, FORWARDED, LONG, LATIN, HUGE, NOTE)


class Plain:
    """A mailbox that knows no more than every mailbox."""

    def __init__(self, inner: Any) -> None:
        self.read, self.facts = inner.read, inner.facts


@define
class Sink:
    """Takes what is answered; C{pauses} counts how often others had their turn."""

    answer: bytes = b""
    pauses: int = 0

    def write(self, data: bytes) -> None:
        self.answer += data

    async def drained(self) -> None:
        self.pauses += 1


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Any]:
    data = SQLite(str(tmp_path / "data"))
    now(data.start(Site("mx.example.org", Clock())))
    now(data.add_account(Address.parse(ANN), "secret"))
    yield now(now(data.open(ANN)).mailbox("INBOX"))
    now(data.stop())


@pytest.fixture
def memory() -> Any:
    return now(now(MemoryStore().open(ANN)).mailbox("INBOX"))


def fill(mailbox: Any, *messages: bytes) -> None:
    for each in messages:
        now(mailbox.append(Message.from_bytes(each), frozenset(), 1_000_000_000))


def fetched(mailbox: Any, items: str, uids: list[int]) -> tuple[bool, Sink]:
    """Return whether all messages were there, and what came of them."""
    request = FetchRequest(parse_items(Cursor([items.encode()], []), FETCH_ITEMS))
    rows, sink = Rows(range(1, len(uids) + 1), uids, [frozenset()] * len(uids), [9] * len(uids)), Sink()
    return now(fetching.fetch(request, mailbox, rows, sink)), sink


ITEMS = [
    "BODY.PEEK[]",
    "(UID BODY.PEEK[] FLAGS RFC822.SIZE)",
    "(BODY.PEEK[] BODY.PEEK[TEXT]<2.3>)",
    "BODY.PEEK[]<5.10>",
    "(BODY.PEEK[HEADER] INTERNALDATE)",
    "BODY.PEEK[HEADER]<3.7>",
    "(BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT)])",
    "(BODY.PEEK[HEADER.FIELDS (FROM)] BODY.PEEK[1])",
    "BODY.PEEK[1.HEADER.FIELDS (FROM)]",
    "(BODY.PEEK[1.HEADER.FIELDS.NOT (FROM)]<1.4> BODY.PEEK[HEADER])",
    "BODY.PEEK[1.HEADER]",
    "BODY.PEEK[7]",
    "RFC822",
]


@pytest.mark.parametrize("items", ITEMS)
def test_every_store_is_answered_for_alike(items: str, sqlite: Any, memory: Any) -> None:
    uids = list(range(1, len(MESSAGES) + 1))
    for mailbox in (sqlite, memory):
        fill(mailbox, *MESSAGES)
    answers = [fetched(mailbox, items, uids)[1].answer for mailbox in (sqlite, memory, Plain(memory))]
    assert answers[0] == answers[1] == answers[2]
    alone = b"".join(fetched(sqlite, items, [uid])[1].answer.replace(b"* 1 ", b"* %d " % uid, 1) for uid in uids)
    assert answers[0] == alone


def test_whole_messages_come_octet_by_octet(sqlite: Any) -> None:
    fill(sqlite, *MESSAGES)
    _complete, sink = fetched(sqlite, "BODY.PEEK[]", list(range(1, len(MESSAGES) + 1)))
    literals = [b"{%d}\r\n%b" % (len(each), each) for each in MESSAGES]
    assert sink.answer == b"".join(b"* %d FETCH (BODY[] %b)\r\n" % pair for pair in enumerate(literals, 1))


def test_fields_of_a_message_within_a_message(memory: Any) -> None:
    fill(memory, FORWARDED)
    _complete, sink = fetched(memory, "BODY.PEEK[1.HEADER.FIELDS (FROM)]", [1])
    header = b"From: Ann <ann@example.org>\r\n\r\n"
    assert sink.answer == b"* 1 FETCH (BODY[1.HEADER.FIELDS (FROM)] {%d}\r\n%b)\r\n" % (len(header), header)


@pytest.mark.parametrize("items", ["BODY.PEEK[]", "BODY.PEEK[TEXT]", "BODY.PEEK[HEADER]", "ENVELOPE"])
def test_messages_that_have_gone_are_passed_over(items: str, sqlite: Any) -> None:
    fill(sqlite, NOTE, HUGE, NOTE)
    now(sqlite.expunge([2, 3], only_deleted=False))
    complete, sink = fetched(sqlite, items, [1, 2, 3])
    assert (complete, sink.answer.count(b" FETCH ")) == (False, 1)
    assert (fetched(sqlite, items, [2, 3])[0], fetched(sqlite, items, [2, 3])[1].answer) == (False, b"")


def test_a_message_that_goes_while_it_is_fetched_is_passed_over(memory: Any) -> None:
    class Going(Plain):
        async def read(self, *arguments: Any) -> bytes:
            raise NoSuchMessage("The message is gone")

        def __init__(self, inner: Any) -> None:
            self.facts = inner.facts

    fill(memory, NOTE, NOTE)
    complete, sink = fetched(Going(memory), "BODY.PEEK[]", [1, 2])
    assert (complete, sink.answer) == (False, b"")


def test_others_have_their_turn_while_many_messages_are_fetched(memory: Any) -> None:
    fill(memory, *[NOTE] * 250)
    uids = list(range(1, 251))
    assert fetched(memory, "BODY.PEEK[]", uids)[1].pauses == 3
    assert fetched(memory, "UID", uids)[1].pauses == 1
    assert fetched(memory, "BODY.PEEK[]", uids[: fetching.FEW])[1].pauses == 0


def test_few_messages_are_sent_together_with_the_end_of_the_command() -> None:
    world = World()
    world.append("x")
    player = world.play(selected(count=1))
    wire: Any = player._client("").wire
    sent: list[bytes] = []
    wire.write = sent.append
    player._client("").protocol.dataReceived(b"c FETCH 1 UID\r\n")
    world.clock.advance(0)
    assert sent == [b"* 1 FETCH (UID 1)\r\nc OK Done\r\n"]


def test_facts_that_must_be_computed_of_the_whole_message_hold_it_too(memory: Any) -> None:
    fill(memory, NOTE)
    plain: Any = Plain(memory)
    assert now(fallback.facts(plain, [1], [Fact.WHOLE, Fact.HEAD])) == [(1, NOTE, NOTE[: NOTE.index(b"Hello")])]
