"""The log as JSON: one flat object a line, for machines; the readable lines are twistd's own.

Events carry C{session} and C{message} ids and whatever else their format names. Values that are no plain JSON are
written as C{repr} shows them, so what a peer sent cannot break a line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TextIO, TypeAlias

from twisted.logger import ILogObserver, LogEvent, eventAsText, formatEvent
from zope.interface import directlyProvides

Observer: TypeAlias = Callable[[LogEvent], None]

PLAIN = (str, int, float, bool, type(None))
LEGACY = frozenset({"isError", "format", "failure", "why", "logLevel"})
"""What C{twisted.python.log} adds to events, beside C{message}, C{time} and C{system}."""
VALUE_CHARACTERS = 2000
"""Longer values are cut: a log is no store."""


def json_line(event: Mapping[str, Any]) -> str:
    """Return an event as one line of JSON with its line feed."""
    level = event.get("log_level")
    entry: dict[str, Any] = {
        "time": datetime.fromtimestamp(event.get("log_time", 0.0), UTC).isoformat(timespec="milliseconds"),
        "level": level.name if level is not None else "info",
        "system": event.get("log_namespace", ""),
        "text": formatEvent(dict(event)),
    }
    if event.get("log_failure") is not None:
        entry["traceback"] = eventAsText(dict(event), includeTimestamp=False, includeSystem=False)
    for key, value in event.items():
        if not key.startswith("log_") and key not in LEGACY and key not in entry:
            entry[key] = _plain(value)
    if not isinstance(event.get("message"), str):
        entry.pop("message", None)  # a tuple of C{twisted.python.log}'s, and no message's id
    return json.dumps(entry, ensure_ascii=True) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value[:VALUE_CHARACTERS]
    return value if isinstance(value, PLAIN) else repr(value)[:VALUE_CHARACTERS]


def json_observer(out: TextIO) -> Observer:
    """Return an C{ILogObserver} that writes each event to a file as L{json_line}."""

    def observe(event: LogEvent) -> None:
        out.write(json_line(event))
        out.flush()

    directlyProvides(observe, ILogObserver)
    return observe
