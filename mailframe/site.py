"""Site: what every part needs from the world outside, given once, so that tests can give another world."""

from __future__ import annotations

import errno
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from attrs import field, frozen
from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.interfaces import IProcessProtocol, IProcessTransport, IProtocolFactory, IReactorTime
from zope.interface.interface import InterfaceClass

from mailframe.interfaces import IFellows, IJournal, IResolver

T = TypeVar("T")


class InThread(Protocol):
    """Runs a blocking call elsewhere; the Deferred fires in the reactor."""

    def __call__(self, call: Callable[..., T], /, *args: Any) -> Deferred[T]: ...


def inline(call: Callable[..., T], /, *args: Any) -> Deferred[T]:
    """The L{InThread} of tests: runs the call at once, so that one seed gives one history."""
    return execute(call, *args)


def provides(interface: InterfaceClass) -> Callable[[Any, Any, Any], None]:
    """Return an attrs validator: the value provides the interface, or the server is refused while it is built."""

    def check(_instance: Any, attribute: Any, value: Any) -> None:
        if not interface.providedBy(value):
            raise TypeError(f"{attribute.name} must provide {interface.__name__}, and {value!r} does not")

    return check


@frozen
class TCP:
    """
    Where to connect to.

    @ivar address: an IP address: names are looked up before.
    @ivar source: the address to connect from; empty leaves it to the system.
    """

    address: str
    port: int
    source: str = ""


@frozen
class UNIX:
    """A socket in the file system."""

    path: str


class Connect(Protocol):
    """Opens a connection; the Deferred fires with the protocol that C{factory} built, or fails in C{seconds}."""

    def __call__(self, peer: TCP | UNIX, factory: IProtocolFactory, seconds: float, /) -> Deferred[Any]: ...


def unconnected(peer: TCP | UNIX, _factory: IProtocolFactory, _seconds: float, /) -> Deferred[Any]:
    """The L{Connect} of a site without a network."""
    return fail(OSError(errno.ENETUNREACH, f"there is no network to reach {peer}"))


@frozen
class Program:
    """
    A program to run.

    @ivar arguments: the first one is the program's file, or a name that stands in C{PATH} of its environment.
    @ivar environment: all of it.
    @ivar directory: where it runs.
    @ivar uid: as whom; C{None} is who we are, and so for the group.
    @ivar groups: further groups, for another user.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    directory: str = "/"
    uid: int | None = None
    gid: int | None = None
    groups: Sequence[int] = ()


class Spawn(Protocol):
    """
    Starts a program that leads a process group of its own, with pipes for standard input, output and errors.

    Signals that the transport sends are for the whole group. An C{OSError} says that it could not be started.
    """

    def __call__(self, protocol: IProcessProtocol, program: Program, /) -> IProcessTransport: ...


def unspawned(_protocol: IProcessProtocol, program: Program, /) -> IProcessTransport:
    """The L{Spawn} of a site without programs."""
    raise OSError(errno.ENOSYS, f"there are no programs here, so {program.arguments[0]} cannot run")


@frozen
class Site:
    """
    The world as one server sees it.

    @ivar hostname: the name the server calls itself in greetings, Received fields and message ids.
    @ivar clock: time and delayed calls; C{task.Clock} in tests.
    @ivar in_thread: runs blocking calls: big digests, fsync of files.
    @ivar random: gives that many random octets; unguessable.
    @ivar resolver: looks names up in the DNS; C{None} asks nobody.
    @ivar connect: opens connections to other servers.
    @ivar spawn: starts programs.
    @ivar roots: what the certificates of others must lead to where nothing else is configured, a
        L{mailframe.mailauth.roots.Roots}; C{None} is those of the system.
    @ivar journal: is told what happens to each message; C{None} where nobody wants to know.
    @ivar fellows: the other processes of a server that has workers; C{None} if there are none.
    """

    hostname: str
    clock: IReactorTime = field(validator=provides(IReactorTime))
    in_thread: InThread = inline
    random: Callable[[int], bytes] = secrets.token_bytes
    resolver: IResolver | None = None
    connect: Connect = unconnected
    spawn: Spawn = unspawned
    roots: Any = None
    journal: IJournal | None = None
    fellows: IFellows | None = None

    @property
    def is_worker(self) -> bool:
        """Whether this process only serves clients, and another one does what one alone may do."""
        return self.fellows is not None and self.fellows.is_worker

    def new_id(self) -> str:
        """Return a new id for a session or message: sortable by time, unguessable, safe in names and headers."""
        return f"{int(self.clock.seconds() * 1000):011x}{self.random(5).hex()}"
