"""The C{mailframe} command and its subcommands.

Exit status: 0, it is done; 1, it failed and one line says why; 2, it was called wrongly. Whatever takes long to
import is imported by the command that needs it, so that C{--help} is quick.
"""

from __future__ import annotations

import sys

import click

from mailframe.cli.asking import ask, fail, is_terminal
from mailframe.cli.queue import queue
from mailframe.cli.suppress import suppress
from mailframe.cli.trace import trace


@click.group(commands=[queue, suppress, trace], context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", metavar="DIR", help="Data of a server without a configuration [./mailframe-data].")
@click.option("--config", metavar="FILE", help="Configuration of the server.")
@click.pass_context
def main(context: click.Context, data: str | None, config: str | None) -> None:
    """Look after a mailframe server: through its control socket while it runs, on its data while it does not.

    The server itself is run by: twistd mailframe
    """
    if data is not None and config is not None:
        raise click.UsageError("--data and --config exclude each other: the configuration says where the data is")
    context.obj = (data, config)


# --- users -----------------------------------------------------------------------------------------------------------


@main.group()
def user() -> None:
    """Accounts: addresses with mail of their own."""


_stdin_option = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@user.command("add")
@click.argument("address")
@_stdin_option
@click.pass_context
def user_add(context: click.Context, address: str, password_stdin: bool) -> None:
    """Make an account. Without a password, one is made up and shown."""
    password, made_up = _new_password(password_stdin)
    ask(context, "user add", address=address, password=password)
    _show_if(made_up, password)


@user.command("list")
@click.pass_context
def user_list(context: click.Context) -> None:
    """Show all accounts, one a line."""
    for address in ask(context, "user list"):
        click.echo(address)


@user.command("password")
@click.argument("address")
@_stdin_option
@click.pass_context
def user_password(context: click.Context, address: str, password_stdin: bool) -> None:
    """Change the password of an account. Without one, one is made up and shown."""
    password, made_up = _new_password(password_stdin)
    ask(context, "user password", address=address, password=password)
    _show_if(made_up, password)


@user.command("remove")
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def user_remove(context: click.Context, address: str, yes: bool) -> None:
    """Remove an account and all its mail."""
    if not yes and is_terminal():
        click.confirm(f"Remove {address} and all its mail?", abort=True)
    ask(context, "user remove", address=address)


# --- aliases ---------------------------------------------------------------------------------------------------------


@main.group()
def alias() -> None:
    """Aliases: addresses that stand for others."""


@alias.command("add")
@click.argument("address")
@click.argument("targets", nargs=-1, required=True)
@click.pass_context
def alias_add(context: click.Context, address: str, targets: tuple[str, ...]) -> None:
    """Let mail for ADDRESS go to all TARGETS."""
    ask(context, "alias add", address=address, targets=list(targets))


@alias.command("list")
@click.pass_context
def alias_list(context: click.Context) -> None:
    """Show all aliases with their targets, one a line."""
    for address, targets in ask(context, "alias list"):
        click.echo(f"{address} -> {', '.join(targets)}")


@alias.command("remove")
@click.argument("address")
@click.pass_context
def alias_remove(context: click.Context, address: str) -> None:
    """Remove an alias."""
    ask(context, "alias remove", address=address)


# --- configurations --------------------------------------------------------------------------------------------------


@main.command()
@click.argument("directory", metavar="DIR")
@click.option("--domain", default="example.org", show_default=True, help="Whose mail the server keeps.")
@click.option("--hostname", help="Name of the server [mx.DOMAIN].")
def init(directory: str, domain: str, hostname: str | None) -> None:
    """Write a commented configuration for a real domain into DIR."""
    from mailframe.cli.initial import AlreadyThere, write_configuration

    try:
        file = write_configuration(directory, domain, hostname or f"mx.{domain}")
    except (AlreadyThere, ValueError, OSError) as error:
        fail(str(error))
    else:
        click.echo(f"{file} is written. Read it, then: twistd -n mailframe --config {file}")


@main.command()
@click.argument("file")
def check(file: str) -> None:
    """Say whether a configuration FILE can be run; nothing is started."""
    from mailframe.cli.checking import mistakes

    found = mistakes(file)
    for mistake in found:
        click.echo(mistake, err=True)
    if found:
        sys.exit(1)
    click.echo(f"{file}: fine")


# --- passwords -------------------------------------------------------------------------------------------------------


def _new_password(from_stdin: bool) -> tuple[str, bool]:
    """Return a password, and whether nobody knows it yet."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n"), False
    if is_terminal():
        typed = click.prompt(
            "Password (empty: make one up)", default="", hide_input=True, show_default=False, confirmation_prompt=True
        )
        if typed:
            return typed, False
    from mailframe.passwords import make_up

    return make_up(), True


def _show_if(made_up: bool, password: str) -> None:
    if made_up:
        click.echo(f"password: {password}")
