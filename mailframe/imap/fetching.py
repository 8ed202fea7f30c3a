"""Answering FETCH: whole columns at once where the store knows the answer, octets of messages one by one where not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any, Protocol

from attrs import frozen

from mailframe.errors import NoSuchMessage
from mailframe.imap import writing
from mailframe.imap.fetch_items import FactItem, FetchItem, FetchRequest, FlagsItem, ModseqItem, SectionItem, UidItem
from mailframe.interfaces import Entries, Fact, FlagSet, IDigested, IMailbox
from mailframe.message import outline, sections, selecting
from mailframe.net.conversation import ConnectionGone
from mailframe.store import fallback

ROWS = 2000
"""Messages answered between two looks at whether the client reads, and at who else is waiting."""
BODIES = 100
"""The same where octets of messages are read."""
FEW = 4
"""Messages up to which the answer goes out together with the end of the command: what is sent twice costs twice."""
PIECE = 256 * 1024
"""Octets of a big message in memory at a time."""

_HEADER_FIELDS = (b"HEADER.FIELDS", b"HEADER.FIELDS.NOT")


class Sink(Protocol):
    """Where responses go."""

    def write(self, data: bytes) -> None:
        """Give octets to the client, soon."""

    async def drained(self) -> None:
        """Wait until the client has read most of them, and let others have their turn."""


@frozen
class Rows:
    """
    Messages as one client sees them: four sequences of one length.

    @ivar numbers: message sequence numbers.
    @ivar recent: which UIDs are C{\\Recent} to this client.
    """

    numbers: Sequence[int]
    uids: Sequence[int]
    flags: Sequence[FlagSet]
    modseqs: Sequence[int]
    recent: frozenset[int] | range = frozenset()

    def slice(self, start: int, stop: int) -> Rows:
        """Return some of the rows."""
        part = slice(start, stop)
        return Rows(self.numbers[part], self.uids[part], self.flags[part], self.modseqs[part], self.recent)

    def only(self, uids: Sequence[int]) -> Rows:
        """Return the rows of those messages that still exist."""
        if len(uids) == len(self.uids):
            return self
        left = set(uids)
        kept = [at for at, uid in enumerate(self.uids) if uid in left]
        entries = Entries(self.uids, self.flags, self.modseqs).only(kept)
        return Rows([self.numbers[at] for at in kept], entries.uids, entries.flags, entries.modseqs, self.recent)

    def without(self, uids: Set[int]) -> Rows:
        """Return the rows of all other messages."""
        return self.only([uid for uid in self.uids if uid not in uids]) if uids else self

    def flag_lists(self) -> list[bytes]:
        """Return each message's flags as they are sent."""
        if not self.recent:
            return list(map(writing.flags, self.flags))
        recent = self.recent
        return [
            writing.flags_recent(value) if uid in recent else writing.flags(value)
            for uid, value in zip(self.uids, self.flags, strict=True)
        ]

    def lines(self, uids: bool, flags: bool, modseqs: bool) -> bytes:
        """Return C{FETCH} responses that tell some of it."""
        labels: list[bytes] = []
        columns: list[Sequence[object]] = []
        if uids:
            labels.append(b"UID %d")
            columns.append(self.uids)
        if flags:
            labels.append(b"FLAGS (%b)")
            columns.append(self.flag_lists())
        if modseqs:
            labels.append(b"MODSEQ (%d)")
            columns.append(self.modseqs)
        return writing.fetch_lines(self.numbers, labels, columns)


def marks_seen(request: FetchRequest) -> bool:
    """Whether the request sets C{\\Seen} (RFC 3501 6.4.5)."""
    return any(isinstance(item, SectionItem) and not item.peek for item in request.items)


