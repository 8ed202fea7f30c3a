"""One server for each test module."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailframe.testing.process import RunningServer


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    """A server as it comes, without a configuration."""
    with tempfile.TemporaryDirectory(prefix="mailframe-") as folder, RunningServer(Path(folder)) as running:
        yield running


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a name short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="mailframe-") as name:
        yield Path(name)
