"""Data changed while no server has it open: in SQLite, and in a password file that a running server will read again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailframe.cli.offline import configured, unconfigured
from mailframe.cli.target import CannotDo
from mailframe.inline import inline_site, now
from mailframe.sqlite import SQLite

ANN = {"do": "user add", "address": "ann@example.org", "password": "geheim"}
CONFIGURATION = """\
from mailframe import IMAP, MemoryStore, PasswordFile, Server
users = PasswordFile({file!r})
listen = [("tcp:2143:interface=127.0.0.1", IMAP(MemoryStore(), users=users))]
server = Server("mx.example.org", run=[users], listen=listen)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mailframe-") as name:
        yield Path(name)


def test_the_data_is_closed_again_after_each_change(folder: Path) -> None:
    unconfigured(str(folder)).ask(ANN)
    assert unconfigured(str(folder)).ask({"do": "user list"}) == ["ann@example.org"]
    with pytest.raises(CannotDo, match=r"ann@example\.org"):
        unconfigured(str(folder)).ask(ANN)
    assert unconfigured(str(folder)).ask({"do": "user list"}) == ["ann@example.org"]


def test_data_that_is_in_use_is_left_alone(folder: Path) -> None:
    server = SQLite(folder)
    now(server.start(inline_site()))
    try:
        with pytest.raises(CannotDo, match="stop it first"):
            unconfigured(str(folder)).ask(ANN)
    finally:
        now(server.stop())


def test_a_password_file_is_changed_in_place(folder: Path) -> None:
    users, file = folder / "users", folder / "mail.py"
    users.write_text("")
    file.write_text(CONFIGURATION.format(file=str(users)))
    configured(str(file)).ask(ANN)
    assert configured(str(file)).ask({"do": "user list"}) == ["ann@example.org"]
    assert users.read_text().startswith("ann@example.org: $argon2id$")
    assert "geheim" not in users.read_text()
