"""What an administrator does to the queue's tables: functions of the writing connection, each within a transaction.

Whoever is lent stays lent: C{due} is then the end of the lease, and what was said by hand applies when it is settled,
given back, or over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from attrs import frozen

from mailframe.queue import flows

_IDS = "SELECT message, id FROM queued WHERE message IN (SELECT value FROM json_each(?))"
_LENT = "(leased AND due > :now AND due < 9e999)"


@frozen(kw_only=True)
class Change:
    """
    One thing that can be done to recipients.

    @ivar name: what it is called.
    @ivar set: what becomes of their columns; empty removes them.
    @ivar only: to whom it is done, of those that are chosen.
    @ivar at_once: those that are lent, and have not begun, are not to be done as they were.
    """

    name: str
    set: str
    only: str = "true"
    at_once: bool = True

    @property
    def removes(self) -> bool:
        """Whether they are gone then."""
        return not self.set

    @property
    def sql(self) -> str:
        """The statement; it returns message, flow, whether it is lent, and recipient, of each."""
        verb = f"UPDATE queued_recipient SET {self.set}" if self.set else "DELETE FROM queued_recipient"  # noqa: S608 - see set
        chosen = "key IN (SELECT value FROM json_each(:keys))"
        return f"{verb} WHERE {chosen} AND {self.only} RETURNING message, flow, {_LENT}, recipient"


RETRY = Change(name="retry", set=f"due = iif({_LENT}, due, min(due, :now))", only="NOT held", at_once=False)
HOLD = Change(name="hold", set=f"held = 1, due = iif({_LENT}, due, 9e999)")
RELEASE = Change(name="release", set=f"held = 0, due = iif({_LENT}, due, :now)", only="held", at_once=False)
REMOVE = Change(name="remove", set="")
SEND_BACK = Change(name="bounce", set=f"returned = 1, held = 0, due = iif({_LENT}, due, :now)")
REROUTE = Change(name="route", set=f"route = :route, due = iif({_LENT} OR held, due, min(due, :now))")


@frozen
class Touched:
    """
    What one step has changed.

    @ivar recipients: how many.
    @ivar lent: some of them are lent, and are to be given back.
    @ivar files: of messages that are gone.
    @ivar who: the id of the message and the recipient as text, of each, those of one message together.
    """

    recipients: int
    destinations: frozenset[str]
    lent: bool
    files: list[str]
    who: list[tuple[str, str]]


Step: TypeAlias = Callable[[Any], Touched]


def step(change: Change, keys: Sequence[int], now: float, route: str = "") -> Step:
    """Return the operation that changes some recipients."""
    values = {"now": now, "keys": json.dumps(keys), "route": route}
    return lambda connection: _touched(connection, change, values)


def _touched(connection: Any, change: Change, values: dict[str, Any]) -> Touched:
    rows = connection.execute(change.sql, values).fetchall()
    touched = sorted({flow for _message, flow, _lent, _recipient in rows})
    names = connection.execute(
        "SELECT DISTINCT destination FROM flow WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(touched),)
    )
    destinations = frozenset(name for (name,) in names.fetchall())
    flows.renew(connection, touched)
    messages = {message for message, _flow, _lent, _recipient in rows}
    ids = dict(connection.execute(_IDS, (json.dumps(sorted(messages)),)).fetchall())
    who = [(ids[message], recipient) for message, _flow, _lent, recipient in sorted(rows)]
    lent = change.at_once and any(lent for _message, _flow, lent, _recipient in rows)
    files = flows.drop(connection, messages) if change.removes else []
    return Touched(len(rows), destinations, lent, files, who)
