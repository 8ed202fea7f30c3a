"""The JSON log: one object a line, with all that an event carries, whatever a peer has put into it."""

from __future__ import annotations

import io
import json
from threading import Thread
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import Logger, LogLevel, LogPublisher, formatEventAsClassicLogText
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailframe.log import (
    GATHER_SECONDS,
    VALUE_CHARACTERS,
    QuickLogger,
    json_line,
    json_observer,
    text_line,
    text_observer,
)


def entry(**event: Any) -> dict[str, Any]:
    line = json_line({"log_level": LogLevel.info, "log_namespace": "mailframe.smtp", "log_time": 0.5, **event})
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert line.isascii()
    parsed: dict[str, Any] = json.loads(line)
    return parsed


def test_an_event_is_a_flat_object() -> None:
    assert entry(log_format="{session} says {what!r}", session="0a", what="hi\n", message="m1", size=3, ok=True) == {
        "time": "1970-01-01T00:00:00.500+00:00",
        "level": "info",
        "system": "mailframe.smtp",
        "text": "0a says 'hi\\n'",
        "session": "0a",
        "what": "hi\n",
        "message": "m1",
        "size": 3,
        "ok": True,
    }


def test_values_that_json_does_not_know_are_shown() -> None:
    assert entry(value={1, 2})["value"] == "{1, 2}"
    assert entry(value=b"\xff")["value"] == "b'\\xff'"


def test_long_values_are_cut() -> None:
    assert len(entry(value="x" * 10_000)["value"]) == VALUE_CHARACTERS
    assert len(entry(value=b"x" * 10_000)["value"]) == VALUE_CHARACTERS


def test_failures_keep_their_traceback() -> None:
    try:
        raise ValueError("oh")
    except ValueError:
        shown = entry(log_format="it failed", log_failure=Failure())
    assert "ValueError: oh" in shown["traceback"]


def test_what_twisteds_older_log_adds_is_left_out() -> None:
    assert "message" not in entry(log_format="x", message=("x",), time=1.0, system="-", isError=0)


def test_lines_come_out_at_once() -> None:
    out = io.StringIO()
    observer: Any = json_observer(out)
    Logger(observer=LogPublisher(observer), namespace="n").warn("careful {x}", x=1)
    shown = json.loads(out.getvalue())
    assert (shown["level"], shown["system"], shown["text"], shown["x"]) == ("warn", "n", "careful 1", 1)


class FlushedText(io.StringIO):
    """Knows what would be in the file by now."""

    flushed = ""

    def flush(self) -> None:
        self.flushed = self.getvalue()


class Reactor(Clock):
    """A clock that turns."""

    running = True


class LinesOfAMomentTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.out, self.reactor = FlushedText(), Reactor()
        observer: Any = text_observer(self.out, self.reactor)
        self.log = QuickLogger(observer=observer, namespace="n")

    def lines(self) -> list[str]:
        return [line.partition("] ")[2] for line in self.out.flushed.splitlines()]

    def test_lines_of_a_moment_come_out_together_at_its_end(self) -> None:
        self.log.info("{x}", x="one")
        self.reactor.advance(GATHER_SECONDS / 2)
        self.log.info("two")
        assert self.lines() == []
        self.reactor.advance(GATHER_SECONDS / 2)
        assert self.lines() == ["one", "two"]
        assert self.reactor.getDelayedCalls() == []
        self.log.info("three")
        self.reactor.advance(GATHER_SECONDS)
        assert self.lines() == ["one", "two", "three"]

    def test_what_may_change_is_shown_as_it_was(self) -> None:
        observer: Any = self.log.observer
        changing = ["before"]
        self.log.info("one")
        Logger(observer=observer, namespace="n").info("{changing}", changing=changing)
        self.log.info("three")
        changing[0] = "after"
        self.reactor.advance(GATHER_SECONDS)
        assert self.lines() == ["one", "['before']", "three"]

    def test_a_warning_comes_out_at_once_with_all_before_it(self) -> None:
        self.log.info("one")
        self.log.warn("two")
        assert self.lines() == ["one", "two"]

    def test_lines_come_out_at_once_when_the_reactor_has_ended(self) -> None:
        self.log.info("one")
        self.reactor.running = False
        self.log.info("two")
        assert self.lines() == ["one", "two"]

    def test_lines_of_other_threads_come_out_at_once(self) -> None:
        thread = Thread(target=self.log.info, args=["one"])
        thread.start()
        thread.join()
        assert self.lines() == ["one"]
        assert self.reactor.getDelayedCalls() == []


def test_a_quick_logger_emits_what_twisteds_emits() -> None:
    def emitted(kind: type[Logger]) -> dict[str, Any]:
        events: list[dict[str, Any]] = []
        observer: Any = events.append
        logger = kind(observer=observer, namespace="n", source="s")
        logger.info("{x}", x=1)
        assert events[0].pop("log_logger") is logger
        assert events[0].pop("log_time") > 0
        return events[0]

    assert emitted(QuickLogger) == emitted(Logger)


def text(**event: Any) -> str:
    line = text_line({"log_level": LogLevel.warn, "log_namespace": "mailframe.smtp", "log_time": 0.5, **event})
    assert line.endswith("\n")
    return line[:-1]


def test_a_text_line_is_the_one_that_twistd_writes() -> None:
    event = {"log_format": "{session} says {what!r}", "session": "0a", "what": "hi"}
    kind = {"log_level": LogLevel.warn, "log_namespace": "mailframe.smtp", "log_time": 0.5}
    assert text(**event) + "\n" == formatEventAsClassicLogText({**event, **kind})


def test_control_characters_do_not_come_out_as_they_are() -> None:
    assert text(log_format="{x}", x="a\n\x1b[2Jb\u2028").endswith("] a\\n\\x1b[2Jb\\u2028")


def test_formats_that_only_twisted_knows_are_written_too() -> None:
    assert text(log_format="{x()}", x=lambda: "called").endswith("] called")


def test_events_of_the_older_log_are_written_too() -> None:
    assert text_line({"message": ("old",), "log_text": "old", "log_format": "{log_text}", "log_time": 0.0}).endswith(
        "old\n"
    )


def test_a_traceback_is_one_entry() -> None:
    try:
        raise ValueError("oh")
    except ValueError:
        lines = text(log_format="it failed", log_failure=Failure()).split("\n")
    assert lines[0].endswith("it failed")
    assert all(line.startswith("\t") for line in lines[1:])
    assert "ValueError: oh" in lines[-1]
