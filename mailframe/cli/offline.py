"""A server's data looked at and changed while no server has it open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attrs import frozen

from mailframe.administration import Administered, Request, perform
from mailframe.cli.target import CannotDo
from mailframe.config import Server
from mailframe.config_file import ConfigError, load
from mailframe.errors import MailError
from mailframe.inline import inline_site, now
from mailframe.interfaces import IPart


@frozen
class Stopped:
    """What no server has open; those of it that are parts run meanwhile."""

    administered: Administered

    def ask(self, request: Request) -> Any:
        """Do it here and now."""
        try:
            with _started(self.administered):
                return now(perform(self.administered, request))
        except (MailError, OSError) as error:
            raise CannotDo(str(error) or type(error).__name__) from None


@contextmanager
def _started(administered: Administered) -> Iterator[None]:
    started: list[IPart] = []
    try:
        for part in administered.parts:
            if IPart.providedBy(part) and not any(part is each for each in started):
                now(part.start(inline_site()))
                started.append(part)
        yield
    finally:
        for part in reversed(started):
            now(part.stop())


def unconfigured(directory: str) -> Stopped:
    """Return the data of a server that runs without a configuration."""
    from mailframe.sqlite import SQLite  # the heaviest import of all

    data = SQLite(directory)
    return Stopped(Administered(accounts=data, queue=data, suppressions=data, journal=data))


def configured(file: str) -> Stopped:
    """
    Return the data of a configured server.

    @raise CannotDo: the configuration is wrong.
    """
    return Stopped(_loaded(file).administered)


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
