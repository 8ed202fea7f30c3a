"""A stub resolver: asks recursive servers, several if need be, follows aliases and remembers (RFC 1034 5.3.1)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, evolve, field
from twisted.internet import defer
from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailframe.interfaces import IResolver
from mailframe.net.dns import messages
from mailframe.net.dns.answers import Answer, NoAnswer, NoRecords, NoSuchName, ServerFailed
from mailframe.net.dns.cache import TTL_FLOOR, Cache, Key, Known
from mailframe.net.dns.confirmed import confirmed_names
from mailframe.net.dns.messages import BadReply, Record, Reply
from mailframe.net.dns.resolv_conf import is_loopback, system_servers
from mailframe.net.dns.sockets import PORT, Exchange, Sockets, Unreachable

TRY_SECONDS = (1.5, 3.0, 5.0)
"""How long a server may take in the first round, the second and the third."""
TOTAL_SECONDS = 20.0
"""How long a question may take with all its rounds, servers and aliases."""
ALIASES = 8
"""CNAMEs followed for one question: a longer chain is a loop."""
IN_FLIGHT = 500
"""Questions out at once, each with a socket of its own; more wait for their turn."""
RESTING_SECONDS = 30.0
"""For so long a server that did not answer is asked only after the others."""


@implementer(IResolver)
@define(eq=False)
class Resolver:
    """
    @ivar clock: for deadlines and for how long answers hold.
    @ivar servers: IP addresses of recursive servers, the best first.
    @ivar exchange: asks one of them.
    @ivar validating: those whose word that an answer is authentic (the AD bit) is taken; the way to them must be safe
        too, so by default they are the servers on this machine.
    """

    clock: IReactorTime
    servers: Sequence[str]
    exchange: Exchange
    validating: frozenset[str] = field()
    random: Callable[[int], bytes] = secrets.token_bytes
    port: int = PORT
    cache: Cache = field(factory=Cache)
    _asking: dict[Key, list[Deferred[Known]]] = field(factory=dict, init=False)
    _turns: DeferredSemaphore = field(factory=lambda: DeferredSemaphore(IN_FLIGHT), init=False)
    _silent: dict[str, float] = field(factory=dict, init=False)

    @validating.default
    def _loopback(self) -> frozenset[str]:
        return frozenset(server for server in self.servers if is_loopback(server))

    @classmethod
    def of(cls, reactor: Any, servers: Sequence[str] | None = None, **options: Any) -> Resolver:
        """Return a resolver on real sockets that asks these servers, or those of C{/etc/resolv.conf}."""
        return cls(reactor, system_servers() if servers is None else servers, Sockets(reactor), **options)

    async def query(self, name: str, type: str) -> Answer:
        """
        Ask for the records of a name.

        @param name: in ASCII, fully qualified, with or without a final dot.
        @param type: such as C{MX}, or C{TYPE65} for one without a name here.
        @raise NoSuchName: there is no such name.
        @raise NoRecords: it has no such records.
        @raise ServerFailed: the servers cannot tell.
        @raise NoAnswer: they do not answer.
        @raise ValueError: there is no such type.
        """
        key = (name.lower().removesuffix("."), messages.type_number(type))
        known = self.cache.get(key, self.clock.seconds())
        if known is None:
            known = await self._learnt(key)
        if isinstance(known, Answer):
            return known
        raise known(f"the DNS has no {type} records of that name")

    async def names(self, address: str) -> Sequence[str]:
        """Return the host names of an IP address that lead back to it."""
        return await confirmed_names(self.query, address)

    # --- one question at a time ------------------------------------------------------------------------------------

    def _learnt(self, key: Key) -> Deferred[Known]:
        """Ask, or wait with those who asked the same already; who gives up leaves the others waiting."""
        waiting: Deferred[Known] = Deferred()
        asking = self._asking.get(key)
        if asking is not None:
            asking.append(waiting)
            return waiting
        self._asking[key] = [waiting]
        Deferred.fromCoroutine(self._learn(key)).addBoth(self._tell, key)
        return waiting

    def _tell(self, result: Any, key: Key) -> None:
        for waiting in self._asking.pop(key):
            if not waiting.called:
                waiting.callback(result)

    async def _learn(self, key: Key) -> Known:
        await self._turns.acquire()
        try:
            known, ttl = await self._follow(*key)
        finally:
            self._turns.release()
        self.cache.put(key, known, ttl, self.clock.seconds())
        return known

    async def _follow(self, name: str, type: int) -> tuple[Known, float]:
        """Ask for a name, and where that is an alias and the server does not say more, for what it stands for."""
        deadline = self.clock.seconds() + TOTAL_SECONDS
        authenticated, ttls, aliases = True, [], 0
        while True:
            try:
                asked = messages.question(name, type)
            except ValueError:  # what cannot be a name does not exist
                return NoSuchName, TTL_FLOOR
            reply = await self._ask(asked, deadline)
            chain, records = _resolved(reply.answers, name, type)
            authenticated = authenticated and reply.authenticated
            ttls += [record.ttl for record in (*chain, *records)]
            aliases += len(chain)
            if aliases > ALIASES:
                raise ServerFailed("an alias leads in circles")
            if records:
                ttl = float(min(ttls))
                return Answer(tuple(record.value for record in records), authenticated, ttl), ttl
            if reply.rcode == messages.NXDOMAIN or not chain:
                kind = NoSuchName if reply.rcode == messages.NXDOMAIN else NoRecords
                return kind, float(min([*ttls, reply.negative_ttl or 0]))
            name = chain[-1].value

    # --- servers ---------------------------------------------------------------------------------------------------

    async def _ask(self, asked: bytes, deadline: float) -> Reply:
        """Ask one server after the other, in rounds."""
        failed = False
        for seconds in TRY_SECONDS:
            silent = False
            for server in self._in_order():
                left = deadline - self.clock.seconds()
                if left <= 0:
                    break
                try:
                    reply = await self._ask_one(server, asked, min(seconds, left))
                except (defer.TimeoutError, Unreachable, BadReply):
                    silent = True
                    self._silent[server] = self.clock.seconds() + RESTING_SECONDS
                    continue
                self._silent.pop(server, None)
                if reply.rcode in (messages.NOERROR, messages.NXDOMAIN):
                    return reply
                failed = True
            if not silent:  # all have answered, and asking again would not change it
                break
        raise ServerFailed("the DNS servers fail") if failed else NoAnswer("no DNS server answers")

    def _in_order(self) -> list[str]:
        now = self.clock.seconds()
        return sorted(self.servers, key=lambda server: self._silent.get(server, 0.0) > now)

    async def _ask_one(self, server: str, asked: bytes, seconds: float) -> Reply:
        reply = await self._exchanged(server, asked, seconds, by_tcp=False)
        if reply.truncated:
            reply = await self._exchanged(server, asked, seconds, by_tcp=True)
        return reply

    async def _exchanged(self, server: str, asked: bytes, seconds: float, by_tcp: bool) -> Reply:
        number = int.from_bytes(self.random(2), "big")

        def accepts(data: bytes) -> bool:
            return messages.answers_to(data, number, asked)

        waiting = self.exchange(server, self.port, messages.query(number, asked), accepts, by_tcp)
        reply = messages.parse(await waiting.addTimeout(seconds, self.clock))
        return _trusted(reply, server in self.validating)


def _trusted(reply: Reply, trusted: bool) -> Reply:
    return reply if trusted else evolve(reply, authenticated=False)


def _resolved(answers: Sequence[Record], name: str, type: int) -> tuple[list[Record], list[Record]]:
    """Return the aliases that lead away from a name, in order, and the records of the name they end at."""
    aliases = {record.name: record for record in answers if record.type == messages.TYPES["CNAME"]}
    chain: list[Record] = []
    while type != messages.TYPES["CNAME"] and name in aliases and len(chain) <= ALIASES:
        chain.append(aliases[name])
        name = aliases[name].value
    return chain, [record for record in answers if record.name == name and record.type == type]
