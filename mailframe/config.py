"""What a server is made of, as values: names, certificates, parts that run, services that listen.

A L{Server} checks itself while it is built and does nothing else until its L{Server.service} is started: so a
configuration file is ordinary Python, and several servers fit into one process.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from attrs import field, frozen
from attrs.validators import instance_of
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString

from mailframe.address import parse_domain
from mailframe.administration import Administered
from mailframe.interfaces import (
    IAccounts,
    IDeliveryQueue,
    IJournal,
    IKeepsFiles,
    IKeepsJournal,
    IKeepsQueue,
    IKeepsSuppressions,
    IPart,
    IShared,
    ISuppressions,
)
from mailframe.site import Site

if TYPE_CHECKING:
    from mailframe.service import ServerService

WORKERS = 64
"""More workers than that are a mistake."""

STOP_SECONDS = 10.0
"""How long conversations may go on once the server is told to stop."""

DATA = "mailframe-data"
"""Directory of a server without a configuration."""
OFFSET = 2000
"""What such a server adds to each well-known port."""

CONTROL = "control"
"""Name of the control socket in the directory of the server's data."""

_TCP_PORT = re.compile(r"tcp:(?:port=)?(\d+)")
_INTERFACE = re.compile(r":interface=((?:[^:\\]|\\.)*)")
_EVERY_INTERFACE = frozenset({"", "0.0.0.0", "::"})


class Serving(Protocol):
    """A protocol factory that can end its conversations, as L{mailframe.net.listening.ConversationFactory} can."""

    def stop(self, seconds: float) -> Deferred[None]:
        """End all conversations politely, those that take longer than C{seconds} abruptly."""


class Service(Protocol):
    """What can listen: MX, Submission, LMTP, IMAP, POP3, or whatever gives such a factory."""

    def factory(self, site: Site, tls: Any = None, implicit_tls: bool = False) -> Serving:
        """
        Return what makes a protocol for each connection.

        @param tls: for STARTTLS, or C{None} to do without.
        @param implicit_tls: connections come through TLS already.
        """


@frozen
class OverTLS:
    """
    A service whose clients speak TLS from the first octet (RFC 8314 3).

    @ivar service: what they speak inside.
    """

    service: Service


def over_tls(service: Service) -> OverTLS:
    """Return the service with TLS around it, for ports such as 465, 993 and 995."""
    _check_service(service)
    return OverTLS(service)


Listener: TypeAlias = "tuple[str, Service | OverTLS]"


def _check_service(service: Any) -> None:
    if isinstance(service, type) or not callable(getattr(service, "factory", None)):
        raise TypeError(f"{service!r} cannot listen: wanted one of MX, Submission, LMTP, IMAP, POP3")


def _check_hostname(_server: Any, _attribute: Any, hostname: str) -> None:
    try:
        parse_domain(hostname)
    except ValueError as error:
        raise ValueError(f"{hostname!r} cannot be the server's name: {error}") from None


def _check_listen(server: Server, _attribute: Any, listeners: Sequence[Any]) -> None:
    for listener in listeners:
        if not (isinstance(listener, tuple) and len(listener) == 2 and isinstance(listener[0], str)):
            raise TypeError(f"listen= wants pairs such as ('tcp:25', MX(...)), and {listener!r} is none")
        endpoint, service = listener
        _check_endpoint(endpoint)
        if isinstance(service, OverTLS):
            if server.certificates is None:
                raise ValueError(f"{endpoint}: over_tls() needs certificates=, the directory that holds them")
        else:
            _check_service(service)
    _check_clashes([endpoint for endpoint, _service in listeners])


def _check_endpoint(endpoint: str) -> None:
    if endpoint.startswith("systemd:"):
        return  # systemd hands its sockets over only when it starts the server
    nothing: Any = None  # an endpoint uses its reactor not before it listens
    try:
        serverFromString(nothing, endpoint)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{endpoint!r} is no server endpoint such as 'tcp:25': {error}") from None


def _check_clashes(endpoints: Sequence[str]) -> None:
    taken: dict[str, list[tuple[str, str]]] = {}
    for endpoint in endpoints:
        tcp = _TCP_PORT.match(endpoint)
        if tcp and int(tcp[1]) == 0:
            continue  # any free port
        port, interface = (tcp[1], _interface(endpoint)) if tcp else (endpoint, "")
        for other_interface, other in taken.setdefault(port, []):
            if interface == other_interface or {interface, other_interface} & _EVERY_INTERFACE:
                raise ValueError(f"{endpoint!r} and {other!r} cannot both listen: they are the same port")
        taken[port].append((interface, endpoint))


def _interface(endpoint: str) -> str:
    found = _INTERFACE.search(endpoint)
    return found[1].replace("\\", "") if found else ""


def _check_run(_server: Any, _attribute: Any, parts: Sequence[Any]) -> None:
    for part in parts:
        if not IPart.providedBy(part):
            raise TypeError(f"run= wants parts with start() and stop(), such as SQLite(...), and {part!r} is none")


