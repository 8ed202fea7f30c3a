"""Mail between servers of ours and of other people: Postfix and Dovecot, in both directions, as they come."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from email import message_from_bytes, message_from_string, policy
from pathlib import Path
from typing import Any, ClassVar

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailframe import Route, ToLMTP, ToSmarthost
from mailframe.mailauth.roots import Roots
from mailframe.mailauth.tls_policy import Destination, Level
from mailframe.sasl.client import Credentials
from mailframe.testing.mailboxes import Mail
from tests.foreign.dovecot import Dovecot
from tests.foreign.ours import Ours, smtp, until
from tests.foreign.ports import free_port
from tests.foreign.postfix import OLD, Postfix
from tests.mailauth.pki import ROOT

THEIRS, OURS = ROOT.issue("mx.post.test"), ROOT.issue("us.test")
PASSWORD = "geheim"
MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")
BIG = b"".join(b".%07d\r\n" % number for number in range(300_000))
USERS = ["u1@post.test", "用户@post.test", "u1@old.test", "wrong@post.test"]
USERS += [f"{name.lower()}@post.test" for name in MECHANISMS]


def message(id: str, body: bytes = b".dot\r\n..two\r\nend\r\n", sender: str = "ann@us.test") -> bytes:
    date = "Fri, 27 Nov 2026 10:00:00 +0000"
    return f"From: <{sender}>\r\nDate: {date}\r\nSubject: hello\r\nMessage-ID: <{id}>\r\n\r\n".encode() + body


def told(mail: Mail) -> list[dict[str, str]]:
    """Return what a report says of each recipient."""
    report: Any = message_from_bytes(bytes(mail), policy=policy.SMTPUTF8)
    assert report.get_content_type() == "multipart/report", bytes(mail)
    _words, status, *_original = report.iter_parts()
    groups = re.split(r"\r?\n\r?\n", status.as_bytes().decode("utf-8"))
    found = [message_from_string(group, policy=policy.SMTPUTF8) for group in groups if "Final-Recipient:" in group]
    return [{name.lower(): str(value) for name, value in each.items()} for each in found]


class NetworkTests(TestCase):
    """One Postfix and one Dovecot for all tests: each test looks for mail of its own."""

    timeout = 120
    folder: ClassVar[Path]
    postfix: ClassVar[Postfix]
    dovecot: ClassVar[Dovecot]
    port: ClassVar[int]
    old_port: ClassVar[int]
    login_port: ClassVar[int]
    lmtp_port: ClassVar[int]
    auth_port: ClassVar[int]
    our_port: ClassVar[int]
    our_lmtp: ClassVar[int]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="network-"))
        os.chmod(cls.folder, 0o755)  # Postfix and Dovecot run as users of their own
        cls.port, cls.old_port, cls.login_port = free_port(), free_port(), free_port()
        cls.lmtp_port, cls.auth_port, cls.our_port, cls.our_lmtp = (free_port() for _ in range(4))
        passwords = {f"{name}@dove.test": PASSWORD for name in ("ann", "bob", "full")}
        try:
            cls.dovecot = Dovecot(
                cls.folder / "dovecot", cls.lmtp_port, cls.auth_port, passwords, {"full@dove.test": "1K"}
            )
            cls.postfix = cls.start_postfix()
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def start_postfix(cls) -> Postfix:
        login = (
            "-o smtpd_sasl_auth_enable=yes -o smtpd_tls_auth_only=yes -o smtpd_sasl_type=dovecot "
            f"-o smtpd_sasl_path=inet:127.0.0.1:{cls.auth_port} "
            "-o smtpd_recipient_restrictions=permit_sasl_authenticated,reject"
        )
        return Postfix(
            cls.folder / "postfix",
            "mx.post.test",
            [THEIRS],
            [f"127.0.0.1:{cls.port}", f"127.0.0.1:{cls.old_port} {OLD}", f"127.0.0.1:{cls.login_port} {login}"],
            USERS,
            f"relayhost = [127.0.0.1]:{cls.our_port}\n"
            f"transport_maps = inline:{{{{box.test=lmtp:inet:127.0.0.1:{cls.our_lmtp}}}}}",
        )

    @classmethod
    def tearDownClass(cls) -> None:
        for server in (vars(cls).get("postfix"), vars(cls).get("dovecot")):
            if server is not None:
                server.stop()
        shutil.rmtree(cls.folder)

    def setUp(self) -> Any:
        return Deferred.fromCoroutine(self.begin())

    async def begin(self) -> None:
        verified = Destination(Level.VERIFY, ("mx.post.test",), Roots([ROOT.certificate]))
        login = f"127.0.0.1:{self.login_port}"
        who, wrong = Credentials("ann@dove.test", PASSWORD), Credentials("ann@dove.test", "wrong")
        routes = [
            Route(
                f"{name.lower()}@post.test",
                ToSmarthost(login, credentials=evolve(who, mechanisms=(name,)), tls=verified),
            )
            for name in MECHANISMS
        ]
        self.us = Ours(
            Path(tempfile.mkdtemp(dir=self.folder)),
            "us.test",
            port=self.our_port,
            lmtp=self.our_lmtp,
            domains=["us.test", "box.test"],
            certificate=[OURS],
            routes=[
                *routes,
                Route("wrong@post.test", ToSmarthost(login, credentials=wrong, tls=verified)),
                Route("post.test", ToSmarthost(f"127.0.0.1:{self.port}", tls=verified)),
                Route("old.test", ToSmarthost(f"127.0.0.1:{self.old_port}")),
                Route("dove.test", ToLMTP(f"127.0.0.1:{self.lmtp_port}")),
            ],
        )
        await self.us.start("ann", "bob")
        self.addCleanup(lambda: Deferred.fromCoroutine(self.us.stop()))

    async def arrived(self, id: str) -> bytes:
        """Wait until Postfix has a message, and return it as it lies in the Maildir."""
        mail: bytes = await until(lambda: self.postfix.mail(id))
        return mail

    # --- to Postfix -----------------------------------------------------------------------------------------------

    async def test_a_message_comes_to_postfix_as_it_was_and_by_tls(self) -> None:
        await self.us.submit("ann", ["u1@post.test"], message("plain@us.test"))
        mail = await self.arrived("plain@us.test")
        assert mail.endswith(message("plain@us.test").replace(b"\r\n", b"\n"))
        assert b"using TLSv1.3 with cipher" in mail
        await self.us.settled()
        assert await self.us.inbox("ann") == []

    async def test_eight_bits_come_as_they_are_and_as_seven_to_servers_without(self) -> None:
        body = "Grüße aus Köln\r\n".encode()
        for domain in ("post.test", "old.test"):
            await self.us.submit("ann", [f"u1@{domain}"], message(f"8bit@{domain}", body), ["BODY=8BITMIME"])
        assert (await self.arrived("8bit@post.test")).endswith(body.replace(b"\r\n", b"\n"))
        mail = await self.arrived("8bit@old.test")
        assert mail.isascii()
        read: Any = message_from_bytes(mail)
        assert read.get_payload(decode=True) == body.replace(b"\r\n", b"\n")

    async def test_an_address_in_unicode_goes_where_it_can_and_comes_back_where_it_cannot(self) -> None:
        data = message("utf8@us.test").replace(b"hello", "Привет".encode())
        await self.us.submit("ann", ["用户@post.test"], data, ["SMTPUTF8", "BODY=8BITMIME"])
        assert "Subject: Привет".encode() in await self.arrived("utf8@us.test")
        await self.us.submit("ann", ["用户@old.test"], data, ["SMTPUTF8", "BODY=8BITMIME"])
        [bounce] = await self.us.mail("ann")
        [failed] = told(bounce)
        assert (failed["action"], failed["status"]) == ("failed", "5.6.7")
        assert failed["final-recipient"].startswith("utf-8;")

    async def test_a_big_message_comes_by_bdat(self) -> None:
        before = self.postfix.log().count(" bdat=1 ")
        await self.us.submit("ann", ["u1@post.test"], message("big@us.test", BIG))
        mail = await self.arrived("big@us.test")
        assert mail.endswith(BIG.replace(b"\r\n", b"\n"))
        await self.us.submit("ann", ["u1@old.test"], message("big@old.test", BIG))
        assert (await self.arrived("big@old.test")).endswith(BIG.replace(b"\r\n", b"\n"))
        await self.us.stop()  # a connection is counted when it ends
        await until(lambda: self.postfix.log().count(" bdat=1 ") > before)
        await self.us.start()

    async def test_whoever_is_refused_is_in_a_report_and_the_others_have_it(self) -> None:
        await self.us.submit("ann", ["u1@post.test", "nobody@post.test"], message("refused@us.test"))
        [bounce] = await self.us.mail("ann")
        [failed] = told(bounce)
        assert failed["final-recipient"] == "rfc822; nobody@post.test"
        assert (failed["action"], failed["status"]) == ("failed", "5.1.1")
        assert failed["diagnostic-code"].startswith("smtp; 550 5.1.1 <nobody@post.test>: Recipient address rejected")
        assert b"Message-ID: <refused@us.test>" in bytes(bounce)
        await self.arrived("refused@us.test")

    async def test_postfix_tells_of_success_and_where_it_would_not_we_do(self) -> None:
        wishes = (["RET=HDRS", "ENVID=q1"], ["NOTIFY=SUCCESS,FAILURE"])
        await self.us.submit("ann", ["u1@post.test"], message("dsn@us.test"), *wishes)
        [report] = await self.us.mail("ann")
        [success] = told(report)
        assert (success["action"], success["final-recipient"]) == ("delivered", "rfc822; u1@post.test")
        assert b"Reporting-MTA: dns; mx.post.test" in bytes(report)
        assert b"Original-Envelope-Id: q1" in bytes(report)
        await self.us.submit("bob", ["u1@old.test"], message("dsn@old.test"), *wishes)
        [report] = await self.us.mail("bob")
        [success] = told(report)
        assert (success["action"], success["final-recipient"]) == ("relayed", "rfc822; u1@old.test")
        assert b"Reporting-MTA: dns; us.test" in bytes(report)

    async def test_we_log_in_by_each_mechanism(self) -> None:
        for name in MECHANISMS:
            await self.us.submit("ann", [f"{name.lower()}@post.test"], message(f"{name}@us.test"))
        for name in MECHANISMS:
            await self.arrived(f"{name}@us.test")
            assert f"sasl_method={name}, sasl_username=ann@dove.test" in self.postfix.log()

    async def test_a_wrong_password_makes_the_mail_wait(self) -> None:
        await self.us.submit("ann", ["wrong@post.test"], message("wrong@us.test"))
        waiting = await self.us.postponed("post.test")
        assert waiting.outcome is not None
        assert waiting.outcome.status == "4.7.8"
        assert "535 5.7.8 Error: authentication failed" in waiting.outcome.text

    # --- from Postfix ---------------------------------------------------------------------------------------------

    async def test_postfix_sends_to_us_and_hears_what_became_of_it(self) -> None:
        data = message("from@post.test", sender="u1@post.test")
        await smtp(self.port, "u1@post.test", ["ann@us.test"], data, rcpt=["NOTIFY=SUCCESS"])
        [mail] = await self.us.mail("ann")
        assert bytes(mail).endswith(data)
        assert "with ESMTPS" in (mail.header("Received") or "")
        report = await until(lambda: self.postfix.mail("from@post.test"))
        assert b"\nAction: delivered\n" in report
        assert b"\nFinal-Recipient: rfc822; ann@us.test\n" in report

    async def test_postfix_tells_its_user_whom_we_do_not_know(self) -> None:
        data = message("unknown@post.test", sender="u1@post.test")
        await smtp(self.port, "u1@post.test", ["ann@us.test", "nobody@us.test"], data)
        await self.us.mail("ann")
        [bounce] = await until(lambda: self.postfix.containing(b"Final-Recipient: rfc822; nobody@us.test"))
        assert b"\nStatus: 5.1.1\n" in bounce

    async def test_postfix_delivers_to_us_by_lmtp_with_an_answer_for_each(self) -> None:
        data = message("lmtp@post.test", BIG, sender="u1@post.test")
        await smtp(self.port, "u1@post.test", ["ann@box.test", "nobody@box.test", "bob@box.test"], data)
        await until(lambda: self.postfix.containing(b"Final-Recipient: rfc822; nobody@box.test"))
        for user in ("ann", "bob"):
            [mail] = await self.us.inbox(user, "box.test")
            assert bytes(mail).endswith(data)
            assert "with LMTP" in (mail.header("Received") or "")

    # --- to Dovecot -----------------------------------------------------------------------------------------------

    async def test_dovecot_answers_for_each_recipient(self) -> None:
        to = ["ann@dove.test", "full@dove.test", "nobody@dove.test", "bob@dove.test"]
        data = message("dove@us.test", BIG)
        await self.us.submit("ann", to, data)
        [bounce] = await self.us.mail("ann")
        failed = {each["final-recipient"]: each["status"] for each in told(bounce)}
        assert failed == {"rfc822; full@dove.test": "5.2.2", "rfc822; nobody@dove.test": "5.1.1"}
        for user in ("ann", "bob"):
            assert any(mail.endswith(data.replace(b"\r\n", b"\n")) for mail in self.dovecot.mail(f"{user}@dove.test"))
        await self.us.settled()

    async def test_a_mailbox_that_is_full_for_now_makes_the_mail_wait(self) -> None:
        port = free_port()
        patient = Dovecot(
            self.folder / "patient",
            port,
            free_port(),
            {"full@late.test": PASSWORD, "ann@late.test": PASSWORD},
            {"full@late.test": "1K"},
            later=True,
        )
        self.addCleanup(patient.stop)
        us = Ours(self.folder / "late", "late-us.test", routes=[Route("late.test", ToLMTP(f"127.0.0.1:{port}"))])
        await us.start("ann")
        self.addCleanup(lambda: Deferred.fromCoroutine(us.stop()))
        data = message("late@us.test", b"x" * 2000 + b"\r\n")
        await us.send("ann", ["ann@late.test", "full@late.test"], data)
        waiting = await us.postponed("late.test")
        assert waiting.outcome is not None
        assert waiting.outcome.status == "4.2.2"
        assert [str(each.envelope.recipients[0].address) for each in await us.queued()] == ["full@late.test"]
        assert len(patient.mail("ann@late.test")) == 1
