"""A server for programs of other people, and a home for each of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailframe.testing.process import RunningServer
from tests.foreign.home import Deliver, Home


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
def deliver(server: RunningServer, home: Home) -> Deliver:
    """Send messages with these subjects, by swaks."""

    def send(*subjects: str) -> None:
        for subject in subjects:
            home.run(
                "swaks", "--server", f"127.0.0.1:{server.port(25)}", "--from", "ann@example.org",
                "--to", "me@localhost", "--header", f"Subject: {subject}", "--body", "Hello\n.dot", "--hide-all",
            )  # fmt: skip

    return send
