"""How every subcommand has something done, and how it says that it could not be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from mailframe.cli.target import Target


def ask(context: click.Context, do: str, **arguments: Any) -> Any:
    """Have something done by whoever has the data open; one line says why it cannot be."""
    return whom_to_ask(context)(do, **arguments)


def whom_to_ask(context: click.Context) -> Callable[..., Any]:
    """Return what has things done, as often as it is called with C{do} and arguments, by whoever has the data open."""
    from mailframe.cli.target import CannotDo, find_target

    def asked(do: str, **arguments: Any) -> Any:
        try:
            return target.ask({"do": do, **arguments})
        except CannotDo as error:
            fail(str(error))

    try:
        target: Target = find_target(*context.obj)
    except CannotDo as error:
        fail(str(error))
    return asked


def fail(why: str) -> NoReturn:
    """End with status 1 and one line."""
    click.echo(f"mailframe: {why}", err=True)
    sys.exit(1)


def is_terminal() -> bool:
    """Say whether somebody can be asked."""
    return sys.stdin.isatty()
