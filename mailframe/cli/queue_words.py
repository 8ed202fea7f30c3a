"""The queue in words: tables of recipients and destinations, and one message with all that is known of it; pure."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mailframe.cli.tables import octets, safe, span, table

Shown = Mapping[str, Any]
"""What L{mailframe.administration.queue} shows, as JSON values."""


def recipients(found: Sequence[Shown], now: float, width: int) -> Iterator[str]:
    """Yield the lines of a table of recipients."""
    headings = ("ID", "AGE", "SIZE", "STATE", "TRIES", "NEXT", "SENDER", "RECIPIENT", "LAST")
    return table(headings, [_row(each, now) for each in found], width, right=(1, 2, 4, 5))


def _row(each: Shown, now: float) -> Sequence[str]:
    return (
        each["id"],
        span(now - each["queued"]),
        octets(each["size"]),
        each["state"],
        str(each["attempts"]),
        _next(each["due"], now),
        each["sender"] or "<>",
        each["recipient"],
        _words(each["last"]) if each["last"] else "",
    )


def backlogs(found: Sequence[Shown], now: float, width: int) -> Iterator[str]:
    """Yield the lines of a table of destinations."""
    rows = [
        (str(each["recipients"]), span(now - each["oldest"]), _next(each["due"], now), each["destination"])
        for each in found
    ]
    return table(("RECIPIENTS", "OLDEST", "NEXT", "DESTINATION"), rows, width, right=(0, 1, 2))


def described(message: Shown, now: float) -> Iterator[str]:
    """Yield lines that say everything about a message and its recipients."""
    yield from _lines(_of_message(message, now))
    for each in message["recipients"]:
        yield ""
        yield from _lines(_of_recipient(each, now))


def _lines(facts: Iterator[tuple[str, str]]) -> Iterator[str]:
    return (f"{name:11}{safe(value)}" for name, value in facts)


def _of_message(message: Shown, now: float) -> Iterator[tuple[str, str]]:
    yield "Message", message["id"]
    yield "Sender", message["sender"] or "<>"
    yield "Arrived", f"{_date(message['queued'])}, {span(now - message['queued'])} ago"
    yield "Size", octets(message["size"])
    words = [name.upper().replace("_", "") for name in ("smtputf8", "require_tls") if message[name]]
    words += [f"{name.upper()}={message[name]}" for name in ("ret", "envid") if message[name]]
    yield "Transfer", " ".join([message["body"], *words])


def _of_recipient(each: Shown, now: float) -> Iterator[tuple[str, str]]:
    yield "Recipient", each["recipient"]
    yield "State", f"{each['state']}, {each['attempts']} attempt{'s' * (each['attempts'] != 1)} made"
    if each["due"] is not None:
        when = _next(each["due"], now)
        in_words = when if when == "now" else f"in {when}"
        yield "Lease ends" if each["state"] == "leased" else "Next", f"{_date(each['due'])}, {in_words}"
    if last := each["last"]:
        yield "Last", f"{last['status']} {last['text']}"
        if last["diagnostic"]:
            yield "", _words(last)
    if each["route"]:
        yield "Route", each["route"]
    wishes = [f"NOTIFY={','.join(each['notify'])}"] if each["notify"] else []
    wishes += [f"ORCPT={each['orcpt']}"] if each["orcpt"] else []
    if wishes:
        yield "Wishes", " ".join(wishes)


def _words(last: Mapping[str, str]) -> str:
    """Return how an attempt ended: in the peer's words, or else in ours."""
    if not last["diagnostic"]:
        return f"{last['status']} {last['text']}"
    return f"{last['remote']}: {last['diagnostic']}" if last["remote"] else last["diagnostic"]


def _next(due: float | None, now: float) -> str:
    return "-" if due is None else "now" if due <= now else span(due - now)


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
