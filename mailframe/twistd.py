"""What C{twistd mailframe} understands, and the service it runs.

A mistake ends with one line on standard error and exit status 1 before anything listens; SIGTERM ends with 0.
"""

from __future__ import annotations

import atexit
import os
import pwd
import signal
import sys
from collections.abc import Mapping
from typing import Any, NoReturn, TextIO

from attrs import evolve
from twisted.application.service import Service
from twisted.internet.error import CannotListenError
from twisted.logger import ILogObserver, Logger
from twisted.python import usage
from twisted.python.failure import Failure

from mailframe.config import DATA, OFFSET, Server
from mailframe.config_file import ConfigError, load
from mailframe.errors import MailError
from mailframe.log import Observer, json_observer, text_observer
from mailframe.net.certificates import CertificateError
from mailframe.service import ServerService, real_site
from mailframe.workers.crew import Crew, Output
from mailframe.workers.fellows import Fellows
from mailframe.workers.orders import Orders

MOST_OFFSET = 65535 - 995
_log = Logger()


class Options(usage.Options):
    """Options of C{twistd mailframe}."""

    synopsis = "[options]"
    longdesc = (
        "Without --config: a complete mail server for trying and for developing, on 127.0.0.1 alone. It keeps mail "
        "for the accounts it knows, catches mail for everybody else, and sends nothing anywhere."
    )
    optParameters = [
        ["config", "c", None, "Run the server that this Python file describes (see: mailframe init)."],
        ["data", "d", DATA, "Without --config: directory for mail and accounts."],
        ["port-offset", None, OFFSET, "Without --config: added to each well-known port.", int],
        ["workers", "w", None, "Processes that serve clients, beside the one that does all else.", int],
    ]
    optFlags = [["log-json", None, "Log one JSON object a line."]]
    compData = usage.Completions(optActions={"config": usage.CompleteFiles(), "data": usage.CompleteDirs()})

    def postOptions(self) -> None:
        """Look at the numbers."""
        if not 0 <= self["port-offset"] <= MOST_OFFSET:
            _give_up(f"--port-offset must lie between 0 and {MOST_OFFSET}")


def log_file(twistd: Mapping[str, Any]) -> str:
    """Return where twistd would log to: the file it was told, standard output (C{-}), or a daemon's file."""
    return twistd.get("logfile") or ("-" if twistd.get("nodaemon") else "twistd.log")


def makeService(options: Options) -> ServerService:
    """Return the service for twistd to run."""
    owner = _owner(options.parent)
    try:
        service = _service(options, owner)
    except (ConfigError, CertificateError, MailError, OSError, ValueError) as error:
        _give_up(str(error))
    service.owner = owner
    if options["config"] is None:
        service.elsewhere = "stop what listens there, or choose other ports with --port-offset"
    _log_to(service, options)
    return service


def _log_to(service: TwistdService, options: Options) -> None:
    """Log as twistd would, in a fraction of the time; what it does with files of its own is left to it."""
    twistd: Mapping[str, Any] = options.parent or {}
    to_stdout = log_file(twistd) == "-"
    if options["log-json"]:
        out = sys.stdout if to_stdout else _opened(log_file(twistd))
        service.observer = json_observer(out, _reactor())
    elif to_stdout and not twistd.get("syslog"):
        out = sys.stdout
        service.observer = text_observer(out, _reactor())
    else:
        return
    if service.crew is not None:
        service.crew.output = Output(out.fileno(), sys.stderr.fileno() if to_stdout else None)


def _opened(name: str) -> TextIO:
    return open(name, "a", encoding="ascii")


def _service(options: Options, owner: tuple[int, int] | None) -> TwistdService:
    server, reactor = _server(options, owner), _reactor()
    if options["workers"] is not None:
        server = evolve(server, workers=options["workers"])
    if not server.workers:
        return TwistdService(server, reactor)
    config, data = options["config"], os.path.abspath(options["data"])
    orders = Orders(
        config=None if config is None else os.path.abspath(config),
        data=data,
        offset=options["port-offset"],
        log_json=bool(options["log-json"]),
    )
    fellows = Fellows(False, reactor)
    crew = Crew(reactor, server.workers, orders, fellows)
    return TwistdService(server, reactor, evolve(real_site(server, reactor), fellows=fellows), crew)


def _server(options: Options, owner: tuple[int, int] | None) -> Server:
    if options["config"] is not None:
        return load(options["config"])
    from mailframe import first_run  # with it comes every protocol: a configured server may do without some

    data = os.path.abspath(options["data"])
    for line in first_run.prepare(data, options["port-offset"], owner):
        print(line)
    return first_run.everything_local(data, options["port-offset"])


def _owner(twistd: Any) -> tuple[int, int] | None:
    """Return whom twistd will become, the way it finds out."""
    uid, gid = twistd.get("uid"), twistd.get("gid")
    if uid is None and gid is None:
        return None
    if gid is None:
        gid = pwd.getpwuid(uid).pw_gid
    return (os.getuid() if uid is None else uid), gid


class TwistdService(ServerService):
    """
    Ends the process, with the status that tells how it went.

    @ivar observer: what twistd shall log to; C{None} leaves that to its own options.
    @ivar elsewhere: what to do when a port is taken.
    """

    observer: Observer | None = None
    elsewhere: str = "stop what listens there, or change the configuration"

    def setServiceParent(self, parent: Any) -> None:
        """Tell the application, before twistd asks it, where to log to."""
        if self.observer is not None:
            parent.setComponent(ILogObserver, self.observer)
        Service.setServiceParent(self, parent)

    def privilegedStartService(self) -> None:
        """Bind, or end with one line."""
        try:
            super().privilegedStartService()
        except CannotListenError as error:
            _give_up(f"{error} To start: {self.elsewhere}")
        except (CertificateError, OSError, ValueError) as error:
            _give_up(str(error))

    def startService(self) -> None:
        """Start; stop the reactor if that fails."""
        self.failed = self._leave
        # twistd dies of the SIGTERM that stopped it, as if it had been killed: a server that was told to stop, and
        # did, exits 0. The reactor installs its own way of dealing with the signal when it starts, so ours comes after.
        self.reactor.callWhenRunning(signal.signal, signal.SIGTERM, self._terminate)
        super().startService()

    def _terminate(self, _number: int, _frame: object) -> None:
        self.reactor.callFromThread(self._stop_reactor)

    def _stop_reactor(self) -> None:
        if self.reactor.running:
            self.reactor.stop()

    def _leave(self, failure: Failure) -> None:
        atexit.register(_exit_failed)  # twistd itself knows no exit status but 0
        expected = failure.check(MailError, OSError, ValueError, CannotListenError)
        _say(str(failure.value) if expected else failure.getTraceback())
        _log.failure("the server could not be started", failure=failure)
        self.reactor.callLater(0, self._stop_reactor)


def _exit_failed() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def _give_up(why: str) -> NoReturn:
    _say(why)
    sys.exit(1)


def _say(why: str) -> None:
    """Tell whoever has started us; twistd sends the usual standard error to the log."""
    print(f"mailframe: {why.strip()}", file=sys.__stderr__)


def _reactor() -> Any:
    from twisted.internet import reactor

    return reactor
