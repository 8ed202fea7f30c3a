"""Looking into the queue's tables: recipients page by page, and how many wait for whom; functions of a connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import field, frozen

from mailframe.interfaces import Backlog, Queued, QueuedState, Selection
from mailframe.queue.flows import NEVER, sender_text
from mailframe.queue.rows import read_envelope, read_outcome

MANY = 5000
"""Recipients of one flow or destination beyond which it is quicker to read all in their order than to sort these."""

LENT = "(r.leased AND r.due > :now AND r.due < 9e999)"
"""Whether a recipient is lent. One whose lease has ended by itself is due; held as well, it is never due."""

_STATE = (
    f"CASE WHEN {LENT} THEN 'leased' WHEN r.held THEN 'held' WHEN r.returned THEN 'returned' "
    "WHEN r.due <= :now THEN 'due' ELSE 'waiting' END"
)
# The length of a body is known without reading it, the number behind it is not. CROSS JOIN reads the first table first:
# in the order of keys.
_PAGE = f"""
SELECT r.key, q.id, q.envelope, r.recipient, length(q.head) + coalesce(length(q.body), q.body_size),
    q.created, {_STATE}, r.attempts, r.due, r.outcome, r.route
FROM queued_recipient r CROSS JOIN queued q ON q.message = r.message"""  # noqa: S608 - of constants
_KEYS = "SELECT r.key FROM queued_recipient r"
_BACKLOGS = (
    "SELECT f.destination, sum(n), min(oldest), min(f.due) FROM "
    "(SELECT flow, count(*) AS n, min(key) AS oldest FROM queued_recipient GROUP BY flow) "
    "JOIN flow f ON f.id = flow GROUP BY f.destination ORDER BY sum(n) DESC, f.destination LIMIT ?"
)
_CREATED = "SELECT q.created FROM queued_recipient r JOIN queued q USING (message) WHERE r.key = ?"


@frozen
class Wanted:
    """
    A selection as SQL.

    @ivar flows: a condition for flows, or empty.
    @ivar others: conditions for recipients.
    """

    flows: str
    others: Sequence[str]
    values: dict[str, Any] = field(repr=False)

    @classmethod
    def of(cls, selection: Selection, now: float) -> Wanted:
        """Return the conditions of a selection at a time."""
        flows, others = [], ["r.key > :after"]
        values: dict[str, Any] = {"now": now}
        if selection.destination is not None:
            below = " OR substr(destination, -length(:below)) = :below" if selection.subdomains else ""
            flows.append(f"(destination = :destination{below})")
            values |= {"destination": selection.destination, "below": f".{selection.destination}"}
        if selection.sender is not None:
            flows.append("sender = :sender COLLATE NOCASE")
            values["sender"] = sender_text(selection.sender or None)
        if selection.recipient is not None:
            flows.append("destination = :domain")
            others.append("json_extract(r.recipient, '$.address[0]') = :local COLLATE NOCASE")
            values |= {"domain": selection.recipient.domain, "local": selection.recipient.local}
        if selection.id is not None:
            others.append("r.message IN (SELECT message FROM queued WHERE id = :id)")
            values["id"] = selection.id
        if selection.state is not None:
            others.append(f"{_STATE} = :state")
            values["state"] = selection.state.value
        return cls(" AND ".join(flows), others, values)

    def where(self, connection: Any) -> str:
        """Return what goes behind WHERE, in the form that reads least."""
        if not self.flows:
            return " AND ".join(self.others)
        flows = f"IN (SELECT id FROM flow WHERE {self.flows})"  # noqa: S608 - of constants
        counted = f"SELECT count(*) FROM (SELECT 1 FROM queued_recipient WHERE flow {flows} LIMIT {MANY})"  # noqa: S608 - of constants
        [(found,)] = connection.execute(counted, self.values)
        column = "+r.flow" if found == MANY and "id" not in self.values else "r.flow"
        return " AND ".join([f"{column} {flows}", *self.others])

    def rows(self, connection: Any, select: str, after: int, limit: int) -> list[tuple[Any, ...]]:
        """Return recipients, the oldest first, by the beginning of a statement."""
        sql = f"{select} WHERE {self.where(connection)} ORDER BY r.key LIMIT :limit"
        self.values.update(after=after, limit=limit)
        found: list[tuple[Any, ...]] = connection.execute(sql, self.values).fetchall()
        return found


def page(connection: Any, selection: Selection, now: float, after: int, limit: int) -> list[Queued]:
    """Return recipients after one, the oldest first."""
    return [_queued(*row) for row in Wanted.of(selection, now).rows(connection, _PAGE, after, limit)]


def keys(connection: Any, selection: Selection, now: float, after: int, limit: int) -> list[int]:
    """Return the keys of recipients after one, in order."""
    return [key for (key,) in Wanted.of(selection, now).rows(connection, _KEYS, after, limit)]


def backlogs(connection: Any, limit: int) -> list[Backlog]:
    """Return the destinations with most recipients."""
    found = []
    for destination, recipients, key, due in connection.execute(_BACKLOGS, (limit,)).fetchall():
        [(created,)] = connection.execute(_CREATED, (key,)).fetchall()
        found.append(Backlog(destination, recipients, created, _time(due)))
    return found


def _queued(
    key: int,
    id: str,
    envelope: str,
    recipient: str,
    size: int,
    created: float,
    state: str,
    attempts: int,
    due: float,
    outcome: str | None,
    route: str,
) -> Queued:
    single, ended = read_envelope(envelope, recipient), read_outcome(outcome)
    return Queued(key, id, single, size, created, QueuedState(state), attempts, _time(due), ended, route)


def _time(due: float) -> float | None:
    return None if due == NEVER else due
