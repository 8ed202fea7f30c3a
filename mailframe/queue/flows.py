"""What happens to the queue's tables: functions of the writing connection, each within a transaction.

C{due} is when a recipient may be lent next. To lend it is to move that to the end of the lease, so a runner that dies
gives back what it held without anybody having to notice. Recipients stand in flows, one for each sender and
destination: a lease takes a little of each flow of one destination, those first that have waited longest, so that a
sender of a few is not behind a sender of many. Only ranges of indexes are read, however long the queue is.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from attrs import frozen

from mailframe.address import Address
from mailframe.envelope import Envelope
from mailframe.interfaces import Report, Settlement
from mailframe.queue.rows import envelope_text, outcome_text, recipient_text
from mailframe.queue.settling import next_attempt

GENERATIONS = 1 << 20
"""A lease is named by its recipient's number and by how often that was lent before, counted up to here and again."""

NEVER = float("inf")
"""When it is due that waits for an administrator."""

_FLOW = (
    "INSERT INTO flow (destination, sender, due, served) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (destination, sender) "
    "DO UPDATE SET due = min(due, excluded.due), served = max(served, excluded.served) RETURNING id"
)
_RECIPIENT = (
    "INSERT INTO queued_recipient (message, flow, recipient, due, lent, leased) VALUES (?1, ?2, ?3, ?4, ?5, ?5) "
    "RETURNING key"
)
_DUE_DESTINATION = (
    "SELECT destination FROM flow WHERE due <= ?1 AND destination NOT IN (SELECT value FROM json_each(?2)) "
    "ORDER BY due LIMIT 1"
)
_DUE_FLOWS = "SELECT id FROM flow WHERE destination = ? AND due <= ? ORDER BY served, id LIMIT ?"
_DUE = (
    "SELECT key, message, recipient, attempts, lent, warned, returned, route FROM queued_recipient "
    "WHERE flow = ? AND due <= ? ORDER BY due, key LIMIT ?"
)
_LEND = "UPDATE queued_recipient SET due = ?, lent = lent + 1, leased = 1 WHERE key = ?"
_AGAIN = (
    "UPDATE queued_recipient SET due = iif(held, 9e999, iif(returned, min(?1, ?8), ?1)), attempts = attempts + ?2, "
    "outcome = coalesce(?3, outcome), warned = max(warned, ?4), leased = 0 "
    "WHERE key = ?5 AND leased AND lent % ?6 = ?7 RETURNING message, flow"
)
_HELD_ON = "UPDATE queued_recipient SET due = 9e999 WHERE held AND due <= ? RETURNING flow"
_DONE = "DELETE FROM queued_recipient WHERE key = ?1 AND leased AND lent % ?2 = ?3 RETURNING message, flow"

NEXT_DUE = "SELECT due FROM flow WHERE destination NOT IN (SELECT value FROM json_each(?)) ORDER BY due LIMIT 1"


@frozen
class Row:
    """
    One lent recipient.

    @ivar key: names this lease.
    """

    key: int
    message: int
    recipient: str
    attempts: int
    warned: bool
    returned: bool
    route: str


@frozen
class Content:
    """
    A message as the table keeps it.

    @ivar file: the name of the file that holds the body, when C{body} is C{None}.
    """

    id: str
    envelope: Envelope
    created: float
    head: bytes
    body: bytes | None
    file: str | None
    body_size: int


def sender_text(sender: Address | None) -> str:
    """Return the sender of a flow."""
    return f"{sender.local}@{sender.domain}" if sender else ""


def busy_text(busy: Collection[str]) -> str:
    """Return destinations for a query."""
    return json.dumps(sorted(busy), ensure_ascii=False)


def put(connection: Any, content: Content, due: float) -> None:
    """Insert a message for all recipients of its envelope."""
    put_and_lend(connection, content, due, ())


def put_and_lend(
    connection: Any, content: Content, due: float, destinations: Collection[str], now: float = 0.0, until: float = 0.0
) -> list[int]:
    """Insert a message, lent to some destinations; return a key for each recipient, that of its lease if it is lent."""
    row = (
        content.id,
        envelope_text(content.envelope),
        content.created,
        content.head,
        content.body,
        content.file,
        content.body_size,
    )
    connection.execute(
        "INSERT INTO queued (id, envelope, created, head, body, file, body_size) VALUES (?, ?, ?, ?, ?, ?, ?)", row
    )
    number, sender = connection.last_insert_rowid(), sender_text(content.envelope.sender)
    flows: dict[str, int] = {}
    keys: list[int] = []
    for recipient in content.envelope.recipients:
        destination = recipient.address.domain
        lent = destination in destinations
        if destination not in flows:
            times = (until, now) if lent else (due, 0.0)
            [(flows[destination],)] = connection.execute(_FLOW, (destination, sender, *times))
        args = (number, flows[destination], recipient_text(recipient), until if lent else due, int(lent))
        [(key,)] = connection.execute(_RECIPIENT, args)
        keys.append(key * GENERATIONS + lent)
    return keys


