"""Tickets from a CSV file are read by ordinary IMAP and POP3 clients."""

from __future__ import annotations

import imaplib
import poplib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailframe import MemoryAccounts
from tests.examples.loaded import example

CSV = """\
number,status,customer,title,text
7,open,bob@example.net,It burns,"Please
come"
3,open,ann@example.org,Where is it?,Lost
5,closed,cid@example.com,Thanks,Bye
"""


class OwnStoreTests(TestCase):
    async def with_server(self, client: Callable[[list[int]], Any]) -> None:
        """Run a blocking client against the example on free ports."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "tickets.csv"
            file.write_text(CSV)
            server = example("own_store").serve(file, MemoryAccounts({"eve@localhost": "pw"}))
        listen = [("tcp:0:interface=127.0.0.1", service) for _, service in server.listen]
        service = evolve(server, listen=listen, nameservers=()).service(reactor)
        serving = service.when_serving()
        service.startService()
        await serving
        try:
            await deferToThread(client, [address.port for address in service.addresses()])
        finally:
            await service.stopService()

    async def test_imap_shows_open_tickets_in_the_inbox_and_others_beside_it(self) -> None:
        def client(ports: list[int]) -> None:
            imap = imaplib.IMAP4("127.0.0.1", ports[0], timeout=30)
            imap.login("eve@localhost", "pw")
            self.assertEqual(imap.select("INBOX")[1], [b"2"])
            self.assertEqual(imap.uid("search", "SUBJECT", "burns")[1], [b"7"])
            [envelope] = imap.uid("fetch", "3", "(ENVELOPE)")[1]
            self.assertIn(b"Where is it?", envelope)
            self.assertEqual(imap.uid("fetch", "7", "(BODY[TEXT])")[1][0][1], b"Please\r\ncome\r\n")
            self.assertEqual(imap.search(None, "SEEN")[1], [b"2"])
            self.assertEqual(imap.append("INBOX", "", "", b"Subject: x\r\n\r\n")[0], "NO")
            self.assertEqual(imap.select("Closed")[1], [b"1"])
            self.assertEqual(imap.lsub()[1], [b'() "/" "Closed"', b'() "/" "INBOX"'])
            self.assertEqual(imap.select("Lost")[0], "NO")
            imap.logout()

        await self.with_server(client)

    async def test_pop3_shows_the_open_tickets(self) -> None:
        def client(ports: list[int]) -> None:
            pop3 = poplib.POP3("127.0.0.1", ports[1], timeout=30)
            pop3.user("eve@localhost")
            pop3.pass_("pw")
            self.assertEqual(pop3.stat()[0], 2)
            self.assertIn(b"Subject: Where is it?", pop3.retr(1)[1])
            pop3.quit()

        await self.with_server(client)
