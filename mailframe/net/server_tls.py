"""TLS as a server: which certificate for which name, renewed files picked up, weak protocols refused.

Twisted's C{CertificateOptions} makes the contexts, with three repairs. Its ciphers for TLS 1.2 include those of the
CBC mode, which padding oracles have broken again and again, and some without forward secrecy. Its ALPN callback
refuses every client that offers protocols of which none is configured; ours goes on without one, as RFC 7301 3.2 lets
a server do. And the contexts are chosen here for each connection, so a renewed certificate serves the next client
without a restart.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define, field
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, IReactorTime
from twisted.internet.ssl import AcceptableCiphers, CertificateOptions, TLSVersion
from twisted.logger import Logger
from zope.interface import implementer

from mailframe.net.certificates import Certificate, CertificateError, Fingerprint, fingerprint, load_directory

CHECK_SECONDS = 30.0
"""How often, at most, the files are looked at for renewed certificates."""
EXPIRY_WARNING_SECONDS = 14 * 86400.0
"""A certificate that ends sooner is worth a warning: whatever renews it has failed (certbot does at 30 days)."""
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""
What TLS 1.2 may use: authenticated encryption with forward secrecy (RFC 9325 4.2); TLS 1.3 has nothing else. Port 25
needs no weaker ones: a server that speaks TLS 1.2 has one of these.
"""

_log = Logger()


@implementer(IOpenSSLServerConnectionCreator)
@define(eq=False)
class ServerTLS:
    """
    What listeners with implicit TLS and C{startTLS} take.

    @ivar directory: holds the certificates, see L{mailframe.net.certificates}.
    @ivar hostname: the certificate for this name serves clients that ask for no name or an unknown one;
        if there is none, the first does.
    @ivar check_seconds: how often, at most, the directory is looked at.
    """

    directory: str | os.PathLike[str]
    hostname: str
    clock: IReactorTime
    check_seconds: float = CHECK_SECONDS
    _contexts: Mapping[str, SSL.Context] = field(factory=dict, init=False)
    _default: SSL.Context | None = field(default=None, init=False)
    _fingerprint: Fingerprint | None = field(default=None, init=False)
    _checked: float = field(default=0.0, init=False)

    def load(self) -> None:
        """
        Read the certificates.

        @raise CertificateError: none can be used; those read before stay in service.
        """
        self._checked = self.clock.seconds()
        seen = fingerprint(self.directory)
        if seen == self._fingerprint:
            return
        made = [(certificate, self._context(certificate)) for certificate in load_directory(self.directory)]
        # Backwards: of two certificates for one name the first in the directory wins.
        self._contexts = {name: context for certificate, context in reversed(made) for name in certificate.names}
        self._default = self._find(self.hostname) or made[0][1]
        self._fingerprint = seen
        for certificate, _context in made:
            self._tell(certificate)

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        """Return the OpenSSL side of one new connection."""
        if self.clock.seconds() - self._checked >= self.check_seconds or self._default is None:
            self._reload()
        assert self._default is not None, "without one _reload raises"
        return SSL.Connection(self._default, None)

    def _reload(self) -> None:
        try:
            self.load()
        except CertificateError as error:
            if self._default is None:
                raise
            _log.error("certificates not read again, the old ones serve on: {error}", error=str(error))

    def _find(self, name: str) -> SSL.Context | None:
        """Return the context for a name, or for the wildcard one label up (RFC 9525 6.3)."""
        return self._contexts.get(name) or self._contexts.get("*." + name.partition(".")[2])

    def _context(self, certificate: Certificate) -> SSL.Context:
        # The stubs know only pyOpenSSL's own classes, which pyOpenSSL itself has deprecated for these.
        key: Any = certificate.key
        chain: Any = certificate.chain
        options = CertificateOptions(
            privateKey=key,
            certificate=chain[0],
            extraCertChain=chain[1:],
            raiseMinimumTo=TLSVersion.TLSv1_2,  # RFC 8996
            acceptableCiphers=AcceptableCiphers.fromOpenSSLCipherString(CIPHERS),
            enableSessions=True,
            enableSessionTickets=True,
        )
        context: SSL.Context = options.getContext()
        context.set_alpn_select_callback(_no_protocol)
        context.set_tlsext_servername_callback(self._choose)
        return context

    def _choose(self, connection: SSL.Connection) -> None:
        name = (connection.get_servername() or b"").decode("ascii", "replace").lower()
        context = self._find(name)
        if context is not None:
            connection.set_context(context)

    def _tell(self, certificate: Certificate) -> None:
        left = certificate.expires - self.clock.seconds()
        say = _log.info if left > EXPIRY_WARNING_SECONDS else _log.warn
        say(
            "certificate for {names} from {source} is valid for {days} more days",
            names=", ".join(certificate.names),
            source=certificate.source,
            days=int(left // 86400),
        )


def _no_protocol(_connection: SSL.Connection, _offered: Sequence[bytes]) -> Any:
    return SSL.NO_OVERLAPPING_PROTOCOLS
