"""Real programs: fed, read, limited, and ended with all that they have started."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import CancelledError
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailframe.net import programs
from mailframe.net.programs import Ended, run
from mailframe.site import Program, Site
from tests.temporary import path_for


def program(source: str, *arguments: str, **options: Any) -> Program:
    """Return a program in Python."""
    return Program([sys.executable, "-S", "-E", "-c", source, *arguments], {"GREETING": "hé"}, **options)


def wait_until_gone(pid: int) -> None:
    """A process that is killed takes a moment to be so."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                if stat.read().rpartition(") ")[2].startswith("Z"):
                    return  # nobody has waited for it: that was its parent's business
        except FileNotFoundError:
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} is still there")


class ProgramTests(TestCase):
    def setUp(self) -> None:
        world: Any = reactor
        self.site = Site("localhost", world, spawn=programs.by(world))

    async def run_it(
        self, what: Program, data: Iterator[bytes] | None = None, seconds: float = 60, **options: Any
    ) -> Ended:
        return await run(self.site, what, data or iter(()), seconds, **options)

    async def test_it_is_fed_and_read(self) -> None:
        source = "import sys, os; print(len(sys.stdin.buffer.read()), sys.argv[1], os.environ['GREETING'])"
        ended = await self.run_it(program(source, "-ü"), iter([b"x" * 1_000_000] * 5))
        self.assertEqual(ended, Ended(0, 0, "5000000 -ü hé\n".encode()))

    async def test_it_has_nothing_of_the_servers_but_what_it_is_given(self) -> None:
        source = "import os; print(sorted(os.environ), os.getcwd(), sorted(os.listdir('/proc/self/fd'))[:-1])"
        folder = os.path.realpath(path_for(self))
        os.mkdir(folder)
        ended = await self.run_it(program(source, directory=folder))
        shown = ended.output.decode()
        self.assertIn(f"{folder} ['0', '1', '2']", shown)
        self.assertNotIn("HOME", shown)

    async def test_its_exit_status_and_its_errors_are_told(self) -> None:
        ended = await self.run_it(program("import sys; sys.exit('no such user')"))
        self.assertEqual(ended, Ended(1, 0, b"no such user\n"))

    async def test_a_signal_is_told(self) -> None:
        ended = await self.run_it(program("import os; os.kill(os.getpid(), 15)"))
        self.assertEqual(ended, Ended(None, signal.SIGTERM, b""))

    async def test_it_need_not_read(self) -> None:
        ended = await self.run_it(program("print('no thanks')"), iter([b"x" * 1_000_000] * 5))
        self.assertEqual(ended, Ended(0, 0, b"no thanks\n"))

    async def test_only_the_beginning_of_what_it_says_is_kept(self) -> None:
        ended = await self.run_it(program("print('x' * 1_000_000, end='')"), output=10)
        self.assertEqual(ended, Ended(0, 0, b"x" * 10))

    async def test_the_whole_group_is_killed_when_it_takes_too_long(self) -> None:
        file = Path(path_for(self))
        fork = "import os, sys, time; child = os.fork();"
        source = f"{fork} child and open(sys.argv[1], 'w').write(str(child)); time.sleep(600)"
        ended = await self.run_it(program(source, str(file.resolve())), seconds=2)
        self.assertEqual((ended.status, ended.signal, ended.late), (None, signal.SIGKILL, True))
        await deferToThread(wait_until_gone, int(file.read_text()))

    async def test_what_it_leaves_behind_does_not_keep_us_waiting(self) -> None:
        source = "import os, time; pid = os.fork(); print(pid, flush=True) if pid else time.sleep(600)"
        ended = await self.run_it(program(source), seconds=30)
        self.assertEqual((ended.status, ended.late), (0, False))
        await deferToThread(wait_until_gone, int(ended.output.split()[0]))

    async def test_who_leaves_the_group_does_not_keep_us_waiting_either(self) -> None:
        source = (
            "import os, time; pid = os.fork(); pid and print(pid, flush=True); pid or (os.setsid(), time.sleep(600))"
        )
        ended = await self.run_it(program(source), seconds=30)
        self.assertEqual((ended.status, ended.late), (0, False))
        os.kill(int(ended.output), signal.SIGKILL)

    async def test_cancelling_ends_it(self) -> None:
        started: list[Any] = []

        def spawn(protocol: Any, what: Program, /) -> Any:
            started.append(self.site.spawn(protocol, what))
            return started[0]

        running = run(evolve(self.site, spawn=spawn), program("import time; time.sleep(600)"), iter(()), 60)
        running.cancel()
        with self.assertRaises(CancelledError):
            await running
        while started[0].pid is not None:
            await deferLater(self.site.clock, 0.01)

    async def test_what_cannot_be_started_is_an_error_at_once(self) -> None:
        with self.assertRaises(FileNotFoundError):
            await self.run_it(Program(["/no/such/program"], {}))
        with self.assertRaises(FileNotFoundError):
            await self.run_it(program("", directory="/no/such/directory"))

    async def test_who_is_no_root_cannot_become_another(self) -> None:
        if os.geteuid() == 0:
            ended = await self.run_it(Program(["/usr/bin/id"], {}, uid=65534, gid=65534, groups=[65534]))
            self.assertRegex(ended.output, rb"uid=65534\b.* gid=65534\b.* groups=65534\b[^,]*\n")
        else:
            with self.assertRaises(PermissionError):
                await self.run_it(program("", uid=0, gid=0))

    async def test_an_input_that_breaks_off_is_not_taken_for_the_whole(self) -> None:
        def broken() -> Iterator[bytes]:
            yield b"half"
            raise OSError("the disk is broken")

        file = Path(path_for(self)).resolve()
        source = "import sys; sys.stdin.read(); open(sys.argv[1], 'w')"
        with self.assertRaises(OSError):
            await self.run_it(program(source, str(file)), broken())
        self.assertFalse(file.exists())
