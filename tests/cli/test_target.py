"""Whom the command asks: the server behind its socket, or the data itself; and what it says when neither helps."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailframe.cli import offline
from mailframe.cli.target import CannotDo, Running, find_target


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a name short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="mailframe-") as name:
        yield Path(name)


class Peer:
    """Somebody at the other end of a control socket, with one answer."""

    def __init__(self, path: Path, answer: bytes) -> None:
        self.answer, self.heard = answer, b""
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        connection, _ = self.socket.accept()
        with connection:
            while not self.heard.endswith(b"\r\n"):
                self.heard += connection.recv(1000)
            connection.sendall(self.answer)

    def end(self) -> Any:
        self.thread.join(10)
        self.socket.close()
        return json.loads(self.heard)


def test_a_running_server_is_asked(folder: Path) -> None:
    peer = Peer(folder / "control", b'{"ok": ["a@b"]}\r\n')
    found = find_target(str(folder), None)
    assert isinstance(found, Running)
    assert found.ask({"do": "user list"}) == ["a@b"]
    assert peer.end() == {"do": "user list"}


def test_a_configured_server_is_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = Peer(folder / "control", b'{"ok": null}\r\n')
    monkeypatch.setattr(offline, "configured_control", lambda file: str(folder / "control"))
    assert find_target(None, "mail.py").ask({"do": "x"}) is None
    peer.end()


@pytest.mark.parametrize(
    ("answer", "what"),
    [(b'{"error": "it is full"}\r\n', "it is full"), (b"", "closed the connection without an answer")],
)
def test_what_the_server_cannot_do_is_told(folder: Path, answer: bytes, what: str) -> None:
    peer = Peer(folder / "control", answer)
    with pytest.raises(CannotDo, match=what):
        find_target(str(folder), None).ask({"do": "user list"})
    peer.end()


def test_a_path_that_no_socket_can_have_is_told(folder: Path) -> None:
    long = folder / ("x" * 120)
    long.mkdir()
    with pytest.raises(CannotDo, match="AF_UNIX path too long"):
        find_target(str(long), None)


def test_without_data_it_says_where_to_find_some(folder: Path) -> None:
    with pytest.raises(CannotDo, match=r"none: no data here: run `twistd -n mailframe` once"):
        find_target(str(folder / "none"), None)


def test_the_default_is_the_data_of_a_server_without_options(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(CannotDo, match="/mailframe-data: no data here"):
        find_target(None, None)


def test_a_wrong_configuration_is_told(folder: Path) -> None:
    (folder / "mail.py").write_text("x = 1\n")
    with pytest.raises(CannotDo, match=r"mail\.py:1: no name 'server'"):
        find_target(None, str(folder / "mail.py"))


def test_a_server_without_accounts_is_told(folder: Path) -> None:
    (folder / "mail.py").write_text("from mailframe import Server\nserver = Server('h')\n")
    with pytest.raises(CannotDo, match="has no accounts that can be changed"):
        find_target(None, str(folder / "mail.py")).ask({"do": "user list"})
