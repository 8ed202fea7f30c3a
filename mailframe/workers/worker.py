"""One worker process: serves clients on ports that it is given, until it is told to stop or is left alone."""

from __future__ import annotations

import os
import socket
import sys
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
from mailframe.workers.orders import CHANNEL, FIRST_PORT, SERVING, SHARED, Orders
from mailframe.workers.shares import Shares, accept_in_turn

reactor: Any = _reactor
_log = Logger()


class WorkerService(ServerService):
    """A server whose ports are bound already."""

    def __init__(self, server: Server, fellows: Fellows, orders: Orders) -> None:
        listen = [each for each, family in zip(server.listen, orders.ports, strict=True) if family is not None]
        server = evolve(server, listen=listen, workers=0)
        super().__init__(server, reactor, evolve(real_site(server, reactor), fellows=fellows))
        self._bound = enumerate((family for family in orders.ports if family is not None), FIRST_PORT)
        self._shares, self._place = Shares(SHARED), orders.place

    def endpoint(self, _description: str) -> IStreamServerEndpoint:
        """Return the next one of the ports, which are in the order of C{listen}."""
        descriptor, family = next(self._bound)
        return AdoptedStreamServerEndpoint(reactor, descriptor, family)

    def privilegedStartService(self) -> None:
        """Take over the ports."""
        super().privilegedStartService()
        for port in self.ports():
            accept_in_turn(port, reactor, self._shares, self._place, self.clients)


def main(text: str) -> int:
    """
    Run a worker; return its exit status.

    @param text: its L{Orders}.
    """
    orders = Orders.from_text(text)
    out = open(sys.stdout.fileno(), "w", encoding="utf-8", closefd=False)  # noqa: SIM115  until the end
    observer = json_observer if orders.log_json else text_observer
    globalLogBeginner.beginLoggingTo([cast(ILogObserver, observer(out, reactor))])
    fellows = Fellows(True, reactor, Locks(SHARED))
    try:
        service = WorkerService(_server(orders), fellows, orders)
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
