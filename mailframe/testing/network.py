"""The network of a test world: hosts, their addresses, and what happens to packets between them, all of it by a seed.

There is TCP only, as far as those who use it can see: what is sent arrives whole, in order and after the latency; a
connection is established, refused or not answered; it ends with FIN or RST. Where the network is cut packets wait, as
they do in a real one, whose hosts send them again and again until the way is free.
"""

from __future__ import annotations

import ipaddress
from collections import deque
from collections.abc import Callable, Collection
from random import Random
from typing import TYPE_CHECKING, TypeAlias

from attrs import define, field

from mailframe.testing.virtual_time import VirtualClock

if TYPE_CHECKING:
    from mailframe.testing.sockets import MemorySocket

LATENCY = (0.005, 0.050)
"""Seconds from one host to another: at least, at most."""
FIRST_PORT = 32768
"""Where the ports of those who connect begin."""

Arrival: TypeAlias = Callable[[], None]


@define(eq=False)
class Host:
    """
    Somebody on the network.

    @ivar name: for people.
    @ivar addresses: its IP addresses.
    @ivar look: called when one of its sockets may have something to do.
    """

    name: str
    addresses: tuple[str, ...]
    look: Callable[[], None] = lambda: None
    listening: dict[tuple[str, int], MemorySocket] = field(factory=dict, init=False)
    sockets: dict[MemorySocket, None] = field(factory=dict, init=False)
    _port: int = field(default=FIRST_PORT, init=False)

    def new_port(self) -> int:
        """Return a port that nobody has used yet."""
        self._port += 1
        return self._port

    def source_for(self, address: str) -> str | None:
        """Return the address to connect from; C{None} when there is no way from here."""
        to = ipaddress.ip_address(address)
        if to.is_loopback:
            return address
        return next((each for each in self.addresses if ipaddress.ip_address(each).version == to.version), None)

    def listener(self, address: str, port: int) -> MemorySocket | None:
        """Return the socket that takes connections to an address."""
        every = ["::"] if ":" in address else ["0.0.0.0", "::"]
        return next((found for each in [address, *every] if (found := self.listening.get((each, port)))), None)


@define(eq=False)
class Pipe:
    """One direction of a connection."""

    network: Network
    source: Host
    target: Host
    items: deque[tuple[float, Arrival]] = field(factory=deque, init=False)
    _last: float = field(default=0.0, init=False)

    def send(self, arrive: Arrival) -> None:
        """Let something arrive after what was sent before."""
        latency = 0.0 if self.source is self.target else self.network.some_latency()
        self._last = max(self._last, self.network.clock.seconds() + latency)
        self.items.append((self._last, arrive))
        if len(self.items) == 1 and self not in self.network.stalled:
            self.go_on()

    def go_on(self) -> None:
        """Wait for the first of those that are under way."""
        if self.items:
            self.network.in_flight += 1
            delay = max(0.0, self.items[0][0] - self.network.clock.seconds())
            self.network.clock.call_on(self.target.name, delay, self._arrive)

    def _arrive(self) -> None:
        self.network.in_flight -= 1
        if self.network.is_cut(self.source, self.target):
            self.network.stalled[self] = None
            return
        _due, arrive = self.items.popleft()
        arrive()
        self.go_on()


@define(eq=False)
class Network:
    """
    @ivar latency: seconds that a packet takes, or at least and at most; it may be changed at any time.
    @ivar breaks: the chance, from 0 to 1, that a packet never arrives and takes its connection with it.
    @ivar note: is told what happens, in words.
    """

    clock: VirtualClock
    random: Random
    note: Callable[[str], None] = lambda text: None
    latency: float | tuple[float, float] = LATENCY
    breaks: float = 0.0
    hosts: dict[str, Host] = field(factory=dict, init=False)
    in_flight: int = field(default=0, init=False)
    stalled: dict[Pipe, None] = field(factory=dict, init=False)
    _cut: dict[tuple[str, str], None] = field(factory=dict, init=False)
    _refusing: set[str] = field(factory=set, init=False)
    _hanging: set[str] = field(factory=set, init=False)

    # --- for tests ------------------------------------------------------------------------------------------------

    def cut(self, host: str, other: str = "") -> None:
        """
        Let no packet through to and from a host: connections get no answer, and those that stand fall silent.

        @param host: its name or an address of it.
        @param other: only between these two.
        @raise LookupError: there is no such host.
        """
        self._cut[self._named(host).name, self._named(other).name if other else ""] = None
        self.note(f"the network is cut at {host}" if not other else f"the network is cut between {host} and {other}")

    def refuse(self, host: str) -> None:
        """Let a host refuse all connections that are begun from now on."""
        self._refusing.add(self._named(host).name)
        self.note(f"{host} refuses connections")

    def hang(self, host: str) -> None:
        """Let a host establish connections and never say a word on those that are begun from now on."""
        self._hanging.add(self._named(host).name)
        self.note(f"{host} hangs")

    def reset(self, host: str) -> None:
        """Break all connections of a host."""
        self.note(f"the connections of {host} break")
        for each in list(self._named(host).sockets):
            each.broken()

    def heal(self, host: str) -> None:
        """Undo all that was done to a host; packets that waited come now."""
        named = self._named(host)
        self._cut = {cut: None for cut in self._cut if named.name not in cut}
        self._refusing.discard(named.name)
        self._hanging.discard(named.name)
        self.note(f"{host} is well again")
        stalled, self.stalled = self.stalled, {}
        for pipe in stalled:
            if self.is_cut(pipe.source, pipe.target):
                self.stalled[pipe] = None
            else:
                pipe.go_on()
        named.look()

    # --- for hosts ------------------------------------------------------------------------------------------------

    def join(self, host: Host) -> None:
        """
        Connect a host.

        @raise ValueError: an address is none, or somebody else's.
        """
        for address in host.addresses:
            taken = self.hosts.get(str(ipaddress.ip_address(address)))
            if taken is not None and taken is not host:
                raise ValueError(f"{address} is the address of {taken.name} already")
            self.hosts[str(ipaddress.ip_address(address))] = host

    def host_of(self, source: Host, address: str) -> Host | None:
        """Return who has an address, seen from a host."""
        return source if ipaddress.ip_address(address).is_loopback else self.hosts.get(address)

    def refuses(self, host: Host) -> bool:
        """Whether connections to it are refused."""
        return host.name in self._refusing

    def hangs(self, host: Host) -> bool:
        """Whether connections to it come to nothing."""
        return host.name in self._hanging

    def is_cut(self, source: Host, target: Host) -> bool:
        """Whether packets from one to the other wait."""
        if source is target or not self._cut:
            return False
        ends: Collection[str] = (source.name, target.name)
        return any(one in ends and (other in ends or not other) for one, other in self._cut)

    def some_latency(self) -> float:
        """Return the seconds that one packet takes."""
        if isinstance(self.latency, tuple):
            return self.random.uniform(*self.latency)
        return self.latency

    def breaks_now(self) -> bool:
        """Whether this packet is one that takes its connection with it."""
        return self.breaks > 0 and self.random.random() < self.breaks

    def _named(self, name: str) -> Host:
        for host in self.hosts.values():
            if name.lower() == host.name.lower() or name in host.addresses:
                return host
        known = ", ".join(dict.fromkeys(host.name for host in self.hosts.values())) or "nobody"
        raise LookupError(f"{name!r} is no host of this network, which has {known}")
