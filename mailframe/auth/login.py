"""The door to all services: default domain, plain-text policy, throttling and the log, around any authenticator."""

from __future__ import annotations

import ipaddress
from typing import Any

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailframe.auth.throttle import Throttle, ThrottleLimits
from mailframe.errors import BadCredentials
from mailframe.hooks import Client
from mailframe.interfaces import IAuthenticator, Identity, Password
from mailframe.site import Site, provides

_log = Logger()

CREDENTIAL_CHARACTERS = 1024
"""The longest user name or password that is looked at; hashing more would only be work for an attacker."""


@frozen
class LoginPolicy:
    """
    Where passwords are taken, and how much guessing is borne.

    @ivar plaintext: accept passwords on unprotected connections from anywhere, not only from this machine.
    """

    plaintext: bool = False
    limits: ThrottleLimits = ThrottleLimits()


@define(eq=False)
class Login:
    """
    One door; services that share it share what it knows about failures.

    @ivar default_domain: added to a login name without one; C{None} adds nothing.
    """

    users: Any = field(validator=provides(IAuthenticator))
    site: Site
    policy: LoginPolicy = LoginPolicy()
    default_domain: str | None = None
    throttle: Throttle = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.throttle = Throttle(self.policy.limits)

    def allowed(self, client: Client) -> bool:
        """Whether a password may be sent over this connection as it is (RFC 8314 section 4)."""
        return client.tls is not None or self.policy.plaintext or is_loopback(client.address)

    async def attempt(self, credentials: Password, client: Client) -> Identity:
        """
        Check credentials. A failure is answered late, later each time.

        @raise BadCredentials: they are wrong, or too many were before.
        @raise Temporary: nobody can tell now.
        """
        username, clock = self._full_name(credentials.username), self.site.clock
        if self.throttle.refuses(client.address, username, clock.seconds()):
            _log.warn("{session} login refused: too many failures", session=client.session, client=client.address)
            await pause(clock, self.policy.limits.most_delay_seconds)
            raise BadCredentials("Authentication failed")
        try:
            identity = await self._check(evolve(credentials, username=username))
        except BadCredentials:
            delay = self.throttle.failed(client.address, username, clock.seconds())
            _log.warn(
                "{session} login failed for {user!r}",
                session=client.session,
                user=username[:100],
                client=client.address,
            )
            await pause(clock, delay)
            raise BadCredentials("Authentication failed") from None
        self.throttle.succeeded(client.address, username)
        _log.info("{session} login of {account}", session=client.session, account=identity.account)
        return identity

    async def _check(self, credentials: Password) -> Identity:
        if max(len(credentials.username), len(credentials.password)) > CREDENTIAL_CHARACTERS:
            raise BadCredentials("Authentication failed")
        identity: Identity = await self.users.authenticate(credentials)
        return identity

    def _full_name(self, username: str) -> str:
        if "@" in username or self.default_domain is None:
            return username
        return f"{username}@{self.default_domain}"


def is_loopback(address: str) -> bool:
    """Whether an IP address, or the empty one of a UNIX socket, is of this machine."""
    try:
        return not address or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


async def pause(clock: IReactorTime, seconds: float) -> None:
    """Wait on the clock."""
    over: Deferred[None] = Deferred()
    clock.callLater(seconds, over.callback, None)
    await over
