"""Site: what every part needs from the world outside, given once, so that tests can give another world."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from attrs import field, frozen
from twisted.internet.defer import Deferred, execute
from twisted.internet.interfaces import IReactorTime
from zope.interface.interface import InterfaceClass

from mailframe.interfaces import IResolver

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
class Site:
    """
    The world as one server sees it.

    @ivar hostname: the name the server calls itself in greetings, Received fields and message ids.
    @ivar clock: time and delayed calls; C{task.Clock} in tests.
    @ivar in_thread: runs blocking calls: big digests, fsync of files.
    @ivar random: gives that many random octets; unguessable.
    @ivar resolver: looks names up in the DNS; C{None} asks nobody.
    """

    hostname: str
    clock: IReactorTime = field(validator=provides(IReactorTime))
    in_thread: InThread = inline
    random: Callable[[int], bytes] = secrets.token_bytes
    resolver: IResolver | None = None

    def new_id(self) -> str:
        """Return a new id for a session or message: sortable by time, unguessable, safe in names and headers."""
        return f"{int(self.clock.seconds() * 1000):011x}{self.random(5).hex()}"
