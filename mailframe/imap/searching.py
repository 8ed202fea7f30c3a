"""Evaluating SEARCH: cheap keys narrow what the dear ones must look at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

from attrs import define

from mailframe.errors import NoSuchMessage
from mailframe.imap.fetching import Rows
from mailframe.imap.search_keys import (
    All,
    And,
    Flagged,
    Header,
    Key,
    Modseq,
    Not,
    Numbers,
    Or,
    Recent,
    Size,
    Text,
    Uids,
    When,
)
from mailframe.interfaces import SYSTEM_FLAGS, Fact, IMailbox
from mailframe.message import headers, outline, words
from mailframe.message.text import body_text, contains, fold, header_text
from mailframe.store import fallback

CHUNK = 500
"""Messages looked at between two pauses."""
TEXT_OCTETS = 16 * 1024 * 1024
"""Octets of one message that BODY and TEXT look at."""


@define
class Scope:
    """
    What is searched.

    @ivar rows: all messages the client knows, in their order.
    @ivar pause: lets others have their turn.
    """

    rows: Rows
    mailbox: IMailbox
    pause: Callable[[], Awaitable[None]]


async def search(key: Key, scope: Scope) -> list[int]:
    """
    Return the positions, from 0 and ascending, of the messages that match.

    @raise mailframe.imap.sequence_set.BadNumber: the program names a message number that does not exist.
    """
    return await _narrow(key, scope, list(range(len(scope.rows.uids))))


async def _narrow(key: Key, scope: Scope, among: list[int]) -> list[int]:
    """Return those of some positions that match; an empty list needs no work."""
    if not among or isinstance(key, All):
        return among
    if isinstance(key, And):
        for part in sorted(key.keys, key=_cost):
            among = await _narrow(part, scope, among)
        return among
    if isinstance(key, Not):
        found = set(await _narrow(key.key, scope, among))
        return [at for at in among if at not in found]
    if isinstance(key, Or):
        cheap, dear = sorted((key.one, key.other), key=_cost)
        found = set(await _narrow(cheap, scope, among))
        found.update(await _narrow(dear, scope, [at for at in among if at not in found]))
        return [at for at in among if at in found]
    if isinstance(key, Size | When | Header):
        return await _by_facts(key, scope, among)
    if isinstance(key, Text):
        return await _by_text(key, scope, among)
    return _by_rows(key, scope.rows, among)


def _cost(key: Key) -> int:
    """Order keys by what one message costs."""
    if isinstance(key, And):
        return max(map(_cost, key.keys), default=0)
    if isinstance(key, Not):
        return _cost(key.key)
    if isinstance(key, Or):
        return max(_cost(key.one), _cost(key.other))
    if isinstance(key, Text):
        return 3
    if isinstance(key, Header):
        return 2
    return 1 if isinstance(key, Size | When) else 0


# --- what the client's view knows -------------------------------------------------------------------------------------


def _by_rows(key: Flagged | Recent | Numbers | Uids | Modseq, rows: Rows, among: list[int]) -> list[int]:
    if isinstance(key, Flagged):
        return _flagged(key, rows, among)
    if isinstance(key, Recent):
        return [at for at in among if (rows.uids[at] in rows.recent) == key.present]
    if isinstance(key, Modseq):
        return [at for at in among if rows.modseqs[at] >= key.least]
    if isinstance(key, Numbers):
        ranges = key.numbers.positions(len(rows.uids))
    else:
        ranges = key.uids.positions_of_uids(rows.uids)
    wanted = {at for positions in ranges for at in positions}
    return [at for at in among if at in wanted]


def _flagged(key: Flagged, rows: Rows, among: list[int]) -> list[int]:
    flags = rows.flags
    if key.flag in SYSTEM_FLAGS:
        return [at for at in among if (key.flag in flags[at]) == key.present]
    # Keywords are compared without case, and mailboxes have few different sets of flags: each is judged once.
    wanted = key.flag.lower()
    judged = {value: any(flag.lower() == wanted for flag in value) for value in set(flags)}
    return [at for at in among if judged[flags[at]] == key.present]


# --- what the store knows ---------------------------------------------------------------------------------------------


async def _by_facts(key: Size | When | Header, scope: Scope, among: list[int]) -> list[int]:
    fact, matches = _test(key)
    found = []
    for start in range(0, len(among), CHUNK):
        chunk = {scope.rows.uids[at]: at for at in among[start : start + CHUNK]}
        rows = await fallback.facts(scope.mailbox, list(chunk), [fact])
        found += [chunk[uid] for uid, value in rows if matches(value)]
        await scope.pause()
    return found


def _test(key: Size | When | Header) -> tuple[Fact, Callable[[Any], bool]]:
    """Return which fact decides, and how."""
    if isinstance(key, Size):
        above, below = key.above, key.below
        return Fact.SIZE, lambda size: (above is None or size > above) and (below is None or size < below)
    if isinstance(key, When):
        first, last = _midnight(key.first), _midnight(key.last)
        fact = Fact.SENT if key.sent else Fact.INTERNAL_DATE
        return (
            fact,
            lambda when: when is not None and (first is None or when >= first) and (last is None or when < last),
        )
    folded = fold(key.text)
    if key.name.upper() == b"SUBJECT" and folded:
        return Fact.SUBJECT, lambda subject: contains(subject, folded)
    return Fact.HEAD, lambda head: _has_field(head, key.name, folded)


def _midnight(day: date | None) -> int | None:
    return None if day is None else int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _has_field(head: bytes, name: bytes, folded: str) -> bool:
    wanted = name.lower()
    # Most messages lack most fields: the quick look spares taking the header apart.
    if wanted not in head.lower():
        return False
    return any(
        contains(words.decode(field.value), folded) for field in headers.fields(head) if field.name.lower() == wanted
    )


# --- what only the message knows --------------------------------------------------------------------------------------


async def _by_text(key: Text, scope: Scope, among: list[int]) -> list[int]:
    folded = fold(key.text)
    if not folded:
        return among
    found = []
    for start in range(0, len(among), CHUNK):
        chunk = {scope.rows.uids[at]: at for at in among[start : start + CHUNK]}
        for uid, head, tree in await fallback.facts(scope.mailbox, list(chunk), [Fact.HEAD, Fact.OUTLINE]):
            if (key.header and contains(header_text(head), folded)) or await _in_body(scope, uid, head, tree, folded):
                found.append(chunk[uid])
            await scope.pause()
    return found


async def _in_body(scope: Scope, uid: int, head: bytes, tree: bytes, folded: str) -> bool:
    try:
        body = await scope.mailbox.read(uid, len(head), TEXT_OCTETS)
    except NoSuchMessage:
        return False
    return any(contains(text, folded) for text in body_text(outline.load(tree), head, body))