async def fetch(request: FetchRequest, mailbox: IMailbox, rows: Rows, sink: Sink) -> bool:
    """
    Answer for all rows.

    @return: whether all of them still existed; those that did not are passed over (RFC 2180 section 4.1.2).
    """
    wanted = _facts(request.items, IDigested.providedBy(mailbox))
    reads = any(isinstance(item, SectionItem) and _source(item) is not Fact.HEAD for item in request.items)
    step = BODIES if reads else ROWS
    complete = True
    for start in range(0, len(rows.uids), step):
        chunk = rows.slice(start, start + step)
        facts: Sequence[tuple[Any, ...]] = ()
        if wanted:
            facts = await fallback.facts(mailbox, chunk.uids, wanted)
            complete = complete and len(facts) == len(chunk.uids)
            chunk = chunk.only([row[0] for row in facts])
        columns = dict(zip(wanted, list(zip(*facts, strict=True))[1:], strict=False))
        if reads and not all(_is_known(item, columns) for item in request.items):
            complete = await _bodies(request, mailbox, chunk, facts, wanted, sink) and complete
        elif chunk.uids:
            sink.write(_bulk(request, chunk, columns))
        if len(rows.uids) > FEW:
            await sink.drained()
    return complete


def _facts(items: Sequence[FetchItem], digested: bool) -> list[Fact]:
    """Return what the store must tell for these items, each once."""
    wanted: dict[Fact, None] = {}
    for item in items:
        if isinstance(item, FactItem):
            wanted[item.fact] = None
        elif isinstance(item, SectionItem):
            wanted.update(dict.fromkeys(_section_facts(item, digested)))
    return list(wanted)


def _section_facts(item: SectionItem, digested: bool) -> tuple[Fact, ...]:
    source = _source(item)
    if source is Fact.HEAD:
        return (Fact.HEAD,)
    if source is Fact.WHOLE and digested:
        return (Fact.WHOLE, Fact.SIZE)
    return (Fact.OUTLINE,) if item.section.path or item.section.text else (Fact.SIZE,)


def _source(item: SectionItem) -> Fact | None:
    """Return the fact that a section comes of, if it is known; C{None} means that it must be read from the message."""
    section = item.section
    if section.path:
        return None
    if section.text is None:
        return Fact.WHOLE if item.partial is None else None
    return Fact.HEAD if section.text in (b"HEADER", *_HEADER_FIELDS) else None


def _is_known(item: FetchItem, facts: Mapping[Fact, Sequence[Any]]) -> bool:
    """Whether an item can be answered from the facts about some messages."""
    if not isinstance(item, SectionItem):
        return True
    source = _source(item)
    return source is not None and None not in facts.get(source, (None,))


def _bulk(request: FetchRequest, rows: Rows, facts: Mapping[Fact, Sequence[Any]]) -> bytes:
    labels, columns = [], []
    for item in request.items:
        label, column = _column(item, rows, facts)
        labels.append(label)
        columns.append(column)
    return writing.fetch_lines(rows.numbers, labels, columns)


def _column(item: FetchItem, rows: Rows, facts: Mapping[Fact, Sequence[Any]]) -> tuple[bytes, Sequence[Any]]:
    if isinstance(item, UidItem):
        return b"UID %d", rows.uids
    if isinstance(item, FlagsItem):
        return b"FLAGS (%b)", rows.flag_lists()
    if isinstance(item, ModseqItem):
        return b"MODSEQ (%d)", rows.modseqs
    if isinstance(item, SectionItem):
        source = _source(item)
        assert source is not None, "what must be read is read one by one"
        return writing.escaped(item.label) + b" %b", _literals(item, facts[source])
    column = facts[item.fact]
    if item.fact is Fact.INTERNAL_DATE:
        return item.label + b" %b", list(map(writing.date_time, column))
    return item.label + (b" %d" if item.fact is Fact.SIZE else b" %b"), column


