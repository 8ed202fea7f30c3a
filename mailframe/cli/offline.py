"""Accounts changed on the data itself, while no server has it open."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from mailframe.administration import Request, perform
from mailframe.cli.target import CannotDo
from mailframe.config import Server
from mailframe.config_file import ConfigError, load
from mailframe.errors import MailError
from mailframe.inline import inline_site, now
from mailframe.interfaces import IAccounts, IPart


@frozen
class Stopped:
    """Accounts that no server has open; C{part} is what has to run meanwhile, if anything."""

    accounts: IAccounts
    part: IPart | None

    def ask(self, request: Request) -> Any:
        """Do it here and now."""
        try:
            if self.part is None:
                return now(perform(self.accounts, request))
            now(self.part.start(inline_site()))
            try:
                return now(perform(self.accounts, request))
            finally:
                now(self.part.stop())
        except (MailError, OSError) as error:
            raise CannotDo(str(error) or type(error).__name__) from None


def unconfigured(directory: str) -> Stopped:
    """Return the accounts of a server that runs without a configuration."""
    from mailframe.sqlite import SQLite  # the heaviest import of all

    data = SQLite(directory)
    return Stopped(data, data)


def configured(file: str) -> Stopped:
    """
    Return the accounts of a configured server.

    @raise CannotDo: the configuration is wrong, or has no accounts that can be changed.
    """
    server = _loaded(file)
    accounts = server.accounts
    if accounts is None:
        raise CannotDo(f"{file}: this server has no accounts that can be changed here")
    return Stopped(accounts, accounts if IPart.providedBy(accounts) else None)


def configured_control(file: str) -> str | None:
    """
    Return the path of a configured server's control socket.

    @raise CannotDo: the configuration is wrong.
    """
    return _loaded(file).control


def _loaded(file: str) -> Server:
    try:
        return load(file)
    except ConfigError as error:
        raise CannotDo(str(error)) from None
