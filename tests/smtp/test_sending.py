"""Sending over real connections: to our own services, with real TLS, and to servers that misbehave."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions, trustRootFromCertificates
from twisted.internet.task import Clock, deferLater
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import TestCase

from mailframe.address import Address
from mailframe.auth.memory import MemoryAccounts
from mailframe.delivery.mailbox import ToMailbox
from mailframe.delivery.routes import Route
from mailframe.envelope import Envelope, Recipient
from mailframe.hooks import Action, Delivered, Delivery, Failed, Outcome, Retry
from mailframe.mailauth.roots import Roots
from mailframe.mailauth.storage import MemoryReports
from mailframe.mailauth.tls_policy import Level, TLSPolicyFailure, TLSRequirement
from mailframe.mailauth.tls_results import PolicyType, PolicyUsed, ResultType
from mailframe.mailauth.tls_rpt import Collector, TLSSession
from mailframe.net import connecting
from mailframe.net.outgoing import Outgoing
from mailframe.queue.memory import MemoryQueue
from mailframe.site import TCP, UNIX, Site
from mailframe.smtp import LMTP, MX, Submission
from mailframe.smtp.client.login import Credentials
from mailframe.smtp.client.outcomes import Unusable
from mailframe.smtp.limits import Limits
from mailframe.smtp.sending import Hop, Host, Sender
from mailframe.spool import FileBody, Message
from mailframe.store.memory import MemoryStore
from mailframe.testing import tls
from tests.temporary import path_for

POLICY = PolicyUsed(PolicyType.NO_POLICY_FOUND, "example.org")
NONE, MAY, ENCRYPT = (TLSRequirement(level, POLICY) for level in (Level.NONE, Level.MAY, Level.ENCRYPT))

ANN, BOB = (Address(name, "example.org") for name in ("ann", "bob"))
TEXT = b"Subject: Hello\r\n\r\n.a dot\r\n..two\r\n\r\n.\r\nlast\r\n"


class Scripted(Protocol):
    """Answers each line with the next word of a script."""

    def __init__(self, script: Sequence[bytes]) -> None:
        self.script = list(script)

    def connectionMade(self) -> None:
        self._say()

    def dataReceived(self, data: bytes) -> None:
        for _line in data.splitlines():
            self._say()

    def _say(self) -> None:
        assert self.transport is not None
        words = self.script.pop(0) if self.script else b""
        if words:
            self.transport.write(words + b"\r\n")
        else:
            self.transport.loseConnection()


class Counting(Collector):
    """Notes sessions."""

    def __init__(self, counted: list[TLSSession]) -> None:
        super().__init__(MemoryReports())
        self.counted = counted

    async def record(self, session: TLSSession, now: float) -> None:
        self.counted.append(session)


class SendingTests(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.store = MemoryStore()
        self.users = MemoryAccounts.of({"ann@example.org": "secret", "bob@example.org": "geheim"})
        self.routes = [Route("example.org", ToMailbox(self.store, self.users))]
        self.factories: list[Any] = []
        self.connects = 0
        real = connecting.by(reactor)

        def connect(peer: TCP | UNIX, factory: Any, seconds: float, /) -> Any:
            self.connects += 1
            return real(peer, factory, seconds)

        self.site = Site("us.example", reactor, connect=connect)
        self.counted: list[TLSSession] = []
        self.sender = Sender(self.site, collector=Counting(self.counted))
        self.addCleanup(lambda: self._stopped())

    def _stopped(self) -> Any:
        return Deferred.fromCoroutine(self.sender.stop())

    # --- servers --------------------------------------------------------------------------------------------------

    def listen(self, factory: Any) -> TCP:
        port: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        return TCP("127.0.0.1", port.getHost().port)

    def serve(self, service: Any, tls_too: bool = True, implicit: bool = False) -> TCP:
        context = tls.server_context() if tls_too else None
        factory = service.factory(Site("mx.example.org", reactor), context, implicit)
        self.addCleanup(lambda: factory.stop(5))
        self.factories.append(factory)
        return self.listen(TLSMemoryBIOFactory(tls.server_context(), False, factory) if implicit else factory)

    def scripted(self, *script: bytes) -> TCP:
        factory: Any = Factory()
        factory.buildProtocol = lambda _address: Scripted(script)
        return self.listen(factory)

    def inbox(self, account: str = "ann@example.org") -> list[bytes]:
        return [item.data for item in self.store.add(account)._mailboxes["INBOX"]._items.values()]

    # --- sending --------------------------------------------------------------------------------------------------

    def hop(self, *hosts: Host | Unusable, **how: Any) -> Hop:
        async def host(each: Host | Unusable) -> Host:
            if isinstance(each, Unusable):
                raise each
            return each

        async def find() -> Sequence[Callable[[], Awaitable[Host]]]:
            return [partial(host, each) for each in hosts]

        return Hop("here", find, **how)

    def host(self, peer: TCP, required: TLSRequirement = MAY) -> Host:
        return Host("mx.example.org", [peer], required)

    async def send(self, hop: Hop, *to: Address, data: bytes = TEXT, **wishes: Any) -> dict[Address, Outcome]:
        recipients = tuple(map(Recipient, to or (ANN,)))
        envelope = Envelope(Address("me", "example.net"), recipients, **wishes)
        return await self.sender.send(Delivery("m1", envelope, recipients, Message.from_bytes(data)), hop)

    async def test_a_message_arrives_as_it_was_and_each_recipient_has_an_outcome(self) -> None:
        nobody = Address("nobody", "example.org")
        reporting = MX(self.routes, queue=MemoryQueue(Clock()))
        results = await self.send(self.hop(self.host(self.serve(reporting))), ANN, nobody)
        delivered, refused = results[ANN], results[nobody]
        assert isinstance(delivered, Delivered)
        assert delivered.action is Action.PASSED_ON
        assert delivered.remote == "mx.example.org"
        assert isinstance(refused, Failed)
        assert refused.status == "5.1.1"
        [mail] = self.inbox()
        assert mail.endswith(TEXT)
        assert b"with ESMTPS" in mail.replace(b"\r\n\t", b" ")

    async def test_a_big_message_comes_whole(self) -> None:
        data = b"Subject: big\r\n\r\n" + b"".join(b".%07d\r\n" % number for number in range(200_000))
        await self.send(self.hop(self.host(self.serve(MX(self.routes)))), data=data)
        [mail] = self.inbox()
        assert mail.endswith(data)

    async def test_a_connection_is_used_again(self) -> None:
        hop = self.hop(self.host(self.serve(MX(self.routes))))
        for _ in range(5):
            await self.send(hop)
        assert len(self.inbox()) == 5
        assert self.connects == 1

    async def test_a_connection_carries_a_bounded_number_of_messages(self) -> None:
        self.sender.messages = 2
        hop = self.hop(self.host(self.serve(MX(self.routes))))
        for _ in range(5):
            await self.send(hop)
        assert (len(self.inbox()), self.connects) == (5, 3)

    async def test_a_bounded_number_of_connections_is_kept(self) -> None:
        self.sender.idle_connections = 0
        hop = self.hop(self.host(self.serve(MX(self.routes))))
        for _ in range(2):
            await self.send(hop)
        assert (len(self.inbox()), self.connects) == (2, 2)

    async def test_where_enough_are_kept_the_one_that_was_used_last_stays(self) -> None:
        self.sender.idle_connections = 2
        hop = self.hop(self.host(self.serve(MX(self.routes))))
        hops = [evolve(hop, key=key) for key in ("one", "two", "three")]
        for hop in hops:
            await self.send(hop)
        assert self.connects == 3
        for hop in (hops[2], hops[1], hops[2]):
            await self.send(hop)
        assert self.connects == 3
        await self.send(hops[0])
        assert self.connects == 4

    async def test_a_kept_connection_that_the_server_has_closed_costs_nothing(self) -> None:
        hop = self.hop(self.host(self.serve(MX(self.routes))))
        await self.send(hop)
        for conversation in list(self.factories[0].conversations):
            conversation.abort()
        await deferLater(reactor, 0.1)
        [outcome] = (await self.send(hop)).values()
        assert isinstance(outcome, Delivered)
        assert self.connects == 2

    async def test_without_starttls_it_goes_in_plain_text_unless_that_was_forbidden(self) -> None:
        peer = self.serve(MX(self.routes), tls_too=False)
        [outcome] = (await self.send(self.hop(self.host(peer)))).values()
        assert isinstance(outcome, Delivered)
        [outcome] = (await self.send(evolve(self.hop(self.host(peer, ENCRYPT)), key="other"))).values()
        assert isinstance(outcome, Retry)
        assert (outcome.status, outcome.text) == ("4.7.5", "mx.example.org does not offer TLS")

    async def test_tls_may_be_left_out(self) -> None:
        await self.send(self.hop(self.host(self.serve(MX(self.routes)), NONE)))
        [mail] = self.inbox()
        assert b"with ESMTP id" in mail.replace(b"\r\n\t", b" ")

    async def test_certificates_are_judged_before_anything_is_said(self) -> None:
        peer = self.serve(MX(self.routes))
        roots = Roots.from_pem(tls.certificate().dumpPEM())
        required = TLSRequirement(Level.VERIFY, POLICY, ("mx.example.org",), roots=roots)
        [outcome] = (await self.send(self.hop(self.host(peer, required)))).values()
        assert isinstance(outcome, Delivered)
        wrong = evolve(required, names=("other.example.org",))
        [outcome] = (await self.send(evolve(self.hop(self.host(peer, wrong)), key="wrong"))).values()
        assert isinstance(outcome, Retry)
        assert outcome.status == "4.7.5"
        assert len(self.inbox()) == 1
        assert [each.result is None for each in self.counted] == [True, False]

    async def test_a_policy_that_only_tests_is_reported_and_does_not_stop_mail(self) -> None:
        wrong = TLSRequirement(Level.VERIFY, POLICY, ("other.example.org",), enforced=False)
        [outcome] = (await self.send(self.hop(self.host(self.serve(MX(self.routes)), wrong)))).values()
        assert isinstance(outcome, Delivered)
        assert [each.result is None for each in self.counted] == [False]

    async def test_a_server_whose_tls_is_broken_gets_it_in_plain_text_unless_that_was_forbidden(self) -> None:
        peer = self.scripted(b"220 x", b"250-x\r\n250 STARTTLS", b"220 go", b"250 OK", b"354 go", *[b"250 OK"] * 9)
        [outcome] = (await self.send(self.hop(self.host(peer, ENCRYPT)))).values()
        assert isinstance(outcome, Retry)
        assert outcome.status == "4.7.5"
        assert outcome.text.startswith("TLS with mx.example.org failed: ")
        [outcome] = (await self.send(self.hop(self.host(peer)))).values()
        assert isinstance(outcome, Delivered)
        assert [each.result for each in self.counted] == [ResultType.VALIDATION_FAILURE, None]

    async def test_a_server_that_refuses_starttls_is_used_without_unless_that_was_forbidden(self) -> None:
        script = [b"220 x", b"250-x\r\n250 STARTTLS", b"454 4.7.0 Not now"]
        script += [b"250 OK", b"250 OK", b"354 go", *[b"250 OK"] * 9]
        [outcome] = (await self.send(self.hop(self.host(self.scripted(*script), ENCRYPT)))).values()
        assert isinstance(outcome, Retry)
        assert outcome.text.endswith("mx.example.org said: 454 4.7.0 Not now")
        hop = evolve(self.hop(self.host(self.scripted(*script))), key="k")
        [outcome] = (await self.send(hop)).values()
        assert isinstance(outcome, Delivered)

    async def test_the_next_host_is_tried_when_the_first_cannot_be_used(self) -> None:
        good = self.host(self.serve(MX(self.routes)))
        for bad in (
            self.host(self.scripted(b"554 No")),
            self.host(self.scripted(b"")),
            self.host(self.scripted(b"220 x", b"421 busy")),
            self.host(TCP("127.0.0.1", 1)),
            Unusable(Retry("4.4.3", "No address")),
        ):
            [outcome] = (await self.send(evolve(self.hop(bad, good), key=repr(bad)))).values()
            assert isinstance(outcome, Delivered), bad
        assert len(self.inbox()) == 5

    async def test_when_no_host_can_be_used_hope_decides(self) -> None:
        dead, gone = self.host(TCP("127.0.0.1", 1)), Unusable(Failed("5.4.4", "No address"))
        [outcome] = (await self.send(self.hop(gone))).values()
        assert outcome == Failed("5.4.4", "No address")
        for hosts in ((dead, gone), (gone, dead)):
            [outcome] = (await self.send(self.hop(*hosts))).values()
            assert isinstance(outcome, Retry)
            assert outcome.status == "4.4.1"
            assert outcome.text.startswith("mx.example.org cannot be reached: ")
        [outcome] = (await self.send(self.hop())).values()
        assert isinstance(outcome, Retry)

    async def test_a_smarthost_wants_to_know_who_we_are(self) -> None:
        submission = Submission(self.routes, users=self.users)
        credentials = Credentials("ann@example.org", "secret")
        peer = self.serve(submission)
        recipients = (Recipient(BOB),)
        message = Message.from_bytes(TEXT)
        delivery = Delivery("m1", Envelope(ANN, recipients), recipients, message)
        [outcome] = (await self.sender.send(delivery, self.hop(self.host(peer), credentials=credentials))).values()
        assert isinstance(outcome, Delivered)
        assert b"with ESMTPSA" in self.inbox("bob@example.org")[0].replace(b"\r\n\t", b" ")
        wrong = evolve(self.hop(self.host(peer), credentials=evolve(credentials, password="x")), key="wrong")
        [outcome] = (await self.sender.send(delivery, wrong)).values()
        assert isinstance(outcome, Retry)
        assert outcome.status == "4.7.8"

    async def test_tls_may_begin_first(self) -> None:
        peer = self.serve(MX(self.routes), implicit=True)
        [outcome] = (await self.send(self.hop(self.host(peer, ENCRYPT), implicit_tls=True))).values()
        assert isinstance(outcome, Delivered)
        plain = self.serve(MX(self.routes))
        [outcome] = (await self.send(evolve(self.hop(self.host(plain), implicit_tls=True), key="k"))).values()
        assert isinstance(outcome, Retry)

    async def test_lmtp(self) -> None:
        peer = self.serve(LMTP(self.routes))
        results = await self.send(self.hop(self.host(peer), lmtp=True), ANN, BOB)
        assert [type(outcome) for outcome in results.values()] == [Delivered, Delivered]
        assert results[ANN].action is Action.DELIVERED  # type: ignore[union-attr]  # as seen just before

    async def test_many_at_once_have_connections_of_their_own(self) -> None:
        hop = self.hop(self.host(self.serve(MX(self.routes))))
        await gatherResults([Deferred.fromCoroutine(self.send(hop)) for _ in range(8)])
        assert (len(self.inbox()), self.connects) == (8, 8)
        await gatherResults([Deferred.fromCoroutine(self.send(hop)) for _ in range(8)])
        assert (len(self.inbox()), self.connects) == (16, 8)

    async def test_a_server_that_breaks_off_in_the_middle_is_not_the_only_one(self) -> None:
        good = self.host(self.serve(MX(self.routes)))
        [outcome] = (await self.send(self.hop(self.host(self.scripted(b"220 x", b"250 x", b"")), good))).values()
        assert isinstance(outcome, Retry)  # it has seen the envelope: what it made of it nobody knows
        assert outcome.status == "4.4.2"

    async def test_a_message_that_requires_tls_looks_for_a_server_that_promises_it(self) -> None:
        plain = self.host(self.serve(MX(self.routes), tls_too=False))
        promising = self.host(self.serve(MX(self.routes)))
        [outcome] = (await self.send(self.hop(plain, promising), require_tls=True)).values()
        assert isinstance(outcome, Delivered)
        [outcome] = (await self.send(evolve(self.hop(plain), key="k"), require_tls=True)).values()
        assert isinstance(outcome, Failed)
        assert outcome.status == "5.7.30"
        hop = evolve(self.hop(plain, promising), key="kept")
        await self.send(hop)
        [outcome] = (await self.send(hop, require_tls=True)).values()
        assert isinstance(outcome, Delivered)
        assert sum(b"with ESMTPS" in mail.replace(b"\r\n\t", b" ") for mail in self.inbox()) == 2

    async def test_what_a_server_does_not_take_it_says_for_all_and_it_stays_connected(self) -> None:
        small = self.host(self.serve(MX(self.routes, limits=Limits(message=1000))))
        big = self.host(self.serve(MX(self.routes)))
        hop = self.hop(small, big)
        for _ in range(2):
            [outcome] = (await self.send(hop, data=b"Subject: big\r\n\r\n" + b"x" * 2000)).values()
            assert isinstance(outcome, Failed)
            assert outcome.status == "5.3.4"
        [outcome] = (await self.send(hop)).values()
        assert isinstance(outcome, Delivered)
        assert self.connects == 1

    async def test_a_message_whose_file_is_gone_waits_and_the_connection_ends(self) -> None:
        hop = self.hop(self.host(self.serve(MX(self.routes))))
        recipients = (Recipient(ANN),)
        message = Message(b"Subject: gone\r\n\r\n", FileBody("/nonexistent", 300_000))
        delivery = Delivery("m1", Envelope(ANN, recipients), recipients, message)
        with self.assertRaises(FileNotFoundError):
            await self.sender.send(delivery, hop)
        [outcome] = (await self.send(hop)).values()
        assert isinstance(outcome, Delivered)
        assert self.connects == 2

    async def test_a_password_does_not_go_where_somebody_may_listen(self) -> None:
        peer = self.scripted(b"220 x", b"250-x\r\n250 AUTH PLAIN", b"221 bye")
        hop = self.hop(self.host(peer), credentials=Credentials("ann@example.org", "secret"))
        with mock.patch.object(Outgoing, "private", False):
            [outcome] = (await self.send(hop)).values()
        assert isinstance(outcome, Retry)
        assert "need TLS, and there is none" in outcome.text

    async def test_a_server_may_know_us_by_our_certificate(self) -> None:
        ours = tls.certificate()
        options = CertificateOptions(
            privateKey=ours.privateKey.original,
            certificate=ours.original,
            trustRoot=trustRootFromCertificates([ours]),
        )
        script = [b"220 x", b"250-x\r\n250 AUTH EXTERNAL", b"235 ok", b"250 ok", b"250 ok", b"354 go"]
        script += [b"250 ok"] * len(TEXT.splitlines())  # one a line, and then it closes
        factory: Any = Factory()
        factory.buildProtocol = lambda _address: Scripted(script)
        peer = self.listen(TLSMemoryBIOFactory(options, False, factory))
        path = path_for(self)
        Path(path).write_bytes(ours.dumpPEM())
        how: dict[str, Any] = {"implicit_tls": True, "credentials": Credentials("ann")}
        [outcome] = (await self.send(self.hop(self.host(peer), certificate=path, **how))).values()
        assert isinstance(outcome, Delivered)
        for wrong in ("", "/nonexistent"):
            hop = evolve(self.hop(self.host(peer), certificate=wrong, **how), key=f"wrong {wrong}")
            [outcome] = (await self.send(hop)).values()
            assert isinstance(outcome, Retry)
            assert outcome.status == ("4.3.5" if wrong else "4.4.2"), outcome
        assert "is no PEM file with a key and its certificate" in outcome.text

    async def test_failures_are_counted_with_the_addresses_of_both_sides(self) -> None:
        peer = self.serve(MX(self.routes), tls_too=False)
        await self.send(self.hop(self.host(peer, ENCRYPT)))
        unreported = evolve(ENCRYPT, reported=False)
        await self.send(evolve(self.hop(self.host(peer, unreported)), key="unreported"))
        [session] = self.counted
        assert session.result is ResultType.STARTTLS_NOT_SUPPORTED
        assert (session.sending_mta_ip, session.receiving_ip) == ("127.0.0.1", "127.0.0.1")
        assert session.receiving_mx_hostname == "mx.example.org"
        failure = TLSPolicyFailure(ResultType.DNSSEC_INVALID, "It is bogus", POLICY)
        assert self.sender.unusable(failure, "mx.example.org").outcome.status == "4.7.5"
        assert self.counted[-1].result is ResultType.DNSSEC_INVALID
        self.sender.collector = None
        self.sender.unusable(failure, "mx.example.org")
        assert len(self.counted) == 2

    async def test_while_it_stops_nothing_is_kept(self) -> None:
        hop = self.hop(self.host(self.serve(MX(self.routes))))
        sending = Deferred.fromCoroutine(self.send(hop))
        while not self.sender._links:
            await deferLater(reactor, 0)
        await self.sender.stop()
        await sending
        assert not self.sender._idle
        await self.sender.stop()
