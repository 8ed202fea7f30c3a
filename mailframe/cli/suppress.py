"""C{mailframe suppress}: addresses and domains on other servers that no mail is sent to."""

from __future__ import annotations

import json
import shutil
import time
from datetime import UTC, datetime
from typing import Any

import click

from mailframe.cli.asking import ask, whom_to_ask

WIDTH = 160
"""Columns of a table that nobody sees on a terminal."""


@click.command()
@click.argument("address", metavar="ADDRESS|DOMAIN")
@click.option("--until", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M"]), help="When it ends, UTC [never].")
@click.option("--reason", help="What senders are told.")
@click.pass_context
def add(context: click.Context, /, address: str, until: datetime | None, reason: str | None) -> None:
    """Send no more mail there."""
    end = None if until is None else until.replace(tzinfo=UTC).timestamp()
    ask(context, "suppress add", address=address, until=end, reason=reason)


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON, one a line; times are seconds since the epoch.")
@click.pass_context
def list_(context: click.Context, /, as_json: bool) -> None:
    """Show who gets no mail."""
    asked, after = whom_to_ask(context), ""
    while found := asked("suppress list", after=after):
        after = found[-1]["address"]
        if as_json:
            for each in found:
                click.echo(json.dumps(each))
        else:
            _show(found)


@click.command()
@click.argument("address", metavar="ADDRESS|DOMAIN")
@click.pass_context
def remove(context: click.Context, /, address: str) -> None:
    """Let mail go there again."""
    ask(context, "suppress remove", address=address)


def _show(found: list[dict[str, Any]]) -> None:
    from mailframe.cli.tables import table

    rows = [(each["address"], _day(each["added"]), _day(each["until"]), each["reason"]) for each in found]
    width = shutil.get_terminal_size((WIDTH, 24)).columns
    for line in table(("ADDRESS", "SINCE", "UNTIL", "REASON"), rows, width):
        click.echo(line)


def _day(seconds: float | None) -> str:
    return "-" if seconds is None else time.strftime("%Y-%m-%d", time.gmtime(seconds))


suppress = click.Group("suppress", commands=[add, list_, remove], help="Addresses that no mail is sent to.")
