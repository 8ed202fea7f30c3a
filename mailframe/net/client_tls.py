"""TLS as a client of mail servers: SNI, no protocol below TLS 1.2, and the peer's certificates left to whoever judges.

OpenSSL itself verifies nothing here: whether a certificate must fit, and what to (DANE, MTA-STS, a name or nothing), is
decided after the handshake and before anything is said (RFC 7672 2.2, RFC 8461 4.1).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from attrs import define, field
from cryptography import x509
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import CertificateOptions, TLSVersion
from zope.interface import implementer

from mailframe.sasl.client import Binding


@define(eq=False)
class ClientTLS:
    """Makes what C{startTLS} takes; one context for all connections."""

    _context: SSL.Context | None = field(default=None, init=False)

    def to(self, name: str, certificate: str = "") -> ClientTLSFor:
        """
        Return what begins TLS with a server.

        @param name: the server's host name for SNI; an IP address is not sent (RFC 6066 3).
        @param certificate: path of a PEM file with our key, our certificate and those that lead to its root; empty
            shows none. It is read for each connection: it may have been renewed.
        @raise ValueError: it cannot be used.
        """
        if certificate:
            return ClientTLSFor(_shown(_context(), certificate), name)
        if self._context is None:
            self._context = _context()
        return ClientTLSFor(self._context, name)


def _context() -> SSL.Context:
    context = CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_2).getContext()
    context.set_verify(SSL.VERIFY_NONE, _anybody)
    return context


def _shown(context: SSL.Context, certificate: str) -> SSL.Context:
    try:
        context.use_certificate_chain_file(certificate)
        context.use_privatekey_file(certificate)
        context.check_privatekey()
    except SSL.Error as error:
        reason = error.args[0][-1][-1] if error.args and error.args[0] else "it cannot be read"
        raise ValueError(f"{certificate} is no PEM file with a key and its certificate: {reason}") from None
    return context


@implementer(IOpenSSLClientConnectionCreator)
@define(eq=False)
class ClientTLSFor:
    """Begins TLS with one server."""

    context: SSL.Context
    name: str

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        """Return the OpenSSL side of a new connection."""
        connection = SSL.Connection(self.context, None)
        if self.name and not _is_address(self.name):
            connection.set_tlsext_host_name(self.name.encode("ascii"))
        return connection


def peer_chain(transport: Any) -> Sequence[x509.Certificate]:
    """Return the certificates that the server has sent, its own first; none without TLS."""
    handle: Any = getattr(transport, "getHandle", lambda: None)()
    if not hasattr(handle, "get_peer_cert_chain"):
        return ()
    return tuple(handle.get_peer_cert_chain(as_cryptography=True) or ())


def channel_binding(transport: Any) -> Binding | None:
    """
    Return what ties a login to the TLS of a connection: C{tls-exporter} (RFC 9266), before TLS 1.3 C{tls-unique}.

    @return: C{None} without TLS.
    """
    handle: Any = getattr(transport, "getHandle", lambda: None)()
    if not hasattr(handle, "get_protocol_version_name"):
        return None
    if handle.get_protocol_version_name() == "TLSv1.3":
        return Binding("tls-exporter", handle.export_keying_material(b"EXPORTER-Channel-Binding", 32, b""))
    # The first Finished of the handshake is the client's own: no session is ever resumed here (RFC 5929 3.1).
    return Binding("tls-unique", handle.get_finished())


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _anybody(*_what: object) -> bool:
    return True
