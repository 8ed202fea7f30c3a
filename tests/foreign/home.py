"""A home directory for one program of somebody else's, and a way to run it there."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

SECONDS = 60

Deliver = Callable[..., None]
"""Sends a message for each subject it is given."""


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
