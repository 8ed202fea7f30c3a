"""What twistd is told: options, users, the log; and how the process ends."""

from __future__ import annotations

import atexit
import io
import json
import os
import pwd
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec

import pytest
from twisted.application.service import Application, IServiceMaker
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import ILogObserver, LogLevel
from twisted.plugin import getPlugins
from twisted.python.failure import Failure

from mailframe import twistd
from mailframe.config import Server
from mailframe.errors import NewerSchema
from mailframe.service import ServerService
from mailframe.twistd import Options, TwistdService, makeService
from mailframe.workers.crew import Output

P = ParamSpec("P")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the terminal shows."""
    said = io.StringIO()
    monkeypatch.setattr("sys.__stderr__", said)
    return said


def parsed(*arguments: str, **parent: Any) -> Options:
    options = Options()
    twistd_options: Any = {"nodaemon": True, **parent}
    options.parent = twistd_options
    options.parseOptions(list(arguments))
    return options


def test_twistd_finds_the_plugin() -> None:
    [maker] = [plugin for plugin in getPlugins(IServiceMaker) if plugin.tapname == "mailframe"]
    assert maker.options is Options
    assert maker.makeService is makeService


def test_the_defaults_are_those_of_the_manual() -> None:
    options = parsed()
    assert (options["config"], options["data"], options["port-offset"]) == (None, "mailframe-data", 2000)


@pytest.mark.parametrize("offset", ["-1", "64541"])
def test_an_offset_out_of_range_is_refused(offset: str, said: io.StringIO) -> None:
    with pytest.raises(SystemExit, match="1"):
        parsed(f"--port-offset={offset}")
    assert said.getvalue() == "mailframe: --port-offset must lie between 0 and 64540\n"


def observer_of(service: ServerService) -> Any:
    """Return what twistd will log to."""
    application = Application("mailframe")
    service.setServiceParent(application)
    return application.getComponent(ILogObserver, None)


def test_the_json_log_goes_to_standard_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    file = configuration(tmp_path, FINE)
    observer_of(makeService(parsed("--config", file, "--log-json")))({"log_format": "hello", "log_time": 0.0})
    assert json.loads(out.getvalue())["text"] == "hello"


def test_the_json_log_goes_to_the_file_that_twistd_was_told(tmp_path: Path) -> None:
    file, log = configuration(tmp_path, FINE), tmp_path / "log"
    for text in ("one", "two"):
        service = makeService(parsed("--config", file, "--log-json", logfile=str(log)))
        observer_of(service)({"log_format": text, "log_time": 0.0})
    assert [json.loads(line)["text"] for line in log.read_text().splitlines()] == ["one", "two"]


@pytest.mark.parametrize("elsewhere", [{"logfile": "x"}, {"syslog": True}])
def test_the_log_is_twistds_own_where_that_has_more_to_do(tmp_path: Path, elsewhere: Any) -> None:
    assert observer_of(makeService(parsed("--config", configuration(tmp_path, FINE), **elsewhere))) is None


def test_standard_output_gets_readable_lines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out = io.StringIO()
    monkeypatch.setattr("sys.stdout", out)
    observe = observer_of(makeService(parsed("--config", configuration(tmp_path, FINE))))
    observe({"log_format": "hello", "log_time": 0.0, "log_namespace": "here", "log_level": LogLevel.info})
    assert out.getvalue().endswith(" [here#info] hello\n")


def test_a_daemons_json_log_goes_where_twistds_would() -> None:
    assert twistd.log_file({"nodaemon": False, "logfile": None}) == "twistd.log"
    assert twistd.log_file({"nodaemon": True, "logfile": None}) == "-"
    assert twistd.log_file({"nodaemon": False, "logfile": "x"}) == "x"


FINE = "from mailframe import Server\nserver = Server('mx.example.org')\n"


def configuration(folder: Path, text: str) -> str:
    file = folder / "mail.py"
    file.write_text(text)
    return str(file)


def test_a_configured_server_is_what_the_file_says(tmp_path: Path) -> None:
    file = configuration(tmp_path, FINE)
    service = makeService(parsed("--config", file))
    assert service.server.hostname == "mx.example.org"
    assert service.owner is None


def test_a_mistake_ends_it_with_one_line(tmp_path: Path, said: io.StringIO) -> None:
    file = configuration(tmp_path, "server = 1\n")
    with pytest.raises(SystemExit, match="1"):
        makeService(parsed("--config", file))
    assert said.getvalue() == f"mailframe: {file}:1: server is 1, not a Server: end with server = Server(...)\n"


def test_the_owner_is_whom_twistd_becomes(tmp_path: Path) -> None:
    file = configuration(tmp_path, FINE)
    nobody = pwd.getpwnam("nobody")
    assert makeService(parsed("--config", file, uid=nobody.pw_uid)).owner == (nobody.pw_uid, nobody.pw_gid)
    assert makeService(parsed("--config", file, uid=nobody.pw_uid, gid=7)).owner == (nobody.pw_uid, 7)
    assert makeService(parsed("--config", file, gid=7)).owner == (os.getuid(), 7)


class Reactor(MemoryReactorClock):
    """A reactor that notes when it is stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.stops = 0
        self.running = True

    def getThreadPool(self) -> None:
        return None

    def callFromThread(self, call: Any, *args: Any) -> None:
        call(*args)

    def callWhenRunning(self, callable: Callable[P, object], *args: P.args, **kw: P.kwargs) -> None:
        callable(*args, **kw)

    def stop(self) -> None:
        self.stops += 1
        self.running = False


