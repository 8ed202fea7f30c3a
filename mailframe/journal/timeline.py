"""Events for people, a line each, and for programs, a JSON object each; pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import asdict

from mailframe.journal.events import (
    KIND_OF,
    Arrived,
    Attempted,
    Contacted,
    Event,
    Handed,
    Judged,
    Ordered,
    Refused,
    Reported,
)

PEOPLE = 5
"""Addresses that a line names; there may be a thousand."""


def text_line(event: Event) -> str:
    """
    Return an event as a line of text, without its end: time, the message's id, and what happened.

    What cannot be printed, or would turn the text around, is shown as Python escapes it: much of it is from others.
    """
    line = f"{_time(event.time)} {event.message or '-'} {_WORDS[type(event)](event)}"
    return line if line.isprintable() else "".join(map(_printable, line))


def json_line(event: Event) -> str:
    """Return an event as a JSON object of ASCII: its kind, and its values by their names."""
    return json.dumps({"kind": KIND_OF[type(event)], **asdict(event)})


def _printable(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(" ", "milliseconds").removesuffix("+00:00")


# --- what happened, in words -----------------------------------------------------------------------------------------


def _arrived(event: Arrived) -> str:
    path = f"from <{event.sender}> to {_people(event.recipients)}, {event.size} octets"
    path += f", Message-ID <{event.message_id}>" if event.message_id else ", no Message-ID"
    if not event.session:
        return f"made here as {event.service}{' of ' + event.about if event.about else ''}: {path}"
    protection = event.tls or "no TLS"
    login = f", login {event.login}" if event.login else ""
    return f"arrived at {event.service} from {_client(event)}, {protection}{login}: {path}"


def _client(event: Arrived | Refused) -> str:
    return f"{event.client or 'a local socket'} ({event.helo or 'no name'})"


def _judged(event: Judged) -> str:
    about = f" <{event.recipient}>" if event.recipient else ""
    return f"{event.point}{about} judged by {event.hook}: {_said(event.verdict, event.status, event.text)}"


def _refused(event: Refused) -> str:
    path = f"from <{event.sender}> to {_people(event.recipients)}" if event.recipients else f"<{event.sender}>"
    answer = _said(str(event.code), event.status, event.text)
    return f"refused {event.point} at {event.service} from {_client(event)}: {path}: {answer}"


def _handed(event: Handed) -> str:
    if event.outcome == "queued":
        return f"queued for <{event.recipient}>"
    return f"{event.outcome} for <{event.recipient}>: {_said('', event.status, event.text)}"


def _contacted(event: Contacted) -> str:
    if event.problem:
        return f"tried {event.host}: {event.problem}"
    return f"talked to {event.host}, {event.tls or 'no TLS'} (wanted: {event.policy})"


def _attempted(event: Attempted) -> str:
    until = f" until {_time(event.due)}" if event.due else ""
    said = _said("", event.status, event.text)
    return f"attempt {event.attempt} for <{event.recipient}>: {event.outcome}{until}: {said}"


def _reported(event: Reported) -> str:
    return f"reported to <{event.to}> in {event.report}: {event.what} for {_people(event.recipients)}"


def _ordered(event: Ordered) -> str:
    detail = f" to {event.detail}" if event.detail else ""
    return f"{event.action} by the administrator for <{event.recipient}>{detail}"


def _said(*words: str) -> str:
    return " ".join(filter(None, words))


def _people(addresses: Sequence[str]) -> str:
    named = ", ".join(f"<{each}>" for each in addresses[:PEOPLE])
    return named if len(addresses) <= PEOPLE else f"{named} and {len(addresses) - PEOPLE} more"


_WORDS: Mapping[type[Event], Callable[[Any], str]] = {
    Arrived: _arrived,
    Judged: _judged,
    Refused: _refused,
    Handed: _handed,
    Contacted: _contacted,
    Attempted: _attempted,
    Reported: _reported,
    Ordered: _ordered,
}