def lend(connection: Any, now: float, until: float, limit: int, busy: str) -> list[Row]:
    """Lend recipients of one destination."""
    # What is held was lent before: its lease has ended by itself, and now it waits.
    renew(connection, {flow for (flow,) in connection.execute(_HELD_ON, (now,)).fetchall()})
    for (destination,) in connection.execute(_DUE_DESTINATION, (now, busy)).fetchall():
        flows = [flow for (flow,) in connection.execute(_DUE_FLOWS, (destination, now, limit)).fetchall()]
        found = _of_each(connection, flows, now, limit)
        connection.executemany(_LEND, [(until, row[0]) for row in found])
        turns = [(now + place * 1e-6, flow) for place, flow in enumerate(flows)]
        connection.executemany("UPDATE flow SET served = ? WHERE id = ?", turns)
        renew(connection, flows)
        return [_row(*row) for row in found]
    return []


def _of_each(connection: Any, flows: Sequence[int], now: float, limit: int) -> list[tuple[Any, ...]]:
    """Return the same share of each flow, and more of them while there is room."""
    share = max(1, limit // max(1, len(flows)))
    parts = {flow: connection.execute(_DUE, (flow, now, limit)).fetchall() for flow in flows}
    found: list[tuple[Any, ...]] = []
    while len(found) < limit and any(parts.values()):
        for part in parts.values():
            found += part[: min(share, limit - len(found))]
            del part[:share]
    return found


def _row(
    number: int, message: int, recipient: str, attempts: int, lent: int, warned: int, returned: int, route: str
) -> Row:
    key = number * GENERATIONS + (lent + 1) % GENERATIONS
    return Row(key, message, recipient, attempts, bool(warned), bool(returned), route)


def settle(
    connection: Any, now: float, settlements: Mapping[int, Settlement], reports: Sequence[tuple[Content, Report]]
) -> list[str | None]:
    """Record outcomes, queue reports, and return the files of messages that are gone, or were not queued."""
    flows, messages, valid = set(), set(), set()
    for key, each in settlements.items():
        for message, flow in _settled(connection, now, key, each):
            flows.add(flow)
            messages.add(message)
            valid.add(key)
    renew(connection, flows)
    unwanted: list[str | None] = []
    for content, report in reports:
        if report.about and valid.isdisjoint(report.about):
            unwanted.append(content.file)
        else:
            put(connection, content, report.due)
    return [*drop(connection, messages), *unwanted]


def _settled(connection: Any, now: float, key: int, each: Settlement) -> list[tuple[int, int]]:
    """Settle one lease, and return the message and the flow of its recipient, if it was not over."""
    number, generation = divmod(key, GENERATIONS)
    due = next_attempt(each.outcome, each.due)
    lease = (number, GENERATIONS, generation)
    if due is None:
        found: list[tuple[int, int]] = connection.execute(_DONE, lease).fetchall()
    else:
        args = (due, 1, outcome_text(each.outcome), each.warned, *lease, now)
        found = connection.execute(_AGAIN, args).fetchall()
    return found


def give_back(connection: Any, keys: Iterable[int], now: float) -> None:
    """End leases without an attempt having been made."""
    flows: set[int] = set()
    for key in keys:
        number, generation = divmod(key, GENERATIONS)
        args = (now, 0, None, 0, number, GENERATIONS, generation, now)
        flows.update(flow for _message, flow in connection.execute(_AGAIN, args).fetchall())
    renew(connection, flows)


def end_leases(connection: Any, now: float) -> None:
    """Take back what was lent to a runner that is no more."""
    ended = connection.execute(
        "UPDATE queued_recipient SET due = iif(held, 9e999, min(due, ?)), leased = 0 WHERE leased RETURNING flow",
        (now,),
    )
    renew(connection, {flow for (flow,) in ended.fetchall()})


def renew(connection: Any, flows: Collection[int]) -> None:
    """Let flows know again when something of them is due; those of which nothing is left go."""
    keys = [(flow,) for flow in flows]
    connection.executemany(
        "DELETE FROM flow WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM queued_recipient WHERE flow = ?1)", keys
    )
    connection.executemany(
        "UPDATE flow SET due = (SELECT min(due) FROM queued_recipient WHERE flow = ?1) WHERE id = ?1", keys
    )


def drop(connection: Any, messages: Iterable[int]) -> list[str]:
    """Remove those messages that have no recipient left, and return the names of their files."""
    files: list[str] = []
    for number in messages:
        gone = connection.execute(
            "DELETE FROM queued WHERE message = ?1 AND NOT EXISTS "
            "(SELECT 1 FROM queued_recipient WHERE message = ?1) RETURNING file",
            (number,),
        )
        files += [name for (name,) in gone.fetchall() if name is not None]
    return files
