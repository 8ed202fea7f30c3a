"""One worker process: serves clients on ports that it is given, until it is told to stop or is left alone."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, cast

from attrs import evolve
from twisted.internet import reactor as _reactor
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.logger import ILogObserver, Logger, globalLogBeginner
from twisted.python.failure import Failure

from mailframe.config import Server
from mailframe.config_file import ConfigError, load
from mailframe.errors import MailError
from mailframe.log import json_observer, text_observer
from mailframe.net.certificates import CertificateError
from mailframe.service import ServerService, real_site
from mailframe.workers.channel import Channel, Given
from mailframe.workers.fellows import Fellows
from mailframe.workers.locks import Locks
from mailframe.workers.orders import CHANNEL, FIRST_PORT, LOCKS, SERVING, Orders

reactor: Any = _reactor
_log = Logger()


class WorkerService(ServerService):
    """A server whose ports are bound already."""

    def __init__(self, server: Server, fellows: Fellows, ports: Sequence[int | None]) -> None:
        listen = [each for each, family in zip(server.listen, ports, strict=True) if family is not None]
        server = evolve(server, listen=listen, workers=0)
        super().__init__(server, reactor, evolve(real_site(server, reactor), fellows=fellows))
        self._bound = enumerate((family for family in ports if family is not None), FIRST_PORT)

    def endpoint(self, _description: str) -> IStreamServerEndpoint:
        """Return the next one of the ports, which are in the order of C{listen}."""
        descriptor, family = next(self._bound)
        return AdoptedStreamServerEndpoint(reactor, descriptor, family)

    def privilegedStartService(self) -> None:
        """Take over the ports."""
        super().privilegedStartService()
        for port in self.ports():
            accept_one_at_a_time(port)


def accept_one_at_a_time(port: Any) -> None:
    """Leave to others who listen at the same port what comes while we are busy with one client."""
    accept = port.doRead

    def accept_one() -> None:
        port.numberAccepts = 1  # Twisted counts up again
        accept()

    port.doRead = accept_one


def main(text: str) -> int:
    """
    Run a worker; return its exit status.

    @param text: its L{Orders}.
    """
    orders = Orders.from_text(text)
    out = open(sys.stdout.fileno(), "w", encoding="utf-8", closefd=False)  # noqa: SIM115  until the end
    observer = json_observer if orders.log_json else text_observer
    globalLogBeginner.beginLoggingTo([cast(ILogObserver, observer(out, reactor))])
    fellows = Fellows(True, reactor, Locks(LOCKS))
    try:
        service = WorkerService(_server(orders), fellows, orders.ports)
        service.privilegedStartService()
    except (ConfigError, CertificateError, MailError, OSError, ValueError, TypeError) as error:
        _log.error("a worker could not be started: {error}", error=str(error))
        return 1
    channel = Channel(fellows.hear, _left_alone)
    reactor.adoptStreamConnection(CHANNEL, socket.AF_UNIX, Given(channel))
    os.close(CHANNEL)  # Twisted has a copy
    fellows.say = channel.tell
    failed: list[Failure] = []
    service.failed = partial(_fail, failed)
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    service.when_serving().addCallbacks(lambda _: channel.tell(SERVING, []), lambda _: None)
    reactor.callWhenRunning(service.startService)
    reactor.run()
    return 1 if failed else 0


def _server(orders: Orders) -> Server:
    if orders.config is not None:
        return load(orders.config)
    from mailframe import first_run  # with it comes every protocol: a configured server may do without some

    return first_run.everything_local(orders.data, orders.offset)


def _left_alone() -> None:
    if reactor.running:
        reactor.stop()


def _fail(failed: list[Failure], failure: Failure) -> None:
    failed.append(failure)
    _log.failure("a worker could not be started", failure=failure)
    if reactor.running:
        reactor.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