def test_a_port_that_is_taken_ends_it_with_one_line(monkeypatch: pytest.MonkeyPatch, said: io.StringIO) -> None:
    def taken(self: object) -> None:
        raise CannotListenError("127.0.0.1", 25, OSError(98, "Address already in use"))

    monkeypatch.setattr(ServerService, "privilegedStartService", taken)
    with pytest.raises(SystemExit, match="1"):
        TwistdService(Server("h", nameservers=()), Reactor()).privilegedStartService()
    said_once = (
        "mailframe: Couldn't listen on 127.0.0.1:25: [Errno 98] Address already in use. To start: stop what listens"
    )
    assert said.getvalue() == f"{said_once} there, or change the configuration\n"


def test_sigterm_stops_the_reactor_once(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to: dict[int, Any] = {}
    monkeypatch.setattr(signal, "signal", lambda number, call: set_to.update({number: call}))
    reactor = Reactor()
    service = TwistdService(Server("h", nameservers=()), reactor)
    service.startService()
    for _ in range(2):
        set_to[signal.SIGTERM](signal.SIGTERM, None)
    assert reactor.stops == 1


@pytest.mark.parametrize(
    ("error", "what"),
    [(NewerSchema("The data is of version 9"), "mailframe: The data is of version 9\n"), (KeyError(1), "Traceback")],
)
def test_a_server_that_cannot_start_ends_with_status_1(
    monkeypatch: pytest.MonkeyPatch, said: io.StringIO, error: Exception, what: str
) -> None:
    at_exit: list[Any] = []
    status: list[int] = []
    monkeypatch.setattr(atexit, "register", at_exit.append)
    monkeypatch.setattr(os, "_exit", status.append)
    reactor = Reactor()
    monkeypatch.setattr(signal, "signal", lambda number, call: None)
    service = TwistdService(Server("h", nameservers=()), reactor)
    service.startService()
    service.failed(Failure(error))
    reactor.advance(0)
    assert reactor.stops == 1
    assert what in said.getvalue()
    at_exit[0]()
    assert status == [1]


def test_workers_run_what_this_process_was_told_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = configuration(tmp_path, FINE)
    monkeypatch.chdir(tmp_path)
    crew = makeService(parsed("--config", "mail.py", "--workers=3", logfile="mail.log")).crew
    assert crew is not None
    assert (crew.number, crew.orders.config, crew.orders.log_json) == (3, file, False)
    assert crew.output == Output()  # twistd writes that file, and moves it away when it is long
    service = makeService(parsed("--workers=2", "--log-json", logfile="mail.log"))
    crew = service.crew
    assert crew is not None
    assert (crew.number, crew.orders.config, crew.orders.data) == (2, None, str(tmp_path / "mailframe-data"))
    assert crew.orders.log_json
    assert crew.output.log is not None
    assert os.readlink(f"/proc/self/fd/{crew.output.log}") == str(tmp_path / "mail.log")


def test_the_file_may_have_workers_and_the_command_line_may_want_others(tmp_path: Path) -> None:
    file = configuration(tmp_path, "from mailframe import Server\nserver = Server('h', workers=2)\n")
    crew = makeService(parsed("--config", file, logfile="mail.log")).crew
    assert crew is not None
    assert crew.number == 2
    assert makeService(parsed("--config", file, "--workers=0")).crew is None


def test_workers_that_cannot_be_are_refused(said: io.StringIO) -> None:
    with pytest.raises(SystemExit, match="1"):
        makeService(parsed("--workers=100"))
    assert said.getvalue().startswith("mailframe: workers= wants 0, or how many processes serve clients, up to 64")
