"""Events as the text that a journal keeps and the control socket carries; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

from attrs import fields_dict

from mailframe.journal.events import KIND_OF, KINDS, Event

Lists: TypeAlias = "Sequence[Sequence[Any]]"
"""Events, each as the name of its kind and its values in their order: of what JSON knows alone."""

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_VALUES = {kind: (name, attrgetter(*fields_dict(kind))) for kind, name in KIND_OF.items()}
_TUPLES: Mapping[str, tuple[int, ...]] = {
    name: tuple(at for at, each in enumerate(fields_dict(kind)) if each == "recipients") for name, kind in KINDS.items()
}
_MESSAGE = 2
"""Where the message's id stands in an event of any kind: behind the name and the time."""


def as_lists(events: Sequence[Event]) -> Lists:
    """Return events as lists."""
    lists = []
    for event in events:
        name, values = _VALUES[type(event)]
        lists.append((name, *values(event)))
    return lists


def from_lists(lists: Sequence[Sequence[Any]]) -> list[Event]:
    """Return the events that L{as_lists} was given; values that were unknown then have their defaults."""
    events = []
    for name, *values in lists:
        for at in _TUPLES[name]:
            values[at] = tuple(values[at])
        events.append(KINDS[name](*values))
    return events


def message_of(lists: Lists) -> str:
    """Return the id of the message that events are about."""
    message: str = lists[0][_MESSAGE]
    return message


def entries_text(entries: Sequence[Sequence[Event]]) -> str:
    """Return the events of several entries as a text of ASCII."""
    return _encode([as_lists(events) for events in entries])


def joined(texts: Sequence[str]) -> str:
    """Return one text of the entries of several."""
    return f"[{','.join([text[1:-1] for text in texts])}]"


def read_entries(text: str) -> list[Lists]:
    """Return the events of each entry of a text, as lists."""
    entries: list[Lists] = json.loads(text)
    return entries
