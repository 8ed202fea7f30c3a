"""Python's own client on a real port with real TLS."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase

from mailframe.auth.memory import MemoryAccounts
from mailframe.delivery.mailbox import ToMailbox
from mailframe.delivery.routes import Route
from mailframe.net.listening import ConnectionLimits, ConversationFactory
from mailframe.site import Site
from mailframe.smtp import LMTP, MX, Submission
from mailframe.spool import Spool
from mailframe.store.memory import MemoryStore
from mailframe.testing import tls
from tests.temporary import path_for

TEXT = "Subject: Hello\r\n\r\n.a dot\r\n..two\r\n\r\n.\r\nlast\r\n"


class LoopbackTests(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.store = MemoryStore()
        self.users = MemoryAccounts.of({"ann@example.org": "secret", "bob@example.org": "geheim"})
        self.routes = [Route("example.org", ToMailbox(self.store, self.users))]
        self.site = Site("mx.example.org", reactor)

    def listen(self, service: Any, implicit: bool = False) -> int:
        """Serve on a port of the loopback interface, until the test ends."""
        factory: ConversationFactory = service.factory(self.site, tls.server_context(), implicit)
        listening: Any = TLSMemoryBIOFactory(tls.server_context(), False, factory) if implicit else factory
        port: Any = reactor.listenTCP(0, listening, interface="127.0.0.1")
        self.addCleanup(lambda: factory.stop(5))
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    def context(self) -> ssl.SSLContext:
        folder = Path(path_for(self))
        folder.mkdir(parents=True)
        trusted = folder / "trusted.pem"
        trusted.write_bytes(tls.certificate().dumpPEM())
        context = ssl.create_default_context(cafile=str(trusted))
        context.check_hostname = False  # smtplib asks for the name it connects to
        return context

    def in_thread(self, call: Callable[[], Any]) -> Deferred[Any]:
        return deferToThread(call)

    def inbox(self, account: str) -> list[bytes]:
        return [item.data for item in self.store.add(account)._mailboxes["INBOX"]._items.values()]

    async def test_a_message_comes_whole_to_all_its_recipients(self) -> None:
        port = self.listen(MX(self.routes))

        def send() -> Any:
            with smtplib.SMTP("127.0.0.1", port, "client.example.net", timeout=30) as client:
                return client.sendmail("eve@example.net", ["ann@example.org", "bob@example.org", "x@example.org"], TEXT)

        refused = await self.in_thread(send)
        self.assertEqual(list(refused), ["x@example.org"])
        for account in ("ann@example.org", "bob@example.org"):
            [mail] = self.inbox(account)
            self.assertTrue(mail.endswith(TEXT.encode()))
            self.assertIn(b" with ESMTP ", mail.replace(b"\r\n\t", b" "))

    async def test_starttls_protects_what_follows(self) -> None:
        port, context = self.listen(MX(self.routes)), self.context()

        def send() -> None:
            with smtplib.SMTP("127.0.0.1", port, "client.example.net", timeout=30) as client:
                client.starttls(context=context)
                self.assertNotIn("starttls", client.esmtp_features or client.ehlo()[1].decode().lower())
                client.sendmail("eve@example.net", "ann@example.org", TEXT)

        await self.in_thread(send)
        [mail] = self.inbox("ann@example.org")
        unfolded = mail.replace(b"\r\n\t", b" ")
        self.assertIn(b" with ESMTPS (TLSv1.3 TLS_AES_256_GCM_SHA384) id ", unfolded)

    async def test_submission_by_starttls_and_by_implicit_tls(self) -> None:
        service = Submission(self.routes, users=self.users, default_domain="example.org")
        ports, context = (self.listen(service), self.listen(service, implicit=True)), self.context()

        def send(implicit: bool) -> None:
            if implicit:
                client: smtplib.SMTP = smtplib.SMTP_SSL("127.0.0.1", ports[1], "pc.local", timeout=30, context=context)
            else:
                client = smtplib.SMTP("127.0.0.1", ports[0], "pc.local", timeout=30)
                client.starttls(context=context)
            with client:
                client.login("ann", "secret")
                client.sendmail("ann@example.org", "bob@example.org", TEXT)

        await self.in_thread(lambda: send(False))
        await self.in_thread(lambda: send(True))
        mails = self.inbox("bob@example.org")
        self.assertEqual(len(mails), 2)
        for mail in mails:
            self.assertIn(b" with ESMTPSA (TLSv1.3 ", mail.replace(b"\r\n\t", b" "))
            self.assertIn(b"\r\nMessage-ID: <", mail)

    async def test_a_wrong_password_does_not_let_in(self) -> None:
        port = self.listen(Submission(self.routes, users=self.users))

        def send() -> int:
            with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
                try:
                    client.login("ann@example.org", "wrong")
                except smtplib.SMTPAuthenticationError as error:
                    return error.smtp_code
            return 0

        self.assertEqual(await self.in_thread(send), 535)

    async def test_lmtp(self) -> None:
        port = self.listen(LMTP(self.routes))

        def send() -> Any:
            with smtplib.LMTP("127.0.0.1", port, "mta.example.org") as client:
                return client.sendmail("eve@example.net", ["ann@example.org", "x@example.org"], TEXT)

        self.assertEqual(list(await self.in_thread(send)), ["x@example.org"])
        self.assertIn(b" with LMTP ", self.inbox("ann@example.org")[0].replace(b"\r\n\t", b" "))

    async def test_a_big_message_waits_in_a_file_and_leaves_none(self) -> None:
        folder = Path(path_for(self))
        folder.mkdir(parents=True)
        big = "Subject: big\r\n\r\n" + ".0123456789abcdef\r\n" * 150_000
        waiting: list[int] = []

        async def target(delivery: Any) -> Any:
            waiting.append(len(list(folder.iterdir())))
            return await ToMailbox(self.store, self.users)(delivery)

        self.patch(MX, "_spool", property(lambda service: Spool(str(folder))))
        port = self.listen(MX(target))

        def send() -> None:
            with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
                client.sendmail("eve@example.net", "ann@example.org", big)

        await self.in_thread(send)
        self.assertEqual(waiting, [1])
        self.assertEqual(list(folder.iterdir()), [])
        self.assertTrue(self.inbox("ann@example.org")[0].endswith(big.encode()))

    async def test_pipelined_commands_are_answered_together(self) -> None:
        port = self.listen(MX(self.routes))

        def talk() -> bytes:
            with socket.create_connection(("127.0.0.1", port), 30) as client:
                client.recv(1000)
                client.sendall(b"EHLO x\r\n")
                client.recv(1000)
                client.sendall(b"MAIL FROM:<>\r\nRCPT TO:<ann@example.org>\r\nRCPT TO:<x@example.org>\r\nDATA\r\n")
                return client.recv(10_000)

        answers = (await self.in_thread(talk)).splitlines()
        self.assertEqual([line[:3] for line in answers], [b"250", b"250", b"550", b"354"])

    async def test_one_connection_too_many_hears_421(self) -> None:
        port = self.listen(MX(self.routes, connections=ConnectionLimits(connections=1)))

        def talk() -> bytes:
            with socket.create_connection(("127.0.0.1", port), 30) as one:
                one.recv(1000)
                with socket.create_connection(("127.0.0.1", port), 30) as other:
                    return other.recv(1000)

        self.assertEqual(await self.in_thread(talk), b"421 4.7.0 Too many connections, try again later\r\n")
