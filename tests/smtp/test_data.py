"""DATA: disks that are full, messages that go on after they were refused, and what is added to a user's message."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailframe.delivery.routes import Route
from mailframe.hooks import Retry
from mailframe.inline import now
from mailframe.queue.memory import MemoryQueue
from mailframe.spool import SpoolWriter
from tests.smtp.test_session import BEGIN, HELLO, LOGIN, NOTE
from tests.smtp.world import World


def _broken(*_arguments: object) -> Any:
    raise OSError(28, "No space left on device")


class DataTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()

    def test_a_full_disk_is_told_at_the_end_and_the_next_message_comes_through(self) -> None:
        player = self.world.mx()
        real = SpoolWriter.write
        self.patch(SpoolWriter, "write", _broken)
        player.play(
            BEGIN
            + """
            C: Subject: hi
            C:
            C: more after the disk was full
            C: .
            S: 452 4.3.1 No room to receive the message, try again later
            """
        )
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.assertEqual(self.world.mail(), [])
        self.patch(SpoolWriter, "write", real)
        self.again(player)
        self.assertEqual(len(self.world.mail()), 1)

    def test_a_disk_that_fails_at_the_last_moment_means_later(self) -> None:
        player = self.world.mx()
        real = SpoolWriter.finish
        self.patch(SpoolWriter, "finish", _broken)
        player.play(BEGIN + NOTE + "S: 451 4.3.0 Local error, try again later")
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.assertEqual(self.world.mail(), [])
        self.patch(SpoolWriter, "finish", real)
        self.again(player)
        self.assertEqual(len(self.world.mail()), 1)

    def again(self, player: Any) -> None:
        """The same message once more, on the same connection."""
        player.play(BEGIN.removeprefix(HELLO) + NOTE + "S: 250 2.0.0 OK, stored as ...")

    def test_who_has_to_wait_is_queued_and_the_client_need_not_know(self) -> None:
        queue = MemoryQueue(Clock())
        routes = [Route("ann@example.org", lambda delivery: Retry("4.2.2", "Full")), *self.world.routes]
        script = BEGIN.replace("C: DATA", "C: RCPT TO:<bob@example.org>\nS: 250 2.1.5 Recipient OK\nC: DATA")
        self.world.mx(routes=routes, queue=queue).play(script + NOTE + "S: 250 2.0.0 OK, stored as ...")
        self.assertEqual(len(self.world.mail("bob@example.org")), 1)
        later = self.world.clock.seconds() + 86400
        [leased] = now(queue.lease(later, later + 1, 10))
        self.assertEqual(str(leased.envelope.recipients[0].address), "ann@example.org")
        self.assertTrue(bytes(leased.message).endswith(b"Subject: hi\r\n\r\n.dot\r\n"))

    def test_without_a_queue_the_client_sends_again(self) -> None:
        routes = [Route("ann@example.org", lambda delivery: Retry("4.2.2", "Full")), *self.world.routes]
        script = BEGIN.replace("C: DATA", "C: RCPT TO:<bob@example.org>\nS: 250 2.1.5 Recipient OK\nC: DATA")
        self.world.mx(routes=routes).play(
            script + NOTE + "S: 451 4.2.2 Full (not delivered to 1 of 2 recipients)",
        )

    def test_date_and_message_id_of_a_user_stay_what_they_are(self) -> None:
        self.world.submission().play(
            LOGIN
            + """
            C: MAIL FROM:<ann@example.org>
            S: 250 2.1.0 Sender OK
            C: RCPT TO:<bob@example.org>
            S: 250 2.1.5 Recipient OK
            C: DATA
            S: 354 ...
            C: date: Sat, 1 Jan 2022 10:00:00 +0000
            C: MESSAGE-ID: <mine@example.net>
            C:
            C: .
            S: 250 2.0.0 OK, stored as ...
            """
        )
        [mail] = self.world.mail("bob@example.org")
        self.assertEqual(mail.lower().count(b"\r\nmessage-id:"), 1)
        self.assertEqual(mail.lower().count(b"\r\ndate:"), 1)
        self.assertIn(b"\r\nMESSAGE-ID: <mine@example.net>\r\n", mail)
