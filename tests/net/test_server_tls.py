"""The server's TLS: the right certificate for each name, renewed ones taken up, old protocols and ALPN as they must be.

Handshakes run in memory, a client of OpenSSL against the server's connection; those about ciphers over loopback.
"""

from __future__ import annotations

import socket
import ssl
import tempfile
import warnings
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.internet.threads import deferToThread
from twisted.logger import LogLevel, globalLogPublisher
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailframe.net.certificates import CertificateError, make_self_signed
from mailframe.net.server_tls import CHECK_SECONDS, EXPIRY_WARNING_SECONDS, ServerTLS

DAY = 86400.0


def shake(client: SSL.Connection, server: SSL.Connection) -> None:
    """Carry octets between the two until both are done."""
    client.set_connect_state()
    server.set_accept_state()
    for _ in range(8):
        for one, other in ((client, server), (server, client)):
            try:
                one.do_handshake()
            except SSL.WantReadError:
                pass
            try:
                other.bio_write(one.bio_read(1 << 16))
            except SSL.WantReadError:
                pass
    client.do_handshake()
    server.do_handshake()


class ServerTLSTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="mailframe-tls-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.clock = Clock()
        self.clock.advance(1_800_000_000)
        self.events = EventLoggingObserver()
        globalLogPublisher.addObserver(self.events)
        self.addCleanup(globalLogPublisher.removeObserver, self.events)

    def make(self, file: str, *names: str) -> None:
        make_self_signed(self.folder / file, names, self.clock.seconds())

    def tls(self, hostname: str = "mx.example.org") -> ServerTLS:
        tls = ServerTLS(self.folder, hostname, self.clock)
        tls.load()
        return tls

    def connect(self, tls: ServerTLS, name: str | None = None, context: SSL.Context | None = None) -> SSL.Connection:
        """Return the client's side after a handshake."""
        client = SSL.Connection(context or SSL.Context(SSL.TLS_METHOD), None)
        if name is not None:
            client.set_tlsext_host_name(name.encode())
        shake(client, tls.serverConnectionForTLS(None))
        return client

    def subject(self, tls: ServerTLS, name: str | None) -> str:
        certificate = self.connect(tls, name).get_peer_certificate(as_cryptography=True)
        assert certificate is not None
        return str(certificate.subject.rfc4514_string())

    def test_each_name_gets_its_certificate(self) -> None:
        self.make("a.pem", "a.example.org")
        self.make("b.pem", "b.example.org", "imap.b.example.org")
        tls = self.tls("a.example.org")
        self.assertEqual(self.subject(tls, "b.example.org"), "CN=b.example.org")
        self.assertEqual(self.subject(tls, "IMAP.b.example.org"), "CN=b.example.org")
        self.assertEqual(self.subject(tls, "a.example.org"), "CN=a.example.org")

    def test_a_wildcard_is_for_one_label(self) -> None:
        self.make("a.pem", "a.example.org")
        self.make("w.pem", "*.example.net")
        tls = self.tls("a.example.org")
        self.assertEqual(self.subject(tls, "x.example.net"), "CN=*.example.net")
        self.assertEqual(self.subject(tls, "x.y.example.net"), "CN=a.example.org")

    def test_clients_without_a_name_or_with_an_unknown_one_get_the_servers_own(self) -> None:
        self.make("a.pem", "a.example.org")
        self.make("z.pem", "mx.example.org")
        tls = self.tls("mx.example.org")
        self.assertEqual(self.subject(tls, None), "CN=mx.example.org")
        self.assertEqual(self.subject(tls, "other.example"), "CN=mx.example.org")

    def test_without_one_for_the_server_the_first_serves(self) -> None:
        self.make("b.pem", "b.example.org")
        self.make("a.pem", "a.example.org")
        self.assertEqual(self.subject(self.tls("mx.example.org"), None), "CN=a.example.org")

    def test_of_two_for_one_name_the_first_serves(self) -> None:
        self.make("a.pem", "a.example.org", "shared.example.org")
        self.make("b.pem", "b.example.org", "shared.example.org")
        self.assertEqual(self.subject(self.tls(), "shared.example.org"), "CN=a.example.org")

    def test_a_renewed_certificate_serves_the_next_client(self) -> None:
        self.make("a.pem", "old.example.org", "mx.example.org")
        tls = self.tls()
        self.make("a.pem", "new.example.org", "mx.example.org")
        self.clock.advance(CHECK_SECONDS - 1)
        self.assertEqual(self.subject(tls, "mx.example.org"), "CN=old.example.org")
        self.clock.advance(1)
        self.assertEqual(self.subject(tls, "mx.example.org"), "CN=new.example.org")

    def test_a_broken_renewal_keeps_the_old_one_and_is_told(self) -> None:
        self.make("a.pem", "mx.example.org")
        tls = self.tls()
        (self.folder / "a.pem").write_text("half a file")
        self.clock.advance(CHECK_SECONDS)
        self.assertEqual(self.subject(tls, "mx.example.org"), "CN=mx.example.org")
        told = [event for event in self.events if event.get("log_level") == LogLevel.error]
        self.assertEqual(len(told), 1)
        self.assertIn("a.pem", told[0]["error"])

    def test_without_any_certificate_nothing_starts(self) -> None:
        self.assertRaises(CertificateError, self.tls)
        self.assertRaises(CertificateError, ServerTLS(self.folder, "x", self.clock).serverConnectionForTLS, None)

    def test_clients_that_offer_other_protocols_are_served(self) -> None:
        self.make("a.pem", "mx.example.org")
        self.make("b.pem", "b.example.org")
        for name in ("mx.example.org", "b.example.org"):
            context = SSL.Context(SSL.TLS_METHOD)
            context.set_alpn_protos([b"imap", b"h2"])
            client = self.connect(self.tls(), name, context)
            self.assertEqual(client.get_alpn_proto_negotiated(), b"")

    def test_tls_1_2_and_1_3_are_spoken(self) -> None:
        self.make("a.pem", "mx.example.org")
        for version, name in ((SSL.TLS1_2_VERSION, "TLSv1.2"), (SSL.TLS1_3_VERSION, "TLSv1.3")):
            context = SSL.Context(SSL.TLS_METHOD)
            context.set_min_proto_version(version)
            context.set_max_proto_version(version)
            self.assertEqual(self.connect(self.tls(), None, context).get_protocol_version_name(), name)

    def test_anything_older_is_refused(self) -> None:
        self.make("a.pem", "mx.example.org")
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_cipher_list(b"ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            context.set_min_proto_version(SSL.TLS1_VERSION)
            context.set_max_proto_version(SSL.TLS1_1_VERSION)
        self.assertRaises(SSL.Error, self.connect, self.tls(), None, context)

    def test_a_second_connection_resumes_the_session(self) -> None:
        self.make("a.pem", "mx.example.org")
        tls = self.tls()
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
        first = self.connect(tls, "mx.example.org", context)
        session = first.get_session()
        assert session is not None
        client = SSL.Connection(context, None)
        client.set_tlsext_host_name(b"mx.example.org")
        client.set_session(session)
        shake(client, tls.serverConnectionForTLS(None))
        self.assertEqual(client.master_key(), first.master_key())

    def test_one_that_ends_soon_is_warned_of(self) -> None:
        self.make("a.pem", "mx.example.org")
        self.clock.advance(3650 * DAY - EXPIRY_WARNING_SECONDS)
        self.tls()
        told = [event for event in self.events if event.get("log_level") == LogLevel.warn]
        self.assertEqual([event["names"] for event in told], ["mx.example.org"])


NAMES = ("mx.example.org", "other.example.org")


class CipherTests(TestCase):
    """What clients of TLS 1.2 can get, on a real port, whichever certificate they ask for."""

    timeout = 30

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="mailframe-tls-")
        self.addCleanup(folder.cleanup)
        for name in NAMES:
            make_self_signed(Path(folder.name, f"{name}.pem"), [name], reactor.seconds())
        tls = ServerTLS(folder.name, NAMES[0], reactor)
        tls.load()
        factory: ServerFactory[Any] = ServerFactory()
        factory.protocol = Protocol
        listening: Any = TLSMemoryBIOFactory(tls, False, factory)
        port: Any = reactor.listenTCP(0, listening, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.port = port.getHost().port

    def _shaken(self, name: str, ciphers: str) -> str:
        """Return the cipher that a client with these gets; blocks."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
        with (
            socket.create_connection(("127.0.0.1", self.port), 10) as plain,
            context.wrap_socket(plain, server_hostname=name) as secret,
        ):
            chosen = secret.cipher()
        assert chosen is not None
        return chosen[0]

    async def test_authenticated_encryption_with_forward_secrecy_is_welcome(self) -> None:
        for name in NAMES:
            for cipher in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"):
                self.assertEqual(await deferToThread(self._shaken, name, cipher), cipher)

    async def test_a_client_with_old_ciphers_too_gets_a_good_one(self) -> None:
        offered = "ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256"
        self.assertEqual(await deferToThread(self._shaken, NAMES[1], offered), "ECDHE-ECDSA-AES128-GCM-SHA256")

    async def test_a_client_that_knows_the_cbc_mode_alone_is_refused(self) -> None:
        for name in NAMES:
            for cipher in ("ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"):
                failure = await self.assertFailure(deferToThread(self._shaken, name, cipher), ssl.SSLError)
                self.assertIn("HANDSHAKE_FAILURE", str(failure))
