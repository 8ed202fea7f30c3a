"""C{mailframe queue}: what waits to be delivered, and what an administrator can do about it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import click

from mailframe.cli.asking import ask, fail, is_terminal, whom_to_ask

PAGE = 500
"""Recipients that are asked for at once."""
SHOWN = 100
"""Recipients that C{list} shows unless told otherwise."""
WIDTH = 160
"""Columns of a table that nobody sees on a terminal."""
STATES = ("due", "waiting", "leased", "held", "returned")

_NOTHING = "nothing in the queue matches"


def _selecting(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that select recipients."""
    for option in (
        click.option("--state", type=click.Choice(STATES), help="Only in this state."),
        click.option("--destination", metavar="DOMAIN", help="Only for this domain."),
        click.option("--recipient", metavar="ADDRESS", help="Only to this address."),
        click.option("--sender", metavar="ADDRESS", help="Only from this address; '<>' is reports."),
    ):
        command = option(command)
    return command


_json_option = click.option("--json", "as_json", is_flag=True, help="As JSON; times are seconds since the epoch.")


def _said(**options: str | None) -> dict[str, str]:
    return {name: value for name, value in options.items() if value is not None}


# --- looking ---------------------------------------------------------------------------------------------------------


@click.command("list")
@click.option("--id", help="Only this message.")
@_selecting
@click.option("--limit", type=click.IntRange(0), default=SHOWN, show_default=True, help="At most so many; 0 is all.")
@_json_option
@click.pass_context
def list_(context: click.Context, /, limit: int, as_json: bool, **options: str | None) -> None:
    """Show the recipients that wait.

    The oldest are first. As JSON, each is a line.
    """
    selection, shown, more = _said(**options), 0, False
    for page in _pages(context, limit and limit + 1, selection):
        more = 0 < limit < shown + len(page)
        part = page[: limit - shown] if more else page
        shown += len(part)
        _show(part, as_json, "recipients")
    if more:
        click.echo(f"There are more than these {shown}: --limit shows them.", err=True)
    if not shown and selection:
        fail(_NOTHING)
    if not shown and not as_json:
        click.echo("The queue is empty.")


@click.command()
@click.argument("id")
@_json_option
@click.pass_context
def show(context: click.Context, id: str, as_json: bool) -> None:
    """Show one message and its recipients."""
    recipients = [each for page in _pages(context, 0, {"id": id}) for each in page]
    if not recipients:
        fail(_NOTHING)
    message = _message(recipients)
    if as_json:
        click.echo(json.dumps(message))
        return
    from mailframe.cli.queue_words import described

    for line in described(message, time.time()):
        click.echo(line)


@click.command()
@click.option("--limit", type=click.IntRange(1, PAGE), default=SHOWN, show_default=True, help="At most so many.")
@_json_option
@click.pass_context
def totals(context: click.Context, limit: int, as_json: bool) -> None:
    """Show for which domains most wait."""
    found = ask(context, "queue totals", limit=limit)
    _show(found, as_json, "backlogs")
    if not found and not as_json:
        click.echo("The queue is empty.")


def _pages(context: click.Context, limit: int, selection: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Yield recipients page by page; a limit of 0 is none."""
    asked, after, left = whom_to_ask(context), 0, limit
    while True:
        size = min(PAGE, left) if limit else PAGE
        page = asked("queue list", after=after, limit=size, **selection)
        if page:
            yield page
            after = page[-1]["key"]
        left -= len(page)
        if len(page) < size or (limit and not left):
            return


def _show(found: Sequence[Mapping[str, Any]], as_json: bool, what: str) -> None:
    """Show some as JSON, one a line, or as a table."""
    if as_json:
        for each in found:
            click.echo(json.dumps(each))
    elif found:
        from mailframe.cli import queue_words

        tabled = queue_words.recipients if what == "recipients" else queue_words.backlogs
        for line in tabled(found, time.time(), shutil.get_terminal_size((WIDTH, 24)).columns):
            click.echo(line)


_OF_MESSAGE = ("id", "sender", "queued", "size", "body", "smtputf8", "require_tls", "ret", "envid")


def _message(recipients: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what recipients of one message have in common, and what each has of its own."""
    common = {name: recipients[0][name] for name in _OF_MESSAGE}
    own = [{name: value for name, value in each.items() if name not in _OF_MESSAGE} for each in recipients]
    return {**common, "recipients": own}


# --- changing --------------------------------------------------------------------------------------------------------


def _change(name: str, done: str, about: str, question: str = "") -> click.Command:
    """Return a command that changes what is selected."""

    @click.argument("ids", metavar="[ID]...", nargs=-1)
    @_selecting
    @click.option("--all", "everything", is_flag=True, help="All that is in the queue.")
    @click.pass_context
    def command(
        context: click.Context, /, ids: Sequence[str], everything: bool, yes: bool = True, **options: str | None
    ) -> None:
        selections = _selections(ids, everything, options)
        if not yes:
            _confirm(question)
        _changed(context, name, done, selections)

    command.__doc__ = about
    asking = click.option("--yes", is_flag=True, help="Do not ask.")(command) if question else command
    return click.command(name)(asking)


def _selections(ids: Sequence[str], everything: bool, options: Mapping[str, str | None]) -> list[dict[str, Any]]:
    selection: dict[str, Any] = _said(**options)
    if everything == bool(ids or selection):
        raise click.UsageError("say which: IDs, --sender, --recipient, --destination or --state; or --all, alone")
    if everything:
        return [{"all": True}]
    return [{**selection, "id": each} for each in ids] or [selection]


def _changed(
    context: click.Context, /, name: str, done: str, selections: Sequence[Mapping[str, Any]], **more: Any
) -> None:
    asked = whom_to_ask(context)
    touched = sum(asked(f"queue {name}", **selection, **more) for selection in selections)
    if not touched:
        fail(_NOTHING)
    click.echo(f"{touched} recipient{'s' * (touched != 1)}: {done}")


def _confirm(question: str) -> None:
    if not is_terminal():
        raise click.UsageError("there is nobody to ask: say --yes if it is meant")
    click.confirm(question, abort=True)


@click.command()
@click.argument("hop", metavar="HOST[:PORT]")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@_selecting
@click.option("--all", "everything", is_flag=True, help="All that is in the queue.")
@click.pass_context
def route(context: click.Context, /, hop: str, ids: Sequence[str], everything: bool, **options: str | None) -> None:
    """Send by another server, now.

    An empty text ('') instead of a host restores the ordinary way.
    """
    selections = [{**each, "route": hop} for each in _selections(ids, everything, options)]
    _changed(context, "route", "another way, now" if hop else "the ordinary way, now", selections)


_CHANGES = (
    _change("retry", "due now", "Try again now.\n\nAlso where nobody answered just before, but not what is held."),
    _change("hold", "held", "Hold back until it is released."),
    _change("release", "released, and due now", "Let go what is held."),
    _change(
        "remove", "removed", "Throw away, and tell nobody.", "Throw away what is selected, without telling the senders?"
    ),
    _change(
        "bounce", "go back to their senders", "Return to the senders now.", "Return what is selected to the senders?"
    ),
)

queue = click.Group(
    "queue", commands=[list_, show, totals, *_CHANGES, route], help="Mail that still has to go somewhere."
)
