"""Events as the text that a journal keeps and the control socket carries; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from attrs import fields_dict

from mailframe.journal.events import KIND_OF, KINDS, Event

_encode = json.JSONEncoder(separators=(",", ":")).encode
_VALUES = {kind: (name, attrgetter(*fields_dict(kind))) for kind, name in KIND_OF.items()}
_TUPLES: Mapping[str, tuple[int, ...]] = {
    name: tuple(at for at, each in enumerate(fields_dict(kind)) if each == "recipients") for name, kind in KINDS.items()
}


def as_lists(events: Sequence[Event]) -> list[list[Any]]:
    """Return each event as the name of its kind and its values in their order: of what JSON knows alone."""
    lists = []
    for event in events:
        name, values = _VALUES[type(event)]
        lists.append([name, *values(event)])
    return lists


def from_lists(lists: Sequence[Sequence[Any]]) -> list[Event]:
    """Return the events that L{as_lists} was given; values that were unknown then have their defaults."""
    events = []
    for name, *values in lists:
        for at in _TUPLES[name]:
            values[at] = tuple(values[at])
        events.append(KINDS[name](*values))
    return events


def events_text(events: Sequence[Event]) -> str:
    """Return events as a text of ASCII."""
    return _encode(as_lists(events))


def read_events(text: str) -> list[Event]:
    """Return the events of a text."""
    return from_lists(json.loads(text))
