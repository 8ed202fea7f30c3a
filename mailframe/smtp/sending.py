"""Sending over real connections: each host of a next hop in turn, TLS as demanded, and connections kept for the next.

A connection is begun with the greeting, TLS and login, carries one transaction after another, and ends when nobody has
wanted it for a while, after a bounded number of messages, or when the server says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mailframe.hooks import Delivery, Failed, Outcome, Retry
from mailframe.journal.events import Contacted
from mailframe.mailauth.tls_policy import Policies, TLSPolicyFailure, TLSRequirement, check, check_unencrypted
from mailframe.mailauth.tls_results import PolicyType, PolicyUsed, ResultType
from mailframe.mailauth.tls_rpt import Collector, TLSSession
from mailframe.net.client_tls import ClientTLS, ClientTLSFor, channel_binding, peer_chain
from mailframe.net.conversation import ConversationOver
from mailframe.net.outgoing import Outgoing, TLSFailed, Unreachable, dial
from mailframe.net.tls import tls_info
from mailframe.site import TCP, UNIX, Site
from mailframe.smtp.client.limits import DEFAULT, ClientLimits
from mailframe.smtp.client.login import Credentials, log_in
from mailframe.smtp.client.outcomes import Stale, Unusable
from mailframe.smtp.client.plan import CannotCarry
from mailframe.smtp.client.replies import ReplyReader
from mailframe.smtp.client.session import ClientSession, Results
from mailframe.smtp.kept import Kept

CONNECT_SECONDS = 30.0
"""How long one address may take to answer."""
IDLE_SECONDS = 5.0
"""How long a connection is kept for the next message."""
IDLE_CONNECTIONS = 100
"""Connections that are kept at most."""
MESSAGES = 100
"""Messages that one connection carries."""
STOP_SECONDS = 6.0
"""How long a connection may take to end when the server stops: a little longer than for the reply to QUIT."""

_log = Logger()


@frozen
class Host:
    """
    One server of a next hop.

    @ivar name: its host name, for TLS and for reports.
    @ivar peers: where it listens, in the order to be tried.
    @ivar required: what TLS with it must be like.
    """

    name: str
    peers: Sequence[TCP | UNIX]
    required: TLSRequirement


Hosts = Callable[[], "Awaitable[Sequence[Callable[[], Awaitable[Host]]]]"]
"""Finds the servers of a next hop: each is looked up only when those before it could not be used."""


@frozen(eq=False)
class Hop:
    """
    Where mail goes next.

    @ivar key: connections of one key are alike.
    @ivar hosts: finds its servers; L{Unusable} from either call means that there is none, or not this one.
    @ivar lmtp: speak LMTP.
    @ivar implicit_tls: TLS begins before SMTP does (RFC 8314).
    @ivar credentials: to log in with.
    @ivar certificate: path of a PEM file with our key and certificate, shown in TLS; empty shows none.
    """

    key: str
    hosts: Hosts
    lmtp: bool = False
    implicit_tls: bool = False
    credentials: Credentials | None = None
    certificate: str = ""


@define(eq=False)
class _Link:
    """
    A connection that was begun, and the session over it.

    @ivar tls: how it is protected, for the journal.
    """

    connection: Outgoing
    session: ClientSession
    host: Host
    tls: str = ""


@define(eq=False)
class Sender:
    """
    Sends, and keeps connections.

    @ivar site: the world.
    @ivar policies: what TLS with servers must be like.
    @ivar collector: counts how that went; C{None} counts nothing.
    """

    site: Site
    limits: ClientLimits = DEFAULT
    policies: Policies = Policies()
    collector: Collector | None = None
    idle_seconds: float = IDLE_SECONDS
    idle_connections: int = IDLE_CONNECTIONS
    messages: int = MESSAGES
    _tls: ClientTLS = field(factory=ClientTLS, init=False)
    _idle: Kept[_Link] = field(factory=Kept, init=False)
    _links: dict[Outgoing, _Link] = field(factory=dict, init=False)
    _open: set[Outgoing] = field(factory=set, init=False)
    _stopped: Deferred[None] | None = field(default=None, init=False)

    async def send(self, delivery: Delivery, hop: Hop) -> Results:
        """Deliver a message by one connection, and return an outcome for each recipient."""
        try:
            while (link := self._idle.take(hop.key)) is not None:
                try:
                    return await self._transact(link, delivery, hop)
                except (Stale, ConversationOver):
                    continue  # it had died while nobody looked
                except CannotCarry as problem:
                    if not problem.elsewhere:
                        raise
                    break
            return await self._anew(delivery, hop)
        except Unusable as problem:
            return _all(delivery, problem.outcome)

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        """
        End all connections: after what they are just doing, those that take longer than that at once. Nothing is left.

        @param seconds: how long they may take.
        """
        self._idle.clear()
        if self._open:
            self._stopped = Deferred()
            for connection in list(self._open):
                if connection in self._links:
                    connection.close()
                else:  # it is waiting for the server to close its side
                    connection.abort()
            cut = self.site.clock.callLater(seconds, self._cut)
            await self._stopped
            if cut.active():
                cut.cancel()

    def _cut(self) -> None:
        for connection in list(self._open):
            connection.abort()

    # --- connections ----------------------------------------------------------------------------------------------

    def _keep(self, link: _Link, key: str) -> None:
        if link.session.over or link.session.transactions >= self.messages or self._stopped is not None:
            link.connection.close()
        elif not link.connection.closed:
            self._idle.add(key, link)
            if len(self._idle) > self.idle_connections:  # those of this moment are the likeliest to be used again
                self._idle.take_oldest().connection.close()

    def _gone(self, connection: Outgoing) -> None:
        gone = self._links.pop(connection, None)
        if gone is not None:
            self._idle.discard(gone)
        if self._stopped is not None:
            connection.abort()

    def _ended(self, connection: Outgoing) -> None:
        self._open.discard(connection)
        if not self._open and self._stopped is not None and not self._stopped.called:
            self._stopped.callback(None)

    async def _anew(self, delivery: Delivery, hop: Hop) -> Results:
        """Try the servers of the hop, the best one first."""
        problem: Unusable | None = None
        for find in await hop.hosts():
            try:
                host = await find()
                link = await self._begun(host, hop)
            except Unusable as error:
                _log.info("{message} {host}: {problem}", message=delivery.id, host=hop.key, problem=str(error))
                problem = _worse(problem, error)
                self._note(delivery, error.outcome.remote or hop.key, problem=error.outcome.text)
                continue
            try:
                return await self._transact(link, delivery, hop)
            except ConversationOver:
                problem = Unusable(Retry("4.4.2", f"{host.name} closed the connection", host.name))
                self._note(delivery, host.name, link, problem.outcome.text)
            except CannotCarry as error:
                self._note(delivery, host.name, link, error.outcome.text)
                if not error.elsewhere:
                    raise
                problem = _worse(problem, error)
        raise problem or Unusable(Retry("4.4.4", f"{hop.key} has no servers"))

    async def _transact(self, link: _Link, delivery: Delivery, hop: Hop) -> Results:
        try:
            planned = link.session.plan(delivery)
            results = await link.connection.run(lambda: link.session.transact(planned))
        finally:
            self._keep(link, hop.key)
        self._note(delivery, link.host.name, link)
        return results

    def _note(self, delivery: Delivery, name: str, link: _Link | None = None, problem: str = "") -> None:
        """Tell the journal of a server that was talked to, or could not be."""
        if self.site.journal is None:
            return
        tls, policy = ("", "") if link is None else (link.tls, _words(link.host.required))
        self.site.journal.note([Contacted(self.site.clock.seconds(), delivery.id, name, tls, policy, problem)])

    async def _begun(self, host: Host, hop: Hop) -> _Link:
        """
        Connect to a host, up to where it takes mail.

        @raise Unusable: it cannot be used.
        """
        try:
            return await self._connected(host, hop, host.required.offers or hop.implicit_tls)
        except TLSFailed as error:
            text = f"TLS with {host.name} failed: {error}"
            if hop.implicit_tls:
                raise Unusable(Retry("4.7.5", text, host.name)) from None
            self._judge(host, None, lambda: check_unencrypted(host.required, ResultType.VALIDATION_FAILURE, text))
        # Whoever would take no TLS at all is better served than not at all (RFC 7435).
        return await self._connected(host, hop, tls=False)

    async def _connected(self, host: Host, hop: Hop, tls: bool) -> _Link:
        try:
            creator = self._tls.to(host.required.server_name or host.name, hop.certificate)
        except ValueError as error:
            raise Unusable(Retry("4.3.5", str(error))) from None
        try:
            connection = await dial(self.site, host.peers, self._connection, CONNECT_SECONDS)
        except Unreachable as error:
            text = f"{host.name} cannot be reached: {error}"
            raise Unusable(Retry("4.4.1", text, host.name)) from None
        reader = ReplyReader(connection.inbox, self.limits.reply_line, self.limits.reply_lines)
        session = ClientSession(connection, reader, host.name, self.site.hostname, hop.lmtp, self.limits)
        link = self._links[connection] = _Link(connection, session, host)
        self._open.add(connection)
        connection.on_closed, connection.on_end = self._gone, self._ended
        try:
            await connection.run(lambda: self._begin(link, host, hop, creator if tls else None))
        except ConversationOver:
            raise Unusable(Retry("4.4.2", f"{host.name} closed the connection", host.name)) from None
        protection = tls_info(connection.transport)
        link.tls = "" if protection is None else f"{protection.version} {protection.cipher}"
        return link

    async def _begin(self, link: _Link, host: Host, hop: Hop, tls: ClientTLSFor | None) -> None:
        """Greet, protect and log in; whoever cannot be used is told goodbye."""
        try:
            if tls is not None and hop.implicit_tls:
                await self._protect(link, host, tls)
            await link.session.greet()
            if tls is not None and not hop.implicit_tls:
                await self._start_tls(link, host, tls)
            if hop.credentials is not None:
                connection = link.connection
                await log_in(link.session, hop.credentials, connection.private, channel_binding(connection.transport))
        except Unusable:
            if not link.session.over:  # a server that has not answered, or has said 421, would not answer now
                await link.session.quit()
            raise

    async def _start_tls(self, link: _Link, host: Host, tls: ClientTLSFor) -> None:
        session = link.session
        if "STARTTLS" in session.offers:
            reply = await session.command("STARTTLS", self.limits.small)
            if reply.code == 220:
                await self._protect(link, host, tls)
                await session.hello()
                return
            text = f"{host.name} said: {reply}"
        else:
            text = f"{host.name} does not offer TLS"
        self._judge(host, link.connection, lambda: check_unencrypted(host.required, text=text))

    async def _protect(self, link: _Link, host: Host, tls: ClientTLSFor) -> None:
        connection, required = link.connection, host.required
        if required.roots is None:
            required = evolve(required, roots=self.site.roots)
        await connection.start_client_tls(tls, self.limits.handshake)
        chain, now = peer_chain(connection.transport), self.site.clock.seconds()
        self._judge(host, connection, lambda: check(required, chain, (host.name,), now))

    def _judge(self, host: Host, connection: Outgoing | None, check_it: Callable[[], TLSPolicyFailure | None]) -> None:
        """
        Hold a connection to its policy, and count how that went.

        @raise Unusable: nothing may be sent over it.
        """
        required, sides = host.required, _sides(connection)
        try:
            failure = check_it()
        except TLSPolicyFailure as error:
            raise self.unusable(error, host.name, required.reported, sides) from None
        if required.reported:
            self._count(required.policy, failure, host.name, sides)

    def unusable(
        self, failure: TLSPolicyFailure, name: str, reported: bool = True, sides: tuple[str, str] = ("", "")
    ) -> Unusable:
        """Return that TLS makes a server unusable, and count that."""
        if reported:
            self._count(failure.policy, failure, name, sides)
        return Unusable(Retry("4.7.5", str(failure), name))

    def _count(self, policy: PolicyUsed, failure: TLSPolicyFailure | None, name: str, sides: tuple[str, str]) -> None:
        if self.collector is None:
            return
        session = TLSSession(policy)
        if failure is not None:
            session = TLSSession(
                failure.policy,
                failure.result,
                sending_mta_ip=sides[0],
                receiving_mx_hostname=name,
                receiving_ip=sides[1],
                reason=failure.text,
            )
        Deferred.fromCoroutine(self.collector.record(session, self.site.clock.seconds()))

    def _connection(self) -> Outgoing:
        return Outgoing(self.site, self._goodbye, self.idle_seconds)

    async def _goodbye(self, connection: Outgoing) -> None:
        """End a connection politely."""
        link = self._links.get(connection)
        if link is not None and not link.session.over:
            await link.session.quit()


def _sides(connection: Outgoing | None) -> tuple[str, str]:
    """Return the addresses of the two ends of a connection."""
    if connection is None or connection.gone:
        return "", ""
    ours, theirs = connection.transport.getHost(), connection.transport.getPeer()
    return getattr(ours, "host", ""), getattr(theirs, "host", "")


def _words(required: TLSRequirement) -> str:
    """Say what TLS had to be like, and who wants that if it is the recipient's domain."""
    source = " by MTA-STS" if required.policy.type is PolicyType.STS else ""
    return f"{required.level.name.lower()}{source}{'' if required.enforced else ', not enforced'}"


def _all(delivery: Delivery, outcome: Outcome) -> Results:
    return {recipient.address: outcome for recipient in delivery.recipients}


def _worse(first: Unusable | None, second: Unusable) -> Unusable:
    """Of two reasons the one that leaves hope counts: another server may still take it later."""
    if first is not None and isinstance(second.outcome, Failed) and not isinstance(first.outcome, Failed):
        return first
    return second
