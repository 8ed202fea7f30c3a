"""A real C{twistd mailframe} in a process of its own, on loopback ports nobody uses, with its data in one folder."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from attrs import define, field

START_SECONDS = 60.0
STOP_SECONDS = 60.0
PORTS = (25, 24, 587, 465, 143, 993, 110, 995)
OFFSETS = (10_000, 31_000)
"""High enough for everybody's ports, and below those that the system gives to clients, which might be there first."""


def free_offset() -> int:
    """Return a port offset at which all services can listen at this moment."""
    for _ in range(100):
        offset = random.randrange(*OFFSETS)
        if all(_is_free(port + offset) for port in PORTS):
            return offset
    raise RuntimeError("no free ports on 127.0.0.1")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def twistd(*arguments: str, options: tuple[str, ...] = ()) -> list[str]:
    """
    Return the command line of C{twistd -n mailframe} for this very Python.

    @param options: of twistd itself.
    """
    return [str(Path(sys.executable).with_name("twistd")), "-n", "--pidfile=", *options, "mailframe", *arguments]


def mailframe(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the C{mailframe} command to its end."""
    command = [sys.executable, "-m", "mailframe", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, env=environment())


@define(eq=False)
class RunningServer:
    """
    C{with RunningServer(folder) as server:} runs it, and stops it with SIGTERM in the end.

    @ivar folder: for data and log; a later server with the same folder finds the mail of this one.
    @ivar arguments: further options of C{twistd mailframe}.
    @ivar offset: its port offset.
    """

    folder: Path
    arguments: tuple[str, ...] = ()
    offset: int = field(factory=free_offset)
    process: subprocess.Popen[bytes] = field(init=False)

    @property
    def data(self) -> Path:
        """Where its data is."""
        return self.folder / "data"

    @property
    def log(self) -> str:
        """What it has printed by now, and what all servers in this folder have before."""
        return (self.folder / "log").read_text("utf-8", "replace")

    @property
    def password(self) -> str:
        """Of C{me@localhost}, as the first server in this folder printed it."""
        found = re.search(r"password: (\S+)", self.log)
        assert found is not None, self.log
        return found[1]

    def port(self, well_known: int) -> int:
        """Return the port of a service."""
        return well_known + self.offset

    def start(self) -> None:
        """Start it and wait until it serves."""
        self.folder.mkdir(exist_ok=True)
        command = twistd(*self._where(), *self.arguments)
        served = self.log.count(" serves ") if (self.folder / "log").exists() else 0
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment()
            )
        end = time.monotonic() + START_SECONDS
        while self.log.count(" serves ") == served:
            if self.process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"the server did not start:\n{self.log}")
            time.sleep(0.01)

    def _where(self) -> list[str]:
        if "--config" in self.arguments:
            return []
        return ["--data", str(self.data), f"--port-offset={self.offset}"]

    def stop(self) -> int:
        """Tell it to stop and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End it without warning, as a loss of power would."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def __enter__(self) -> RunningServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            status = self.stop()
            assert status == 0 or error is not None, f"exit status {status}:\n{self.log}"


def environment() -> dict[str, str]:
    """Return an environment in which this very mailframe is found, whatever else is installed."""
    root = str(Path(__file__).parent.parent.parent)
    path = [root, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path)), "PYTHONUNBUFFERED": "1"}
