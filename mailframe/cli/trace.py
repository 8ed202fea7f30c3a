"""C{mailframe trace}: what happened to a message, or to all of an address."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from mailframe.cli.asking import fail, whom_to_ask

if TYPE_CHECKING:
    from mailframe.journal.events import Event

MESSAGES = 20
"""Messages of an address that are shown unless told otherwise."""

Ask = Callable[..., Any]


@click.command()
@click.argument("what", metavar="MESSAGE-ID|QUEUE-ID|ADDRESS")
@click.option(
    "--limit", type=click.IntRange(0), default=MESSAGES, show_default=True, help="At most so many messages; 0 is all."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON, an object a line; times are seconds since the epoch.")
@click.pass_context
def trace(context: click.Context, what: str, limit: int, as_json: bool) -> None:
    """
    Show what happened to a message, a line an event.

    A message is named by its Message-ID, with or without angle brackets, or by the id that the server gave it, which
    the log, the reply to the client and the Received field tell. An ADDRESS shows the messages from it and for it, the
    latest first, and what was refused. Times are UTC.
    """
    from mailframe.journal.timeline import json_line, text_line

    line = json_line if as_json else text_line
    shown = 0
    for events in _timelines(whom_to_ask(context), what.strip()):
        if limit and shown == limit:
            click.echo(f"There are more than these {shown}: --limit shows them.", err=True)
            break
        if shown and not as_json:
            click.echo()
        for event in events:
            click.echo(line(event))
        shown += 1
    if not shown:
        fail(f"nothing is known of {what!r}: it never came, or so long ago that it is forgotten")


def _timelines(ask: Ask, what: str) -> Iterator[Sequence[Event]]:
    """Yield the events of each message that somebody may mean, in their order."""
    from mailframe.journal.tracing import possible_keys

    if events := _of_message(ask, what):
        yield events
        return
    for key in possible_keys(what):
        found = False
        for entry in _entries(ask, "trace find", "before", key=key):
            found = True
            yield _of_entry(ask, entry, key)
        if found:
            return


def _of_entry(ask: Ask, entry: Sequence[Event], key: str) -> Sequence[Event]:
    """Return all events of the message of an entry, without those that are about other recipients than who is meant."""
    from mailframe.journal.tracing import concerns, is_about_recipient

    message = entry[0].message
    if not message:
        return entry
    events = _of_message(ask, message)
    return [event for event in events if concerns(event, key)] if is_about_recipient(entry, key) else events


def _of_message(ask: Ask, message: str) -> Sequence[Event]:
    """
    Return all events of a message, its arrival first.

    What is queued may be tried before the client is answered, and only then is the arrival noted.
    """
    from mailframe.journal.tracing import is_arrival

    entries = sorted(_entries(ask, "trace message", "after", message=message), key=is_arrival, reverse=True)
    return [event for events in entries for event in events]


def _entries(ask: Ask, do: str, cursor: str, **what: str) -> Iterator[list[Event]]:
    """Yield the events of entries, asking for a page of them when the one before is used up."""
    from mailframe.journal.rows import from_lists

    position: dict[str, int] = {}
    while page := ask(do, **what, **position):
        for number, events in page:
            position = {cursor: number}
            yield from_lists(events)