def _literals(item: SectionItem, texts: Sequence[bytes]) -> list[bytes]:
    """Return sections that are made of headers or whole messages."""
    if item.section.text in _HEADER_FIELDS:
        select = selecting.selector(item.section.names, item.section.text == b"HEADER.FIELDS.NOT")
        texts = list(map(select, texts))
    if item.partial is not None:
        start, length = item.partial
        texts = [text[start : start + length] for text in texts]
    return list(map(_literal, texts))


def _literal(data: bytes) -> bytes:
    return b"{%d}\r\n%b" % (len(data), data)


# --- octets of messages -----------------------------------------------------------------------------------------------


async def _bodies(
    request: FetchRequest,
    mailbox: IMailbox,
    rows: Rows,
    facts: Sequence[tuple[Any, ...]],
    wanted: Sequence[Fact],
    sink: Sink,
) -> bool:
    complete = True
    for at, row in enumerate(facts):
        one = rows.slice(at, at + 1)
        try:
            await _one(request, mailbox, one, dict(zip(wanted, row[1:], strict=True)), sink)
        except NoSuchMessage:
            complete = False
    return complete


async def _one(request: FetchRequest, mailbox: IMailbox, row: Rows, facts: dict[Fact, Any], sink: Sink) -> None:
    """Answer for one message; nothing is written before its first octets are there."""
    uid = row.uids[0]
    columns = {fact: (value,) for fact, value in facts.items()}
    pieces = [b"* %d FETCH (" % row.numbers[0]]
    separator = b""
    for item in request.items:
        pieces.append(separator)
        separator = b" "
        if not isinstance(item, SectionItem) or _is_known(item, columns):
            label, column = _column(item, row, columns)
            pieces.append(label % column[0])
            continue
        pieces.append(item.label + b" ")
        span = None if item.section.text in _HEADER_FIELDS else _span(item, facts)
        if span is None or span[1] <= PIECE:
            pieces.append(await _small(item, mailbox, uid, facts, span))
            continue
        start, length = span
        first = await mailbox.read(uid, start, PIECE)
        sink.write(b"".join(pieces) + b"{%d}\r\n" % length)
        await _stream(mailbox, uid, start, length, first, sink)
        pieces.clear()
    sink.write(b"".join(pieces) + b")\r\n")


async def _small(
    item: SectionItem, mailbox: IMailbox, uid: int, facts: dict[Fact, Any], span: tuple[int, int] | None
) -> bytes:
    """Return a section as NIL or literal; the partial is applied already where there is a span."""
    if span is not None:
        return _literal(await mailbox.read(uid, *span))
    found = _located(item, facts)
    if found is None:
        return b"NIL"
    # HEADER.FIELDS of an embedded message: its header must be read to be searched.
    return _literals(item, [await mailbox.read(uid, *found)])[0]


def _located(item: SectionItem, facts: dict[Fact, Any]) -> tuple[int, int] | None:
    """Return where the section's octets are: start and length."""
    section = item.section
    if not section.path and section.text is None:
        return 0, facts[Fact.SIZE]
    return sections.locate(outline.load(facts[Fact.OUTLINE]), section)


def _span(item: SectionItem, facts: dict[Fact, Any]) -> tuple[int, int] | None:
    """Return which octets the client gets, the partial applied; C{None} when there is no such section."""
    found = _located(item, facts)
    if found is None or item.partial is None:
        return found
    start, length = found
    offset = min(item.partial[0], length)
    return start + offset, min(item.partial[1], length - offset)


async def _stream(mailbox: IMailbox, uid: int, start: int, length: int, first: bytes, sink: Sink) -> None:
    """Send a literal whose length was announced; if it cannot be kept, the connection must not go on."""
    end, piece = start + length, first
    try:
        while True:
            sink.write(piece)
            start += len(piece)
            await sink.drained()
            if start >= end:
                return
            piece = await mailbox.read(uid, start, min(PIECE, end - start))
            if not piece:
                raise ConnectionGone
    except NoSuchMessage:
        raise ConnectionGone from None
