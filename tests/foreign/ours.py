"""A server of ours in the reactor of the tests, as a user configures one, with real disks, sockets, TLS and DNS."""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from mailframe import LMTP, MX, Address, Envelope, Message, Route, Runner, Server, SQLite, Submission, ToMailbox, ToMX
from mailframe.envelope import Recipient
from mailframe.interfaces import IResolver, Queued, Selection
from mailframe.service import real_site
from mailframe.testing import mailboxes
from mailframe.testing.mailboxes import Mail
from tests.mailauth.pki import Issued

SECONDS = 30.0
"""How long something may take that is waited for."""
PASSWORD = "secret"


async def until(said: Callable[[], Any]) -> Any:
    """Wait until something is there, and return it."""
    end = time.monotonic() + SECONDS
    while not (found := said()):
        assert time.monotonic() < end, "it does not happen"
        await deferLater(reactor, 0.02)
    return found


async def smtp(
    port: int,
    sender: str,
    to: Sequence[str],
    data: bytes,
    mail: Sequence[str] = (),
    rcpt: Sequence[str] = (),
    login: tuple[str, str] | None = None,
) -> None:
    """
    Send a message to a server on 127.0.0.1 by the standard library's SMTP; all recipients must be welcome.

    @param mail: parameters of MAIL, and C{rcpt} those of RCPT.
    @param login: user name and password, which are said over TLS.
    """

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", port, "client.test", SECONDS) as client:
            if login is not None:
                client.starttls(context=_anybody())
                client.login(*login)
            assert client.sendmail(sender, list(to), data, mail, rcpt) == {}

    await deferToThread(send)


def _anybody() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Ours:
    """
    A server whose users are those of one domain; other mail goes by C{routes}, or by the DNS.

    @ivar data: its SQLite.
    @ivar runner: sends its mail.
    """

    def __init__(
        self,
        folder: Path,
        hostname: str,
        resolver: IResolver | None = None,
        *,
        port: int = 0,
        lmtp: int = 0,
        address: str = "127.0.0.1",
        domains: Sequence[str] = (),
        catching: Sequence[str] = (),
        certificate: Sequence[Issued] = (),
        routes: Sequence[Route] = (),
        **options: Any,
    ) -> None:
        """
        @param folder: for its data and certificates.
        @param port: of its MX, and of all those that it sends to by the DNS.
        @param domains: whose users are here; by default C{hostname}.
        @param catching: patterns of domains whose mail C{bob} of the first of those gets.
        @param options: of its runner.
        """
        self.domains = domains or [hostname]
        self.data = SQLite(folder / "data")
        (folder / "tls").mkdir(parents=True)
        if certificate:
            pem = b"".join([certificate[0].pem_with_key, *(each.pem for each in certificate[1:])])
            (folder / "tls" / "ours.pem").write_bytes(pem)
        here = ToMailbox(self.data)
        bob = ToMailbox(self.data, catch_all=f"bob@{self.domains[0]}")
        ways = [*(Route(domain, here) for domain in self.domains), *(Route(each, bob) for each in catching)]
        ways += [*routes, Route("*", ToMX(port=port))]
        self.runner = Runner(self.data, ways, **options)
        loopback = "tcp:0:interface=127.0.0.1"
        self.server = Server(
            hostname,
            certificates=folder / "tls" if certificate else None,
            run=[self.data, self.runner],
            listen=[
                (f"tcp:{port}:interface={address}", MX(ways, queue=self.runner)),
                (loopback, Submission(ways, users=self.data, queue=self.runner)),
                (f"tcp:{lmtp}:interface=127.0.0.1", LMTP(ways, queue=self.runner)),
            ],
        )
        self._site = evolve(real_site(self.server, reactor), resolver=resolver)
        self._service = self.server.service(reactor, self._site)

    async def start(self, *users: str) -> Ours:
        """Start it, with accounts of these local parts in each of its domains."""
        serving = self._service.when_serving()
        self._service.startService()
        await serving
        for user in users:
            for domain in self.domains:
                await self.data.add_account(Address(user, domain), PASSWORD)
        return self

    async def stop(self) -> None:
        """Stop it."""
        await self._service.stopService()

    @property
    def ports(self) -> tuple[int, int, int]:
        """Where MX, submission and LMTP listen."""
        mx, submission, lmtp = (address.port for address in self._service.addresses()[:3])
        return mx, submission, lmtp

    async def submit(
        self, user: str, to: Sequence[str], data: bytes, mail: Sequence[str] = (), rcpt: Sequence[str] = ()
    ) -> None:
        """Let one of its users send a message, by another program's SMTP."""
        sender = f"{user}@{self.domains[0]}"
        await smtp(self.ports[1], sender, to, data, mail, rcpt, login=(sender, PASSWORD))

    async def send(self, user: str, to: Sequence[str], data: bytes) -> None:
        """Queue a message of one of its users."""
        recipients = tuple(Recipient(Address.parse(each)) for each in to)
        sender, number = Address(user, self.domains[0]), self._site.new_id()
        now = self._site.clock.seconds()
        await self.runner.put(number, Envelope(sender, recipients), Message.from_bytes(data), now)

    async def mail(self, user: str, count: int = 1) -> Sequence[Mail]:
        """Wait until a user of the first domain has so many messages, and return them."""
        end = time.monotonic() + SECONDS
        while len(found := await self.inbox(user)) < count:
            assert time.monotonic() < end, (
                f"{user} has {len(found)} messages, not {count}; queued: {await self.queued()}"
            )
            await deferLater(reactor, 0.02)
        return found

    async def inbox(self, user: str, domain: str = "") -> Sequence[Mail]:
        """Return what a user has by now."""
        return await mailboxes.read(self.server, Address(user, domain or self.domains[0]), "INBOX") or []

    async def queued(self) -> Sequence[Queued]:
        """Return what is in its queue."""
        return await self.data.queue.inspect(Selection())

    async def postponed(self, domain: str) -> Queued:
        """Wait until mail for a domain was tried in vain, and return what is known of it."""
        end = time.monotonic() + SECONDS
        while True:
            for each in await self.data.queue.inspect(Selection(destination=domain)):
                if each.outcome is not None:
                    return each
            assert time.monotonic() < end, f"nothing waits for {domain}: {await self.queued()}"
            await deferLater(reactor, 0.02)

    async def settled(self) -> None:
        """Wait until its queue is empty."""
        end = time.monotonic() + SECONDS
        while left := await self.queued():
            assert time.monotonic() < end, f"this does not go: {left}"
            await deferLater(reactor, 0.02)
