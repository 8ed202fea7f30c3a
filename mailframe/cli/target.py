"""Whom the C{mailframe} command asks: the running server by its control socket, or else the data itself."""

from __future__ import annotations

import json
import os
import socket
from typing import Any, Protocol

from attrs import define

from mailframe.administration import Request
from mailframe.config import CONTROL, DATA

ANSWER_SECONDS = 60.0
"""How long the server may take; it hashes passwords slowly on purpose."""


class CannotDo(Exception):
    """It failed; the message is one line for the user."""


class Target(Protocol):
    """Somebody who can look at and change what a server has."""

    def ask(self, request: Request) -> Any:
        """
        Have a request of L{mailframe.administration} performed.

        @raise CannotDo: it failed.
        """


def find_target(data: str | None, config: str | None) -> Target:
    """
    Return the running server, or its data when it does not run.

    @raise CannotDo: there is nothing of the kind.
    """
    if config is None:
        directory = os.path.abspath(data or DATA)
        if not os.path.isdir(directory):
            raise CannotDo(f"{directory}: no data here: run `twistd -n mailframe` once, or say where with --data")
        return _running(os.path.join(directory, CONTROL)) or _stopped(directory)
    from mailframe.cli.offline import configured, configured_control

    return _running(configured_control(config)) or configured(config)


def _stopped(directory: str) -> Target:
    from mailframe.cli.offline import unconfigured

    return unconfigured(directory)


def _running(path: str | None) -> Target | None:
    """Return the server behind a socket, if there is one."""
    connection = None if path is None else _connected(path)
    return None if path is None or connection is None else Running(path, connection)


def _connected(path: str) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(ANSWER_SECONDS)
    try:
        connection.connect(path)
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None  # no server, or what a killed one has left
    except OSError as error:
        connection.close()
        raise CannotDo(f"{path}: {error.strerror or error}") from None
    return connection


@define(eq=False)
class Running:
    """
    A server at the other end of its control socket.

    @ivar path: of the socket.
    @ivar connection: for one request; C{None} once it is used.
    """

    path: str
    connection: socket.socket | None

    def ask(self, request: Request) -> Any:
        """Have it done by the server."""
        connection, self.connection = self.connection or _connected(self.path), None
        if connection is None:
            raise CannotDo("the server has stopped")
        with connection, connection.makefile("rb") as answers:
            try:
                connection.sendall(json.dumps(request).encode("ascii") + b"\r\n")
                line = answers.readline()
            except OSError as error:
                raise CannotDo(f"the server does not answer: {error}") from None
        if not line:
            raise CannotDo("the server has closed the connection without an answer")
        answer = json.loads(line)
        if "error" in answer:
            raise CannotDo(answer["error"])
        return answer["ok"]
