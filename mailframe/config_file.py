"""The configuration file: Python that builds a L{Server}; every mistake in it is one line with file and line number."""

from __future__ import annotations

import os
import traceback
from types import CodeType
from typing import Any

from mailframe.config import Server
from mailframe.wiring import unwired

NAME = "server"
"""What the file must call the server it builds."""


class ConfigError(Exception):
    """The file is no configuration; the message is one line: C{FILE:LINE: what}."""


def load(path: str | os.PathLike[str]) -> Server:
    """
    Run a configuration file and return the server it builds. Nothing listens and nothing is opened yet.

    @raise ConfigError: it cannot be read or run, or builds no server.
    """
    file = os.path.abspath(path)
    names: dict[str, Any] = {"__name__": "mailframe_config", "__file__": file}
    code = _compiled(file)
    try:
        exec(code, names)  # noqa: S102  it is the administrator's own program: that is what a configuration is here
    except Exception as error:
        raise ConfigError(f"{file}:{_line(file, error)}: {_what(error)}") from error
    server = names.get(NAME)
    if not isinstance(server, Server):
        wrong = f"{NAME} is {server!r}, not a Server" if NAME in names else f"no name {NAME!r} in it"
        raise ConfigError(f"{file}:{_line_of_name(file)}: {wrong}: end with {NAME} = Server(...)")
    # Not in Server itself: one in another program may use what that program starts.
    if (mistake := unwired(server.run, server.services)) is not None:
        raise ConfigError(f"{file}:{_line_of_name(file)}: {mistake}")
    return server


def _compiled(file: str) -> CodeType:
    try:
        with open(file, "rb") as source:
            return compile(source.read(), file, "exec", dont_inherit=True)
    except OSError as error:
        raise ConfigError(f"{file}:1: cannot be read: {error.strerror}") from None
    except SyntaxError as error:
        raise ConfigError(f"{file}:{error.lineno or 1}: {error.msg}") from None
    except ValueError as error:  # a NUL in the file
        raise ConfigError(f"{file}:1: {error}") from None


def _line(file: str, error: Exception) -> int:
    """Return the line of the user's file where it went wrong, however deep below."""
    if isinstance(error, SyntaxError) and error.filename == file:
        return error.lineno or 1
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return (lines[-1] if lines else None) or 1


def _what(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, ValueError | TypeError) and text else f"{type(error).__name__}: {text}"


def _line_of_name(file: str) -> int:
    """Return the last line that gives the name a value, or the last of all."""
    with open(file, encoding="utf-8", errors="replace") as source:
        lines = source.read().splitlines()
    here = [number for number, line in enumerate(lines, 1) if line.replace(" ", "").startswith(f"{NAME}=")]
    return here[-1] if here else max(len(lines), 1)
