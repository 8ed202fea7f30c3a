"""The log, a line an event: as text for people, or as one flat JSON object for machines.

Events carry C{session} and C{message} ids and whatever else their format names. Values that are no plain JSON are
written as C{repr} shows them, so what a peer sent cannot break a line.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from threading import Lock, get_ident
from typing import Any, TextIO, TypeAlias

from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, eventAsText, formatEvent
from zope.interface import directlyProvides

Observer: TypeAlias = Callable[[LogEvent], None]

PLAIN = (str, int, float, bool, type(None))
LEGACY = frozenset({"isError", "format", "failure", "why", "logLevel"})
"""What C{twisted.python.log} adds to events, beside C{message}, C{time} and C{system}."""
VALUE_CHARACTERS = 2000
"""Longer values are cut: a log is no store."""
GATHER_SECONDS = 0.05
"""How long lines of the usual are gathered: what a process that is killed may leave unsaid."""

_INFO = LogLevel.info


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


def text_line(event: Mapping[str, Any]) -> str:
    """
    Return an event as twistd writes it, C{2026-11-23T21:52:21+0000 [namespace#level] text}, with its line feed.

    What has a traceback, or cannot be formatted without Twisted's own additions to format strings, is left to Twisted;
    all else is several times as fast. Control characters cannot come out: they are shown as Python escapes them.
    """
    if event.get("log_failure") is None:
        try:
            text = event["log_format"].format_map(event)
            head = _head(int(event["log_time"]), event["log_namespace"], event["log_level"])
        except Exception:  # a format like {call()}, a missing value, or an event of twisted.python.log
            text = None
        if text is not None:
            return f"{head}{text if text.isprintable() else _escaped(text)}\n"
    return f"{eventAsText(dict(event)).rstrip()}\n".replace("\n", "\n\t")[:-1]


@lru_cache(maxsize=64)
def _head(second: int, namespace: str, level: Any) -> str:
    """Return what stands before the text: the same for all events of a kind in one second."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(second))
    return f"{stamp} [{namespace}#{level.name}] "


def _escaped(text: str) -> str:
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


class QuickLogger(Logger):
    """
    For what is logged with every message: Twisted's own sorts the names of all levels first, for each event. What is
    given to it must be text and numbers, for it is shown later.
    """

    def info(self, format: str | None = None, **kwargs: object) -> None:
        """Emit an event as Twisted's C{emit} makes it."""
        kwargs["log_logger"] = self
        kwargs["log_level"] = _INFO
        kwargs["log_namespace"] = self.namespace
        kwargs["log_source"] = self.source
        kwargs["log_format"] = format
        kwargs["log_time"] = time.time()
        self.observer(kwargs)


def text_observer(out: TextIO, reactor: Any = None) -> Observer:
    """
    Return an C{ILogObserver} that writes each event to a file as L{text_line}.

    @param reactor: while it runs, the usual is gathered for L{GATHER_SECONDS}, and then handed to the system in one
        piece. Warnings and whatever other threads say are handed over at once, with all before them. It runs in the
        thread that calls this.
    """
    return _observer(out, text_line, reactor)


def json_observer(out: TextIO, reactor: Any = None) -> Observer:
    """Return an C{ILogObserver} that writes each event to a file as L{json_line}; see L{text_observer}."""
    return _observer(out, json_line, reactor)


def _observer(out: TextIO, line: Callable[[LogEvent], str], reactor: Any) -> Observer:
    thread, lock, waiting = get_ident(), Lock(), list[LogEvent | str]()

    def write() -> None:
        with lock:
            gathered = waiting[:]
            del waiting[: len(gathered)]
            # Many events that are made into text one after the other take half of the time.
            out.write("".join([each if isinstance(each, str) else line(each) for each in gathered]))
            out.flush()

    def observe(event: LogEvent) -> None:
        is_quick = type(event.get("log_logger")) is QuickLogger
        waiting.append(event if is_quick else line(event))  # what it shows may log, too
        if event.get("log_level") is not _INFO or reactor is None or not reactor.running or get_ident() != thread:
            write()
        elif len(waiting) == 1:
            reactor.callLater(GATHER_SECONDS, write)

    directlyProvides(observe, ILogObserver)
    return observe
