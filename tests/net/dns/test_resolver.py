"""The resolver on a virtual clock, against servers that a test plays: answers, faults, patience and memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailframe.interfaces import IResolver
from mailframe.net.dns import MX, Answer, NoAnswer, NoRecords, NoSuchName, Resolver, ServerFailed
from mailframe.net.dns.resolver import ALIASES, IN_FLIGHT, RESTING_SECONDS, TOTAL_SECONDS, TRY_SECONDS
from mailframe.net.dns.sockets import Unreachable

A, MXS, CNAME = dns.Record_A, dns.Record_MX, dns.Record_CNAME


def rr(name: str, payload: Any, ttl: int = 60) -> dns.RRHeader:
    return dns.RRHeader(name.encode(), payload.TYPE, dns.IN, ttl, payload)


@define(eq=False)
class Asked:
    """A question that a server of the test has got."""

    server: str
    message: bytes
    accepts: Callable[[bytes], bool]
    by_tcp: bool
    answered: Deferred[bytes]

    @property
    def question(self) -> tuple[str, int]:
        read = dns.Message()
        read.fromStr(self.message)
        return read.queries[0].name.name.decode(), read.queries[0].type

    def reply(self, *records: Any, authority: Any = (), **header: Any) -> None:
        """Answer, as the server does."""
        read = dns.Message()
        read.fromStr(self.message)
        message = dns.Message(read.id, answer=1, **header)
        message.queries, message.answers, message.authority = read.queries, list(records), list(authority)
        data = bytes(message.toStr())
        assert self.accepts(data)
        self.answered.callback(data)


class ResolverTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.asked: list[Asked] = []
        self.resolver = self.resolver_of("127.0.0.1")

    def tearDown(self) -> None:
        assert self.clock.getDelayedCalls() == []

    def resolver_of(self, *servers: str, **options: Any) -> Resolver:
        return Resolver(self.clock, servers, self.exchange, **options)

    def exchange(
        self, server: str, port: int, message: bytes, accepts: Callable[[bytes], bool], by_tcp: bool
    ) -> Deferred[bytes]:
        assert port == 53
        asked = Asked(server, message, accepts, by_tcp, Deferred())
        self.asked.append(asked)
        return asked.answered

    def query(self, name: str, type: str = "A") -> Deferred[Answer]:
        answer = Deferred.fromCoroutine(self.resolver.query(name, type))
        self.addCleanup(answer.addErrback, lambda _failure: None)  # not every test looks at every answer
        return answer

    def only(self) -> Asked:
        """Return the one question that was asked since the last time."""
        [asked] = self.asked
        self.asked.clear()
        return asked

    # --- answers --------------------------------------------------------------------------------------------------

    def test_it_is_a_resolver(self) -> None:
        verifyObject(IResolver, self.resolver)

    def test_records_come_back(self) -> None:
        answer = self.query("Example.ORG.", "MX")
        asked = self.only()
        assert asked.question == ("example.org", 15)
        asked.reply(rr("example.org", MXS(10, b"mx1.example.org")), rr("example.org", MXS(5, b"mx2.example.org"), 30))
        assert self.successResultOf(answer) == Answer((MX(10, "mx1.example.org"), MX(5, "mx2.example.org")), False, 30)

    def test_records_of_other_names_are_not_taken(self) -> None:
        answer = self.query("example.org")
        self.only().reply(rr("evil.example", A("192.0.2.66")), rr("example.org", A("192.0.2.1")))
        assert self.successResultOf(answer).records == ("192.0.2.1",)

    def test_absence_of_the_name_and_of_records_are_told_apart(self) -> None:
        gone, empty = self.query("gone.example"), self.query("empty.example")
        self.asked[0].reply(rCode=3)
        self.asked[1].reply()
        self.failureResultOf(gone, NoSuchName)
        self.failureResultOf(empty, NoRecords)

    def test_a_server_that_fails_is_told_apart_and_asked_once(self) -> None:
        for rcode in (1, 2, 4, 5, 9):
            answer = self.query(f"x{rcode}.example")
            self.only().reply(rCode=rcode)
            self.failureResultOf(answer, ServerFailed)
        assert self.asked == []

    def test_what_cannot_be_a_name_is_not_asked_for(self) -> None:
        for name in ("", "a..b", "x" * 64 + ".example", "ü.example"):
            self.failureResultOf(self.query(name), NoSuchName)
        assert self.asked == []

    def test_a_type_that_is_none_is_a_mistake_of_the_caller(self) -> None:
        self.failureResultOf(self.query("example.org", "mx"), ValueError)

    def test_numbers_of_questions_are_random(self) -> None:
        numbers = iter([b"\x12\x34", b"\xab\xcd"])
        self.resolver = self.resolver_of("127.0.0.1", random=lambda _count: next(numbers))
        self.query("a.example")
        self.query("b.example")
        assert [asked.message[:2] for asked in self.asked] == [b"\x12\x34", b"\xab\xcd"]
        for asked in self.asked:
            asked.reply()

    # --- aliases --------------------------------------------------------------------------------------------------

    def test_aliases_in_the_answer_are_followed(self) -> None:
        answer = self.query("www.example")
        self.only().reply(
            rr("b.example", CNAME(b"c.example"), 20),
            rr("www.example", CNAME(b"b.example")),
            rr("c.example", A("192.0.2.1")),
        )
        assert self.successResultOf(answer) == Answer(("192.0.2.1",), False, 20)

    def test_an_alias_that_the_server_did_not_follow_is_asked_for(self) -> None:
        answer = self.query("www.example")
        self.only().reply(rr("www.example", CNAME(b"other.example"), 20), authenticData=1)
        asked = self.only()
        assert asked.question == ("other.example", 1)
        asked.reply(rr("other.example", A("192.0.2.1"), 40))
        assert self.successResultOf(answer) == Answer(("192.0.2.1",), False, 20)

    def test_an_alias_to_nothing_has_no_records(self) -> None:
        answer = self.query("www.example")
        self.only().reply(rr("www.example", CNAME(b"other.example")))
        self.only().reply()
        self.failureResultOf(answer, NoRecords)

    def test_an_alias_to_a_name_that_is_not_there_is_no_name(self) -> None:
        answer = self.query("www.example")
        self.only().reply(rr("www.example", CNAME(b"other.example")), rCode=3)
        self.failureResultOf(answer, NoSuchName)

    def test_an_alias_itself_can_be_asked_for(self) -> None:
        answer = self.query("www.example", "CNAME")
        self.only().reply(rr("www.example", CNAME(b"other.example")))
        assert self.successResultOf(answer).records == ("other.example",)

    def test_an_alias_in_circles_ends(self) -> None:
        answer = self.query("a.example")
        self.only().reply(rr("a.example", CNAME(b"b.example")), rr("b.example", CNAME(b"a.example")))
        self.failureResultOf(answer, ServerFailed)

    def test_a_chain_has_a_length(self) -> None:
        answer = self.query("a0.example")
        for number in range(ALIASES):
            self.only().reply(rr(f"a{number}.example", CNAME(b"a%d.example" % (number + 1))))
        self.only().reply(rr(f"a{ALIASES}.example", A("192.0.2.1")))
        assert self.successResultOf(answer).records == ("192.0.2.1",)

        answer = self.query("b0.example")
        for number in range(ALIASES + 1):
            self.only().reply(rr(f"b{number}.example", CNAME(b"b%d.example" % (number + 1))))
        self.failureResultOf(answer, ServerFailed)

    # --- DNSSEC ---------------------------------------------------------------------------------------------------

    def authenticated(self, **options: Any) -> bool:
        self.resolver = self.resolver_of(*options.pop("servers", ("127.0.0.1",)), **options)
        answer = self.query("example.org")
        self.only().reply(rr("example.org", A("192.0.2.1")), authenticData=1)
        return self.successResultOf(answer).authenticated

    def test_a_validating_server_on_this_machine_is_trusted(self) -> None:
        assert self.authenticated()
        assert self.authenticated(servers=["::1"])

    def test_a_server_elsewhere_is_trusted_only_when_declared(self) -> None:
        assert not self.authenticated(servers=["192.0.2.53"])
        assert self.authenticated(servers=["192.0.2.53"], validating=frozenset({"192.0.2.53"}))
        assert not self.authenticated(validating=frozenset())

    def test_a_chain_is_authentic_when_all_of_it_is(self) -> None:
        answer = self.query("www.example")
        self.only().reply(rr("www.example", CNAME(b"other.example")))
        self.only().reply(rr("other.example", A("192.0.2.1")), authenticData=1)
        assert not self.successResultOf(answer).authenticated

    # --- servers --------------------------------------------------------------------------------------------------

    def test_a_long_answer_is_fetched_by_tcp(self) -> None:
        answer = self.query("example.org")
        asked = self.only()
        assert not asked.by_tcp
        asked.reply(trunc=1)
        asked = self.only()
        assert asked.by_tcp
        asked.reply(rr("example.org", A("192.0.2.1")))
        assert self.successResultOf(answer).records == ("192.0.2.1",)

    def test_the_next_server_is_asked_when_one_is_silent_refused_broken_or_failing(self) -> None:
        def silent(asked: Asked) -> None:
            self.clock.advance(TRY_SECONDS[0])

        def refused(asked: Asked) -> None:
            asked.answered.errback(Unreachable("refused"))

        def broken(asked: Asked) -> None:
            asked.answered.callback(b"x" * 5)

        def failing(asked: Asked) -> None:
            asked.reply(rCode=2)

        for number, fault in enumerate((silent, refused, broken, failing)):
            self.resolver = self.resolver_of("192.0.2.1", "192.0.2.2")
            answer = self.query(f"x{number}.example")
            asked = self.only()
            assert asked.server == "192.0.2.1"
            fault(asked)
            asked = self.only()
            assert asked.server == "192.0.2.2"
            asked.reply(rr(f"x{number}.example", A("192.0.2.9")))
            assert self.successResultOf(answer).records == ("192.0.2.9",)

    def test_a_silent_server_is_asked_last_for_a_while(self) -> None:
        self.resolver = self.resolver_of("192.0.2.1", "192.0.2.2")
        self.query("a.example")
        self.only().answered.errback(Unreachable("refused"))
        self.only().reply()
        self.query("b.example")
        asked = self.only()
        assert asked.server == "192.0.2.2"
        asked.reply()
        self.clock.advance(RESTING_SECONDS)
        self.query("c.example")
        asked = self.only()
        assert asked.server == "192.0.2.1"
        asked.reply()

    def test_nobody_answers(self) -> None:
        answer = self.query("example.org")
        for seconds in TRY_SECONDS:
            asked = self.only()
            self.clock.advance(seconds - 0.1)
            assert self.asked == []
            self.clock.advance(0.1)
            assert asked.answered.called  # cancelled: its socket is closed
        self.failureResultOf(answer, NoAnswer)

    def test_many_silent_servers_do_not_make_it_endless(self) -> None:
        self.resolver = self.resolver_of(*(f"192.0.2.{number}" for number in range(1, 9)))
        answer = self.query("example.org")
        for _ in range(int(TOTAL_SECONDS) - 1):
            self.clock.advance(1)
        self.assertNoResult(answer)
        self.clock.advance(1)
        self.failureResultOf(answer, NoAnswer)

    def test_one_failing_server_among_silent_ones_counts(self) -> None:
        self.resolver = self.resolver_of("192.0.2.1", "192.0.2.2")
        answer = self.query("example.org")
        for _ in range(2 * len(TRY_SECONDS)):
            asked = self.only()
            if asked.server == "192.0.2.1":
                asked.answered.errback(Unreachable("refused"))
            else:
                asked.reply(rCode=2)
        self.failureResultOf(answer, ServerFailed)

    # --- memory ---------------------------------------------------------------------------------------------------

    def test_what_was_answered_is_not_asked_again_while_it_holds(self) -> None:
        self.query("example.org")
        self.only().reply(rr("example.org", A("192.0.2.1"), 60))
        self.clock.advance(59)
        assert self.successResultOf(self.query("EXAMPLE.org.")) == Answer(("192.0.2.1",), False, 1.0)
        assert self.asked == []
        self.clock.advance(1)
        self.query("example.org")
        self.only().reply()

    def test_absence_is_remembered_as_long_as_the_zone_says(self) -> None:
        soa = rr("example", dns.Record_SOA(b"ns", b"h", 1, minimum=30), 3600)
        self.failureResultOf(self.reply_to("gone.example", rCode=3, authority=[soa]), NoSuchName)
        self.failureResultOf(self.reply_to("empty.example", authority=[soa]), NoRecords)
        self.clock.advance(29)
        self.failureResultOf(self.query("gone.example"), NoSuchName)
        self.failureResultOf(self.query("empty.example"), NoRecords)
        assert self.asked == []
        self.clock.advance(1)
        self.query("gone.example")
        self.only().reply()

    def reply_to(self, name: str, **reply: Any) -> Deferred[Answer]:
        answer = self.query(name)
        self.only().reply(**reply)
        return answer

    def test_failures_are_not_remembered(self) -> None:
        self.failureResultOf(self.reply_to("example.org", rCode=2), ServerFailed)
        answer = self.query("example.org")
        self.only().reply(rr("example.org", A("192.0.2.1")))
        self.successResultOf(answer)

    def test_the_same_question_is_asked_once_for_all_who_wait(self) -> None:
        first, second, third = self.query("example.org"), self.query("EXAMPLE.ORG"), self.query("example.org")
        asked = self.only()
        second.cancel()
        self.failureResultOf(second, CancelledError)
        asked.reply(rr("example.org", A("192.0.2.1")))
        assert self.successResultOf(first) == self.successResultOf(third)

    def test_all_who_wait_hear_of_a_failure(self) -> None:
        first, second = self.query("example.org"), self.query("example.org")
        self.only().reply(rCode=2)
        self.failureResultOf(first, ServerFailed)
        self.failureResultOf(second, ServerFailed)

    def test_the_answer_to_a_question_nobody_waits_for_any_more_is_kept(self) -> None:
        answer = self.query("example.org")
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.only().reply(rr("example.org", A("192.0.2.1")))
        assert self.successResultOf(self.query("example.org")).records == ("192.0.2.1",)

    def test_only_so_many_questions_are_out_at_once(self) -> None:
        answers = [self.query(f"x{number}.example") for number in range(IN_FLIGHT + 3)]
        assert len(self.asked) == IN_FLIGHT
        while self.asked:
            self.asked.pop().reply()
        for answer in answers:
            self.failureResultOf(answer, NoRecords)

    # --- names of addresses ---------------------------------------------------------------------------------------

    def test_the_names_of_an_address_lead_back_to_it(self) -> None:
        names = Deferred.fromCoroutine(self.resolver.names("192.0.2.7"))
        asked = self.only()
        assert asked.question == ("7.2.0.192.in-addr.arpa", 12)
        asked.reply(rr("7.2.0.192.in-addr.arpa", dns.Record_PTR(b"mail.example.org")))
        asked = self.only()
        assert asked.question == ("mail.example.org", 1)
        asked.reply(rr("mail.example.org", A("192.0.2.7")))
        assert self.successResultOf(names) == ["mail.example.org"]
