"""Loopback ports: free ones, on as many addresses of 127.0.0.0/8 as are wanted, and waiting until somebody listens."""

from __future__ import annotations

import contextlib
import random
import socket
import time
from collections.abc import Sequence

START_SECONDS = 30.0


def free_port(*addresses: str) -> int:
    """Return a port that nobody uses at this moment on any of these addresses."""
    for _ in range(100):
        port = random.randrange(20_000, 32_000)  # below those that the kernel gives to clients
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for address in addresses or ("127.0.0.1",):
                stack.enter_context(socket.socket()).bind((address, port))
            return port
    raise RuntimeError("no free port")


def wait_for(listening: Sequence[tuple[str, int]]) -> None:
    """Wait until somebody listens on each of these addresses and ports."""
    end = time.monotonic() + START_SECONDS
    for where in listening:
        while True:
            try:
                socket.create_connection(where, 1).close()
                break
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
