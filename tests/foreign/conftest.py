"""A server for programs of other people, and a home for each of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailframe.testing.process import RunningServer

SECONDS = 60


class Home:
    """
    A program's home directory, and a way to run the program there.

    @ivar path: a new, empty folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def file(self, name: str, text: str) -> Path:
        """Write a configuration file that nobody else may read."""
        file = self.path / name
        file.write_text(text)
        file.chmod(0o600)
        return file

    def run(self, program: str, *arguments: str | Path, stdin: str = "", status: tuple[int, ...] = (0,)) -> str:
        """Run a program to its end and return what it printed; a missing program and another status are failures."""
        assert shutil.which(program), f"{program} is not installed: it must be, or nothing is shown"
        done = subprocess.run(
            [program, *map(str, arguments)],
            input=stdin.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.path,
            timeout=SECONDS,
            env={"PATH": os.environ["PATH"], "HOME": str(self.path), "LC_ALL": "C.UTF-8", "TERM": "xterm"},
        )
        printed = done.stdout.decode("utf-8", "replace")
        assert done.returncode in status, f"{program} ended with {done.returncode}:\n{printed}"
        return printed


@pytest.fixture
def home() -> Iterator[Home]:
    """A new home."""
    with tempfile.TemporaryDirectory(prefix="foreign-") as folder:
        yield Home(Path(folder))


@pytest.fixture
def server() -> Iterator[RunningServer]:
    """A new server without any mail."""
    with tempfile.TemporaryDirectory(prefix="mailframe-") as folder, RunningServer(Path(folder)) as running:
        yield running


@pytest.fixture
def deliver(server: RunningServer, home: Home) -> Callable[..., None]:
    """Send messages with these subjects, by swaks."""

    def send(*subjects: str) -> None:
        for subject in subjects:
            home.run(
                "swaks", "--server", f"127.0.0.1:{server.port(25)}", "--from", "ann@example.org",
                "--to", "me@localhost", "--header", f"Subject: {subject}", "--body", "Hello\n.dot", "--hide-all",
            )  # fmt: skip

    return send