def _check_workers(server: Server, _attribute: Any, workers: int) -> None:
    if not 0 <= workers <= WORKERS:
        raise ValueError(f"workers= wants 0, or how many processes serve clients, up to {WORKERS}, and not {workers}")
    alone = [part for part in server.run if not IShared.providedBy(part)] if workers else []
    if alone:
        raise ValueError(f"workers= cannot share {alone[0]!r}: what it keeps is in one process (see IShared)")


def _parts(parts: Iterable[IPart]) -> tuple[IPart, ...]:
    return tuple(parts)


def _listeners(listeners: Iterable[Listener]) -> tuple[Listener, ...]:
    return tuple(listeners)


@frozen(kw_only=True)
class Server:
    """
    A whole server.

    @ivar hostname: its name in greetings, Received fields and message ids: the one its MX records lead to.
    @ivar certificates: directory with the certificates, see L{mailframe.net.certificates}; C{None} is no TLS at all.
    @ivar run: parts that start, in this order, before anything is accepted, and stop in the other order.
    @ivar listen: pairs of a server endpoint (C{tcp:25}, C{tcp:25:interface=\\:\\:}, C{unix:/run/lmtp:mode=660},
        C{systemd:domain=INET:index=0}) and what listens there.
    @ivar nameservers: IP addresses of recursive resolvers; C{None} is those of C{/etc/resolv.conf}, an
        empty sequence asks nobody.
    @ivar stop_seconds: how long conversations may go on once the server is told to stop.
    @ivar workers: processes that serve clients, beside the one that does all else; about as many as there are cores.
        With 0, one process does everything. What C{listen} uses must be the same for all of them, as SQLite is and
        what is in memory is not; limits that count in memory, as connections for each address, hold for each worker.
    """

    hostname: str = field(kw_only=False, validator=_check_hostname)
    certificates: str | os.PathLike[str] | None = None
    run: Sequence[IPart] = field(default=(), converter=_parts, validator=_check_run)
    listen: Sequence[Listener] = field(default=(), converter=_listeners, validator=_check_listen)
    nameservers: Sequence[str] | None = None
    stop_seconds: float = STOP_SECONDS
    workers: int = field(default=0, validator=[instance_of(int), _check_workers])

    def service(self, reactor: Any, site: Site | None = None) -> ServerService:
        """
        Return the service that runs this server: an C{IService} for twistd or any other application.

        @param site: another world, for tests; by default the real one.
        """
        from mailframe.service import ServerService  # it imports this module

        return ServerService(self, reactor, site)

    @property
    def services(self) -> list[Service]:
        """What listens."""
        return [service.service if isinstance(service, OverTLS) else service for _, service in self.listen]

    @property
    def directories(self) -> list[str]:
        """Where its parts keep their files."""
        return [part.directory for part in self.run if IKeepsFiles.providedBy(part)]

    @property
    def control(self) -> str | None:
        """Path of the control socket; C{None} without data to stand beside."""
        return os.path.join(self.directories[0], CONTROL) if self.directories else None

    @property
    def administered(self) -> Administered:
        """What of it the C{mailframe} command looks at and changes."""
        return Administered(
            accounts=self.accounts, queue=self.queue, suppressions=self.suppressions, journal=self.keeps_journal
        )

    @property
    def queue(self) -> IDeliveryQueue | IKeepsQueue | None:
        """The queue that a L{mailframe.queue.runner.Runner} empties, or else that of a part, or what keeps it."""
        sources = [getattr(part, "source", None) for part in self.run]
        keeping = [part for part in self.run if IKeepsQueue.providedBy(part) or IDeliveryQueue.providedBy(part)]
        found = [*(source for source in sources if source is not None), *keeping]
        return found[0] if found else None

    @property
    def suppressions(self) -> ISuppressions | IKeepsSuppressions | None:
        """The list of those that no mail is sent to: a Runner's own, or else that of a part, or what keeps it."""
        given = [getattr(part, "suppressions", None) for part in self.run if not IKeepsSuppressions.providedBy(part)]
        keeping = [part for part in self.run if IKeepsSuppressions.providedBy(part)]
        found = [*(each for each in given if each is not None), *keeping]
        return found[0] if found else None

    @property
    def accounts(self) -> IAccounts | None:
        """Whose accounts and aliases the C{mailframe} command changes: a part's, or else those of the first service."""
        candidates = [*self.run, *(getattr(service, "users", None) for service in self.services)]
        found = [each for each in candidates if IAccounts.providedBy(each)]
        return found[0] if found else None

    @property
    def keeps_journal(self) -> IKeepsJournal | None:
        """The first part that keeps a journal."""
        parts: list[Any] = [part for part in self.run if IKeepsJournal.providedBy(part)]
        return next((part for part in parts if part.journal is not None), None)

    @property
    def journal(self) -> IJournal | None:
        """The journal of the server, if one is kept."""
        return None if self.keeps_journal is None else self.keeps_journal.journal
