"""A whole world in one process: servers as users configure them, DNS and a network in memory, and virtual time.

::

    with World(seed=1) as world:
        world.dns["example.org"] = {"MX": [MX(10, "mx.example.org")]}
        world.start(server)
        world.send("ann@example.net", ["bob@example.org"], "Subject: hello", to="mx.example.org")
        world.advance(hours=4)
        [mail] = world.mailbox("bob@example.org")

Nothing leaves the process: data and certificates stand in a directory of the world's own, which goes with it. What
happens is decided by the seed alone: the same world with the same seed has the same history.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Awaitable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from email.message import EmailMessage
from random import Random
from types import TracebackType
from typing import Any, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred

from mailframe.address import Address
from mailframe.config import Server
from mailframe.hooks import Outcome
from mailframe.interfaces import Queued, Selection
from mailframe.testing import mailboxes
from mailframe.testing.authority import Authority
from mailframe.testing.dns import FakeDNS
from mailframe.testing.happenings import Event, Happenings
from mailframe.testing.machine import Machine, settled_in
from mailframe.testing.mailboxes import Mail
from mailframe.testing.network import Host, Network
from mailframe.testing.outsider import Outsider
from mailframe.testing.programs import FakePrograms
from mailframe.testing.talking import Talk
from mailframe.testing.virtual_time import START, VirtualClock

T = TypeVar("T")

OUTSIDE = "198.51.100.1"
"""The address of those who send, where nothing else is said."""
EVERYTHING = Selection()
"""All that is in a queue."""
PATIENCE_SECONDS = 86_400.0
"""Virtual time in which something that is waited for must happen."""


@define(eq=False)
class World:
    """
    @ivar seed: decides about everything that is random.
    @ivar start_time: when it begins, seconds since the epoch.
    @ivar dns: what all machines ask.
    @ivar network: what is between them.
    @ivar clock: the time of all.
    @ivar directory: where their files are.
    @ivar authority: issues certificates that all machines trust.
    @ivar programs: what the programs do that servers run, as C{world.programs.acts["/usr/bin/procmail"] = function}.
    """

    seed: int = 0
    start_time: float = START
    dns: FakeDNS = field(factory=FakeDNS, init=False)
    clock: VirtualClock = field(init=False)
    network: Network = field(init=False)
    directory: str = field(init=False)
    authority: Authority = field(init=False)
    programs: FakePrograms = field(factory=FakePrograms, init=False)
    machines: dict[str, Machine] = field(factory=dict, init=False)
    _happenings: Happenings = field(init=False)
    _outsiders: dict[str, Outsider] = field(factory=dict, init=False)
    _closed: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.clock = VirtualClock(self.start_time)
        self.directory = tempfile.mkdtemp(prefix="mailframe-world-")
        self._happenings = Happenings(self.clock, lambda text: text.replace(self.directory, "DIRECTORY"))
        self._happenings.start()
        self.network = Network(self.clock, self._random("network"), self._happenings.note)
        self.authority = Authority(self.start_time)

    # --- machines -------------------------------------------------------------------------------------------------

    def start(self, server: Server, address: str | Sequence[str] = ()) -> Machine:
        """
        Start a server on a machine of its own, and wait until it serves.

        Where its C{certificates} do not exist, the world's authority has issued some; its data is kept in the world's
        directory. A server of a name that was there before finds the data of that one. The DNS learns its address,
        unless it knows the name already.

        @param address: one IP address or several; by default the next one of 192.0.2.0/24.
        @raise Exception: whatever kept it from starting.
        """
        settled = settled_in(server, self.directory, self._certificate)
        host = self._host(server.hostname, [address] if isinstance(address, str) else address)
        before = self.machines.get(host.name)
        random = self._random(host.name) if before is None else before.random
        machine = Machine(settled, host, self.network, random, self.dns, self.authority.roots, self.programs)
        self.machines[host.name] = machine
        self.run(machine.start())
        return machine

    def stop(self, name: str) -> None:
        """Stop a server as SIGTERM does; L{restart} starts it again."""
        self.run(self._machine(name).stop())

    def restart(self, name: str) -> None:
        """Start a server again, after stopping it if it runs."""
        if self._machine(name).service is not None:
            self.stop(name)
        self.run(self._machine(name).start())

    def crash(self, name: str) -> None:
        """
        Kill a server as SIGKILL does. To start it again build it anew and L{start} it: it finds its data, and nothing
        that was in memory alone.
        """
        self._machine(name).crash()

    def certificate(self, name: str, *names: str) -> str:
        """Return a directory for C{certificates=} with a certificate of the world's authority for these names."""
        return self.authority.issue(name, *names).save(tempfile.mkdtemp(prefix="tls-", dir=self.directory))

    # --- mail -----------------------------------------------------------------------------------------------------

    def send(
        self,
        sender: str,
        recipients: Collection[str],
        message: str | bytes | EmailMessage,
        to: str,
        source: str = OUTSIDE,
        **options: Any,
    ) -> Mapping[str, Outcome]:
        """
        Send a message to a server, as another server or a user's program does, and let the network settle.

        @param sender: empty is the null sender.
        @param message: text gets its line ends as the network has them.
        @param to: the server's name or IP address.
        @param source: the IP address that it comes from.
        @param options: see L{mailframe.testing.outsider.Outsider.send}: C{port}, C{login} and others.
        @return: what became of it for each recipient, with the server's words: L{mailframe.hooks.Delivered} says only
            that the server has taken it.
        """
        outcomes = self.run(self._outsider(source).send(sender, recipients, message, to, **options))
        self.settle()
        return outcomes

    def talk(self, to: str, port: int = 25, source: str = OUTSIDE, *, tls: bool = False) -> Talk:
        """
        Connect to a server and talk to it by hand: SMTP, IMAP, POP3 or whatever it is::

            imap = world.talk("mx.example.org", 993, tls=True)
            assert "OK" in imap.say("a LOGIN ann@example.org secret")

        @param tls: TLS begins before all else; see L{Talk.start_tls}.
        @raise twisted.internet.error.ConnectError: there is no connection to be had.
        """
        return self.run(self._outsider(source).talk(to, port, Talk(to, self.settle), tls))

    def mailbox(self, address: str, mailbox: str = "INBOX", on: str = "") -> Sequence[Mail]:
        """
        Return the mail in a mailbox of an account, oldest first.

        @param on: the name of the server; by default whichever has the account.
        @raise LookupError: there is no such account on any server that runs.
        """
        for name, machine in self.machines.items():
            if machine.service is not None and on in ("", name):
                found = self.run(mailboxes.read(machine.server, Address.parse(address), mailbox))
                if found is not None:
                    return found
        raise LookupError(f"no server that runs has an account {address}")

    def queue(self, name: str, selection: Selection = EVERYTHING, limit: int = 1000) -> Sequence[Queued]:
        """
        Return what waits in a server's queue, a recipient each, the oldest first.

        @raise LookupError: there is no such server, or it has no queue.
        """
        found: Sequence[Queued] = self.run(self._machine(name).queue.inspect(selection, limit=limit))
        return found

    def add_account(self, address: str, password: str) -> None:
        """
        Make an account on the server that has its domain: the first one that keeps accounts and has a route for it.

        @raise LookupError: none has.
        """
        parsed = Address.parse(address)
        for machine in self.machines.values():
            accounts = machine.server.accounts
            if machine.service is not None and accounts is not None and mailboxes.is_at(machine.server, parsed):
                self.run(accounts.add_account(parsed, password))
                return
        raise LookupError(f"no server that runs keeps accounts for {parsed.domain}")

    # --- time -----------------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """The virtual time, seconds since the epoch."""
        return self.clock.seconds()

    def advance(self, seconds: float = 0.0, *, minutes: float = 0.0, hours: float = 0.0, days: float = 0.0) -> None:
        """
        Let time pass; all that is due happens at its time.

        @raise WorldFailed: something failed that should not; see L{expecting}.
        """
        end = self.now + seconds + 60.0 * minutes + 3600.0 * hours + 86400.0 * days
        while self.clock.step(end):
            pass
        self._happenings.check()

    def settle(self) -> None:
        """
        Let time pass until no packet is under way: a matter of moments, unless servers talk for ever.

        @raise WorldFailed: something failed that should not; see L{expecting}.
        """
        end = self.now + PATIENCE_SECONDS
        while (self.network.in_flight or self.clock.next_call() == self.now) and self.clock.step(end):
            pass
        self._happenings.check()

    def run(self, awaitable: Awaitable[T]) -> T:
        """
        Let time pass until something is done, and return its result.

        @raise WorldFailed: something else failed meanwhile.
        @raise TimeoutError: it is not done within a day.
        """
        results: list[Any] = []
        failures: list[Any] = []
        Deferred.fromCoroutine(_awaited(awaitable)).addCallbacks(results.append, failures.append)
        end = self.now + PATIENCE_SECONDS
        while not (results or failures):
            if not self.clock.step(end):
                raise TimeoutError(f"{awaitable} is not done after a day")
        self._happenings.check()
        if failures:
            failures[0].raiseException()
        result: T = results[0]
        return result

    # --- what happened --------------------------------------------------------------------------------------------

    @property
    def events(self) -> Sequence[Event]:
        """All that happened: what the servers log, and the network's turns."""
        return self._happenings.events

    @property
    def log(self) -> str:
        """The same as text, a line each."""
        return "".join(f"{event}\n" for event in self.events)

    def expecting(self, *errors: type[BaseException]) -> AbstractContextManager[Any]:
        """
        Bear failures of these types within: log entries with a traceback, which otherwise fail the test.

        @return: a context manager that gives the list of failures; it raises L{WorldFailed} if there was none.
        """
        return self._happenings.expecting(*errors)

    # --- the end --------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """
        Stop all servers, and remove their files.

        @raise WorldFailed: something failed that should not.
        """
        if self._closed:
            return
        self._closed = True
        try:
            for machine in self.machines.values():
                if machine.service is not None:
                    self.run(machine.stop())
        finally:
            self._abandon()
        self._happenings.check()

    def _abandon(self) -> None:
        self._closed = True
        for machine in self.machines.values():
            if machine.service is not None:
                machine.crash()
        self._happenings.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> World:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._abandon()

    # --- inside ---------------------------------------------------------------------------------------------------

    def _random(self, what: str) -> Random:
        return Random(f"{self.seed} {what}")

    def _machine(self, name: str) -> Machine:
        if name not in self.machines:
            raise LookupError(f"{name!r} was never started here, but {', '.join(self.machines) or 'nobody'} was")
        return self.machines[name]

    def _host(self, name: str, addresses: Iterable[str]) -> Host:
        before = self.machines.get(name)
        if before is not None and before.service is not None:
            raise RuntimeError(f"{name} runs already")
        own = tuple(addresses)
        if before is not None and own in ((), before.host.addresses):
            return before.host
        if not own:
            own = (f"192.0.2.{len(self.machines) + 1}",)
        host = Host(name, own)
        self.network.join(host)
        self.dns.introduce(name, own)
        return host

    def _outsider(self, address: str) -> Outsider:
        host = self.network.hosts.get(address)
        if host is None:
            host = Host("client.example.com", (address,))
            self.network.join(host)
        outsider = self._outsiders.get(address)
        if outsider is None:
            outsider = self._outsiders[address] = Outsider(self.network, host, self.dns, self._random(address))
        return outsider

    def _certificate(self, name: str, directory: str) -> str:
        return self.authority.issue(name).save(directory)


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable
