"""The runner on the virtual clock: retries, windows, warnings, reports, and a quiet stop."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides, implementer

from mailframe.address import Address
from mailframe.delivery.routes import Route
from mailframe.envelope import Envelope, Recipient
from mailframe.errors import Temporary
from mailframe.hooks import Action, Delivered, Delivery, Failed, Outcome, Retry
from mailframe.interfaces import IElsewhere, IKnowsServers, QueuedState, Selection
from mailframe.net.dns import NoAnswer
from mailframe.queue import recording
from mailframe.queue.concurrency import FORGET_SECONDS, Limits
from mailframe.queue.memory import MemoryQueue
from mailframe.queue.runner import BEHIND, LEASE_SECONDS, PATIENCE_SECONDS, STOP_SECONDS, TROUBLE_SECONDS, Runner
from mailframe.queue.schedule import DAY, HOUR, MINUTE, Schedule, Schedules
from mailframe.queue.suppressing import Suppressing
from mailframe.queue.suppressions import MemorySuppressions
from mailframe.site import Site
from mailframe.spool import Message
from mailframe.sqlite import SQLite
from mailframe.testing.dns import FakeDNS

MESSAGE = Message.from_bytes(b"Subject: hello\r\nMessage-ID: <1@example.net>\r\n\r\nText\r\n")
ENVELOPE = Envelope(Address("me", "example.net"), (Recipient(Address("ann", "a.example")),))
UNKNOWN = Failed("5.1.1", "No such user", "mx.a.example", "550 5.1.1 No such user")
DEAD = Retry("4.4.1", "Nobody there")


class Place:
    """A target that does what it is told, and notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, str, list[str]]] = []
        self.answer: Callable[[Delivery], Any] = lambda _delivery: Delivered("there")
        self.bodies: list[bytes] = []
        self.clock = Clock()

    def __call__(self, delivery: Delivery) -> Any:
        self.asked.append((self.clock.seconds(), delivery.id, [each.address.local for each in delivery.recipients]))
        self.bodies.append(bytes(delivery.message))
        return self.answer(delivery)


def _to(*to: str) -> Envelope:
    return Envelope(Address.parse("me@example.net"), tuple(Recipient(Address.parse(each)) for each in to))


@implementer(IKnowsServers)
class Hosting(Place):
    """A target that knows servers."""

    def __init__(self, known: Callable[[str], Any]) -> None:
        super().__init__()
        self.known = known

    async def servers(self, site: Site, domain: str) -> Sequence[str]:
        found = self.known(domain)
        names: Sequence[str] = await found if isinstance(found, Deferred) else found
        return names


class RunnerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.site = Site("mx.example.org", self.clock, random=lambda count: bytes(count))
        self.queue = MemoryQueue(self.clock)
        self.place, self.reports = Place(), Place()
        self.place.clock = self.reports.clock = self.clock
        self.routes = [Route("me@example.net", self.reports), Route("*", self.place)]

    def start(self, **options: Any) -> Runner:
        self.runner = Runner(self.queue, self.routes, **options)
        self.now(self.runner.start(self.site))
        self.addCleanup(self.stop)
        return self.runner

    def stop(self) -> None:
        stopped = Deferred.fromCoroutine(self.runner.stop())
        self.clock.advance(STOP_SECONDS)
        self.successResultOf(stopped)
        assert self.clock.getDelayedCalls() == []

    def now(self, call: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(call))

    def put(self, *to: str, id: str = "m1", sender: str | None = "me@example.net", notify: str = "") -> None:
        keywords = frozenset(filter(None, notify.split(",")))
        recipients = tuple(Recipient(Address.parse(each), keywords) for each in to)
        envelope = Envelope(Address.parse(sender) if sender else None, recipients)
        self.now(self.runner.put(id, envelope, MESSAGE, self.clock.seconds()))

    def advance(self, seconds: float) -> None:
        """Let time pass, stopping at each call that is due."""
        end = self.clock.seconds() + seconds
        while self.clock.calls and self.clock.calls[0].getTime() <= end:
            self.clock.advance(max(0.0, self.clock.calls[0].getTime() - self.clock.seconds()))
        self.clock.advance(max(0.0, end - self.clock.seconds()))

    def empty(self) -> bool:
        return self.now(self.queue.next_due(0.0)) is None

    # --- what goes well -------------------------------------------------------------------------------------------

    def test_what_is_put_goes_at_once(self) -> None:
        self.start()
        self.put("ann@a.example", "bob@a.example", "cat@b.example")
        assert [(name, sorted(to)) for _when, name, to in self.place.asked] == [("m1", ["ann", "bob"]), ("m1", ["cat"])]
        assert self.empty()
        assert self.reports.asked == []

    def test_what_waited_while_the_server_was_down_goes_when_it_starts(self) -> None:
        envelope = Envelope(None, (Recipient(Address("ann", "a.example")),))
        self.now(self.queue.put("m1", envelope, MESSAGE, 0.0))
        self.start()
        assert len(self.place.asked) == 1

    def test_success_is_told_to_whoever_wants_to_know(self) -> None:
        self.start()
        self.put("ann@a.example", notify="SUCCESS")
        [body] = self.reports.bodies
        assert b"Action: delivered\r\n" in body
        self.place.answer = lambda _delivery: Delivered("there", Action.PASSED_ON)
        self.put("ann@a.example", id="m2", notify="SUCCESS")
        assert len(self.reports.bodies) == 1

    # --- what does not --------------------------------------------------------------------------------------------

    def test_a_failure_becomes_one_report_for_all_its_recipients(self) -> None:
        self.start()
        self.place.answer = lambda delivery: Failed("5.1.1", "No such user", "mx.a.example", "550 5.1.1 No such user")
        self.put("ann@a.example", "bob@a.example")
        [(_when, _id, to)] = self.reports.asked
        assert to == ["me"]
        [body] = self.reports.bodies
        assert body.count(b"Action: failed\r\n") == 2
        assert b"Remote-MTA: dns; mx.a.example\r\n" in body
        assert b"Diagnostic-Code: smtp; 550 5.1.1 No such user\r\n" in body
        assert b"In-Reply-To: <1@example.net>\r\n" in body
        assert self.empty()

    def test_a_report_that_cannot_be_delivered_is_not_reported(self) -> None:
        self.start()
        self.place.answer = self.reports.answer = lambda _delivery: Failed("5.1.1", "No")
        self.put("ann@a.example")
        assert len(self.reports.asked) == 1
        assert self.empty()

    def test_each_recipient_has_an_outcome_of_its_own(self) -> None:
        self.start()

        def answer(delivery: Delivery) -> Mapping[Address, Outcome]:
            kinds: list[Outcome] = [Delivered(), Failed(), Retry()]
            return {each.address: kinds[index] for index, each in enumerate(delivery.recipients)}

        self.place.answer = answer
        self.put("ann@a.example", "bob@a.example", "cat@a.example")
        assert len(self.reports.asked) == 1
        self.place.answer = lambda _delivery: Delivered()
        self.advance(10 * MINUTE)
        assert [to for _when, _id, to in self.place.asked] == [["ann", "bob", "cat"], ["cat"]]

    def test_five_days_of_an_unreachable_destination(self) -> None:
        self.start(schedules=Schedules(Schedule(jitter=0.0)))
        self.place.answer = lambda _delivery: DEAD
        self.put("ann@a.example")
        started = self.clock.seconds()
        self.advance(5 * DAY + HOUR)
        tried = [when - started for when, _id, _to in self.place.asked]
        assert tried[:8] == [0, 300, 900, 2100, 4500, 8100, 15300, 29700]
        assert tried[-1] == 5 * DAY
        told = [
            (when - started, b"Action: delayed" in body)
            for (when, _, _), body in zip(self.reports.asked, self.reports.bodies, strict=True)
        ]
        assert told == [(15300.0, True), (5 * DAY, False)]
        assert b"Action: failed\r\n" in self.reports.bodies[1]
        assert b"Status: 5.4.7\r\n" in self.reports.bodies[1]
        assert b"Will-Retry-Until: " in self.reports.bodies[0]
        assert self.empty()

    def test_a_destination_that_greylists_gets_it_soon_after(self) -> None:
        self.start()
        self.place.answer = lambda _delivery: Retry("4.7.1", "Greylisted")
        self.put("ann@a.example")
        self.place.answer = lambda _delivery: Delivered()
        self.advance(3 * MINUTE)
        assert len(self.place.asked) == 2
        assert self.empty()

    def test_a_target_that_raises_or_hangs_is_tried_again(self) -> None:
        self.start()

        def broken(_delivery: Delivery) -> Any:
            raise RuntimeError("oh")

        self.place.answer = broken
        self.put("ann@a.example")
        assert len(self.flushLoggedErrors(RuntimeError)) == 1
        self.place.answer = lambda _delivery: Deferred()
        self.advance(10 * MINUTE)
        assert len(self.place.asked) == 2
        self.place.answer = lambda _delivery: Delivered()
        self.advance(2 * HOUR)
        assert len(self.place.asked) == 3
        assert self.empty()

    def test_an_address_to_which_no_route_leads_fails(self) -> None:
        self.routes = [Route("me@example.net", self.reports)]
        self.start()
        self.put("ann@a.example")
        assert b"Status: 5.4.4\r\n" in self.reports.bodies[0]

    # --- windows --------------------------------------------------------------------------------------------------

    def test_a_destination_gets_a_bounded_number_of_deliveries_at_once(self) -> None:
        self.start(limits=Limits(first=2, most=2))
        ends: list[Deferred[Any]] = []

        def slow(_delivery: Delivery) -> Deferred[Any]:
            ends.append(Deferred())
            return ends[-1]

        self.place.answer = slow
        for number in range(5):
            self.put("ann@a.example", id=f"m{number}")
        assert len(self.place.asked) == 2
        self.put("bob@b.example", id="other")
        assert len(self.place.asked) == 3
        for number in range(6):
            ends[number].callback(Delivered())
        assert len(self.place.asked) == 6
        assert self.empty()

    def test_all_destinations_together_get_a_bounded_number(self) -> None:
        self.start(deliveries=3)
        ends: list[Deferred[Any]] = []

        def slow(_delivery: Delivery) -> Deferred[Any]:
            ends.append(Deferred())
            return ends[-1]

        self.place.answer = slow
        for number in range(6):
            self.put(f"ann@a{number}.example", id=f"m{number}")
        assert len(self.place.asked) == 3
        for number in range(6):
            ends[number].callback(Delivered())
        assert len(self.place.asked) == 6
        assert self.empty()

    def test_a_dead_destination_is_left_alone_and_then_asked_by_one(self) -> None:
        self.start(limits=Limits(first=2, rest=1000.0))
        self.place.answer = lambda _delivery: DEAD
        for number in range(10):
            self.put("ann@a.example", id=f"m{number}")
        assert len(self.place.asked) == 2
        self.advance(999)
        assert len(self.place.asked) == 2
        self.advance(2)
        assert len(self.place.asked) == 3
        self.place.answer = lambda _delivery: Delivered()
        self.advance(2001)
        assert self.empty()

    def test_a_user_who_is_unknown_there_says_nothing_about_a_destination(self) -> None:
        self.start(limits=Limits(first=1, rest=1000.0))
        self.place.answer = lambda _delivery: Retry("4.2.2", "Full")
        for number in range(5):
            self.put("ann@a.example", id=f"m{number}")
        assert len(self.place.asked) == 5

    def test_a_rate_is_kept(self) -> None:
        self.start(limits=Limits(rate=1.0))
        for number in range(5):
            self.put("ann@a.example", id=f"m{number}")
        assert len(self.place.asked) == 1
        self.advance(2)
        assert len(self.place.asked) == 3
        self.advance(10)
        assert self.empty()

    # --- servers that many destinations share --------------------------------------------------------------------

    def hosted(self, servers: Callable[[str], Any], **limits: Any) -> list[Deferred[Any]]:
        """
        Start a runner whose target knows servers, with a limit for those of big.example; return what ends deliveries.
        """
        ends: list[Deferred[Any]] = []

        def slow(_delivery: Delivery) -> Deferred[Any]:
            ends.append(Deferred())
            return ends[-1]

        self.place = Hosting(servers)
        self.place.clock, self.place.answer = self.clock, slow
        self.routes = [Route("me@example.net", self.reports), Route("*", self.place)]
        self.start(**{"limits_by_host": {"*.big.example": Limits(first=2, most=2)}, **limits})
        return ends

    def asked_ids(self) -> list[str]:
        return [name for _when, name, _to in self.place.asked]

    def test_destinations_with_the_same_servers_share_a_limit_and_take_turns(self) -> None:
        ends = self.hosted(lambda domain: ["mx.big.example"] if domain != "own.example" else ["mx.own.example"])
        for turn in range(3):
            for name in ("a", "b", "c"):
                self.put(f"ann@{name}.example", id=f"{name}{turn}")
        self.put("ann@own.example", id="own")
        assert self.asked_ids() == ["a0", "b0", "own"]
        for number in range(10):
            ends[number].callback(Delivered())
        assert sorted(self.asked_ids()) == sorted([f"{name}{turn}" for name in "abc" for turn in range(3)] + ["own"])
        assert [name[0] for name in self.asked_ids()[3:6]].count("c") >= 1
        assert self.empty()

    def test_many_destinations_with_the_same_servers_do_not_keep_others_waiting(self) -> None:
        ends = self.hosted(lambda domain: ["mx.big.example"] if domain[0] == "d" else [])
        for number in range(40):
            self.put(f"ann@d{number}.example", id=f"m{number}")
        self.put("ann@own.example", id="own")
        assert len(self.place.asked) == 3
        leased = self.now(self.queue.inspect(Selection(state=QueuedState.LEASED)))
        assert len(leased) <= 3 + BEHIND
        number = 0
        while number < len(ends):
            ends[number].callback(Delivered())
            number += 1
        assert len(self.place.asked) == 41
        assert self.empty()

    def test_what_waits_for_its_servers_for_long_goes_when_they_have_room(self) -> None:
        ends = self.hosted(lambda domain: [f"mx.{'big' if domain[0] == 'd' else 'own'}.example"])
        for number in range(3):
            self.put(f"ann@d{number}.example", id=f"m{number}")
        self.advance(2 * FORGET_SECONDS)
        self.put("ann@own.example", id="own")
        assert self.asked_ids() == ["m0", "m1", "own"]
        ends[0].callback(Delivered())
        assert self.asked_ids() == ["m0", "m1", "own", "m2"]
        for end in ends[1:]:
            end.callback(Delivered())

    def test_a_rate_of_servers_is_kept_for_all_their_destinations_together(self) -> None:
        limits = {"*.big.example": Limits(rate=1.0)}
        ends = self.hosted(lambda _domain: ["mx.big.example"], limits_by_host=limits)
        for number in range(5):
            self.put("ann@a.example" if number % 2 else "ann@b.example", id=f"m{number}")
        self.advance(2)
        assert len(self.place.asked) == 3
        self.advance(10)
        assert len(self.place.asked) == 5
        for end in ends:
            end.callback(Delivered())

    def test_nothing_goes_before_it_is_known_where(self) -> None:
        found: dict[str, Deferred[Any]] = {"a.example": Deferred(), "b.example": Deferred()}
        ends = self.hosted(lambda domain: found[domain])
        self.put("ann@a.example", id="a")
        self.put("ann@b.example", id="b")
        assert self.place.asked == []
        found["b.example"].callback(["mx.big.example"])
        assert self.asked_ids() == ["b"]
        found["a.example"].callback(["mx.a.example"])
        assert self.asked_ids() == ["b", "a"]
        self.put("ann@a.example", id="a1")
        assert self.asked_ids() == ["b", "a", "a1"]
        for end in ends:
            end.callback(Delivered())

    def test_where_nobody_can_tell_the_delivery_is_made_and_says_why(self) -> None:
        def broken(_domain: str) -> Any:
            raise RuntimeError("a bug")

        ends = self.hosted(broken)
        self.put("ann@a.example")
        assert len(self.place.asked) == 1
        assert len(self.flushLoggedErrors(RuntimeError)) == 1
        ends[0].callback(Delivered())

    def test_a_stop_does_not_wait_for_an_answer(self) -> None:
        self.hosted(lambda _domain: Deferred())
        self.put("ann@a.example")
        self.now(self.runner.stop())
        [left] = self.now(self.queue.inspect(Selection()))
        assert (left.state, self.place.asked) == (QueuedState.DUE, [])

    def test_questions_count_as_deliveries(self) -> None:
        self.hosted(lambda _domain: Deferred(), deliveries=3)
        for number in range(9):
            self.put(f"ann@d{number}.example", id=f"m{number}")
        assert len(self.now(self.queue.inspect(Selection(state=QueuedState.LEASED)))) == 3

    def test_destinations_have_limits_of_their_own(self) -> None:
        self.start(limits_by_destination={"a.example": Limits(first=1, most=1)})
        self.place.answer = lambda _delivery: Deferred()
        for number in range(3):
            self.put("ann@a.example", "ann@b.example", id=f"m{number}")
        assert len(self.place.asked) == 4

    # --- an administrator -----------------------------------------------------------------------------------------

    def test_what_is_to_be_tried_again_is_tried_at_once_even_where_nobody_answered(self) -> None:
        self.start(limits=Limits(first=1, rest=10_000.0))
        self.place.answer = lambda _delivery: DEAD
        self.put("ann@a.example")
        self.put("ann@b.example", id="m2")
        self.place.answer = lambda _delivery: Delivered()
        self.advance(60)
        self.now(self.queue.retry(Selection(destination="a.example")))
        assert [name for _when, name, _to in self.place.asked] == ["m1", "m2", "m1"]
        self.advance(5000)
        assert len(self.place.asked) == 3
        assert not self.empty()

    def test_what_is_released_goes_at_once(self) -> None:
        self.start()
        self.now(self.queue.put("m1", Envelope(None, (Recipient(Address("ann", "a.example")),)), MESSAGE, 2_000_000.0))
        self.now(self.queue.hold(Selection()))
        self.advance(2_000_000)
        assert self.place.asked == []
        self.now(self.queue.release(Selection()))
        assert len(self.place.asked) == 1

    def test_what_is_to_go_back_is_reported_at_once_and_goes_nowhere(self) -> None:
        self.start()
        self.place.answer = lambda _delivery: DEAD
        self.put("ann@a.example")
        self.now(self.queue.send_back(Selection()))
        assert len(self.place.asked) == 1
        [body] = self.reports.bodies
        assert b"Status: 5.7.1\r\n" in body
        assert b"returned by the administrator" in body
        assert self.empty()

    def test_another_route_is_taken_at_once(self) -> None:
        self.start()
        self.place.answer = lambda _delivery: DEAD
        self.put("ann@a.example")
        self.now(self.queue.reroute(Selection(), "relay.example"))
        assert len(self.place.asked) == 1  # and not again: the relay cannot be looked up in a world without a DNS
        [seen] = self.now(self.queue.inspect(Selection()))
        assert (seen.route, seen.attempts, seen.outcome.status) == ("relay.example", 2, "4.4.3")

    def lent(self) -> Deferred[Any]:
        """Start a runner with one attempt under way, and two messages lent that wait for it."""
        self.start(limits=Limits(first=1, most=1))
        end: Deferred[Any] = Deferred()
        for number in range(3):
            self.now(self.queue.put(f"m{number}", ENVELOPE, MESSAGE, self.clock.seconds()))
        self.place.answer = lambda _delivery: end
        self.runner.wake()
        assert [each.state.value for each in self.now(self.queue.inspect(Selection()))] == ["leased"] * 3
        return end

    def test_what_is_removed_and_has_not_begun_never_does(self) -> None:
        end = self.lent()
        assert self.now(self.queue.remove(Selection())) == 3
        end.callback(Failed("5.1.1", "No such user"))
        assert [name for _when, name, _to in self.place.asked] == ["m0"]
        assert self.reports.asked == []
        assert self.empty()

    def test_what_is_held_and_has_not_begun_waits_until_it_is_released(self) -> None:
        end = self.lent()
        self.now(self.queue.hold(Selection()))
        states = [each.state.value for each in self.now(self.queue.inspect(Selection()))]
        assert states == ["leased", "held", "held"]
        end.callback(Delivered())
        self.advance(5 * DAY)
        assert len(self.place.asked) == 1
        self.place.answer = lambda _delivery: Delivered()
        self.now(self.queue.release(Selection()))
        assert len(self.place.asked) == 3
        assert self.empty()

    def test_what_is_to_go_back_and_has_not_begun_never_goes_anywhere_else(self) -> None:
        end = self.lent()
        self.now(self.queue.send_back(Selection()))
        end.callback(Delivered())
        assert len(self.place.asked) == 1
        assert sum(len(to) for _when, _id, to in self.reports.asked) == 2
        assert self.empty()

    def test_what_cannot_be_given_back_is_done_as_it_was_and_said_so(self) -> None:
        end = self.lent()
        with mock.patch.object(MemoryQueue, "give_back", side_effect=Temporary("disk")):
            self.now(self.queue.reroute(Selection(), "relay.example"))
        assert len(self.flushLoggedErrors(Temporary)) == 1
        end.callback(Delivered())
        assert not self.empty()

    def test_a_runner_that_has_stopped_is_not_told(self) -> None:
        self.start()
        self.now(self.runner.stop())
        self.now(self.queue.put("m1", ENVELOPE, MESSAGE, 0.0))
        self.now(self.queue.retry(Selection()))
        assert self.place.asked == []

    # --- those that get no mail -----------------------------------------------------------------------------------

    def elsewhere(self) -> MemorySuppressions:
        """Let mail for everybody but me go to other servers, and return the list of those that get none."""
        directlyProvides(self.place, IElsewhere)
        return MemorySuppressions(self.clock)

    def test_who_is_suppressed_gets_nothing_and_the_sender_is_told(self) -> None:
        listed = self.elsewhere()
        self.start(suppressions=listed)
        self.now(listed.suppress(Address("ann", "a.example"), "Nobody there"))
        self.put("ann@a.example", "bob@a.example")
        assert [to for _when, _id, to in self.place.asked] == [["bob"]]
        [body] = self.reports.bodies
        assert b"Status: 5.1.1\r\n" in body
        assert b"Nobody there. If it works again, tell the postmaster" in body.replace(b"\r\n ", b" ")
        self.put("ann@a.example", id="m2")
        assert len(self.place.asked) == 1
        assert self.empty()

    def test_our_own_mailboxes_are_never_suppressed(self) -> None:
        listed = MemorySuppressions(self.clock)
        self.start(suppressions=listed)
        self.now(listed.suppress("a.example", "Nobody there"))
        self.put("ann@a.example")
        assert len(self.place.asked) == 1
        assert self.reports.asked == []

    def test_a_list_that_cannot_be_read_means_later(self) -> None:
        listed = self.elsewhere()
        self.start(suppressions=listed)
        with mock.patch.object(MemorySuppressions, "find", side_effect=Temporary("disk")):
            self.put("ann@a.example")
        assert self.place.asked == []
        assert len(self.flushLoggedErrors(Temporary)) == 1
        self.advance(10 * MINUTE)
        assert len(self.place.asked) == 1

    def refusing(self, outcome: Outcome, **options: Any) -> MemorySuppressions:
        """Start a runner that learns, where another server says this of every message."""
        listed = self.elsewhere()
        self.place.answer = lambda _delivery: outcome
        self.start(suppressions=listed, **options)
        return listed

    def send(self, count: int, first: int = 0) -> None:
        for number in range(first, first + count):
            self.put("ann@a.example", id=f"m{number}")

    def test_who_is_unknown_again_and_again_is_suppressed_for_a_time(self) -> None:
        listed = self.refusing(UNKNOWN, suppressing=Suppressing(after=3, lasts=30 * DAY))
        self.send(3)
        [found] = self.now(listed.suppressions())
        assert found.target == "ann@a.example"
        assert found.reason == "mx.a.example has refused it 3 times, 550 5.1.1 No such user"
        assert found.until == self.clock.seconds() + 30 * DAY
        self.send(2, 3)
        assert len(self.place.asked) == 3
        assert len(self.reports.asked) == 5

    def test_suppressing_may_last_for_ever(self) -> None:
        listed = self.refusing(UNKNOWN, suppressing=Suppressing(after=1, lasts=0))
        self.send(1)
        assert [each.until for each in self.now(listed.suppressions())] == [None]

    def test_nobody_is_suppressed_unless_that_is_wanted(self) -> None:
        listed = self.refusing(UNKNOWN)
        self.send(10)
        assert self.now(listed.suppressions()) == []

    def test_only_what_another_server_says_of_an_address_counts(self) -> None:
        for outcome in (
            Failed("5.1.1", "No such user"),
            Failed("5.7.1", "Spam", "mx.a.example", "550 5.7.1 Spam"),
            Retry("4.2.2", "Full", "mx.a.example", "452 4.2.2 Full"),
        ):
            listed = self.refusing(outcome, suppressing=Suppressing(after=1))
            self.send(2)
            assert self.now(listed.suppressions()) == []
            self.now(self.runner.stop())

    def test_a_success_between_two_failures_begins_the_count_anew(self) -> None:
        listed = self.refusing(UNKNOWN, suppressing=Suppressing(after=3))
        self.send(2)
        self.place.answer = lambda _delivery: Delivered("there", remote="mx.a.example")
        self.send(1, 2)
        self.place.answer = lambda _delivery: UNKNOWN
        self.send(2, 3)
        assert self.now(listed.suppressions()) == []
        self.advance(31 * DAY)
        self.send(1, 5)
        assert self.now(listed.suppressions()) == []

    def test_a_count_that_cannot_be_kept_does_not_hinder_anybody(self) -> None:
        listed = self.refusing(UNKNOWN, suppressing=Suppressing(after=1))
        with mock.patch.object(MemorySuppressions, "count", side_effect=Temporary("disk")):
            self.send(1)
        assert len(self.flushLoggedErrors(Temporary)) == 1
        assert len(self.reports.asked) == 1
        assert self.empty()
        assert self.now(listed.suppressions()) == []

    # --- trouble and the end --------------------------------------------------------------------------------------

    def test_a_queue_that_cannot_be_read_is_asked_again(self) -> None:
        self.now(self.queue.put("m1", ENVELOPE, MESSAGE, self.clock.seconds()))
        with mock.patch.object(MemoryQueue, "lease", side_effect=Temporary("disk")):
            self.start()
        assert self.place.asked == []
        self.advance(TROUBLE_SECONDS)
        assert len(self.place.asked) == 1
        assert len(self.flushLoggedErrors(Temporary)) == 1

    def test_what_cannot_be_recorded_is_tried_again_when_its_lease_has_ended(self) -> None:
        self.start()
        with mock.patch.object(MemoryQueue, "settle", side_effect=Temporary("disk")):
            self.put("ann@a.example")
        assert len(self.flushLoggedErrors(Temporary)) == 1
        assert not self.empty()
        self.advance(2 * HOUR)
        assert len(self.place.asked) == 2
        assert self.empty()

    def test_what_has_waited_for_long_is_lent_anew_before_it_goes(self) -> None:
        """Its first lease could end within the attempt, and then another runner would begin one too."""
        self.start(limits=Limits(first=1, most=1))
        end: Deferred[Any] = Deferred()
        self.place.answer = lambda _delivery: end
        self.put("ann@a.example")
        self.put("ann@a.example", "bob@a.example", id="m2")
        self.advance(PATIENCE_SECONDS + 1)
        self.place.answer = lambda _delivery: Deferred()
        end.callback(Delivered())
        assert [to for _when, _id, to in self.place.asked] == [["ann"], ["ann", "bob"]]
        self.clock.rightNow += LEASE_SECONDS - 1  # nothing happens meanwhile
        assert self.now(self.queue.lease(self.clock.seconds(), 1e9, 100)) == []
        self.clock.rightNow += 2
        assert len(self.now(self.queue.lease(self.clock.seconds(), 1e9, 100))) == 2

    def test_a_route_that_raises_is_tried_again(self) -> None:
        def broken(_address: Address) -> bool:
            raise RuntimeError("oh")

        self.routes = [Route(broken, self.place)]
        self.start()
        self.put("ann@a.example")
        assert len(self.flushLoggedErrors(RuntimeError)) == 1
        assert self.now(self.queue.next_due(0.0)) >= self.clock.seconds() + 5 * MINUTE

    def test_what_an_administrator_decides_counts(self) -> None:
        self.start()
        self.now(self.queue.put("m1", _to("dan@b.example", "eve@b.example", "fay@b.example"), MESSAGE, 2e6))
        settle = "UPDATE queued_recipient SET due = 0, returned = recipient LIKE '%dan%', route = ?"
        self.now(self.queue.database.write(lambda connection: connection.execute(settle, ("no host",)) and None))
        self.now(self.queue.database.write(lambda connection: connection.execute("UPDATE flow SET due = 0") and None))
        self.runner.wake()
        assert len(self.flushLoggedErrors(ValueError)) == 2
        [body] = self.reports.bodies
        assert b"Final-Recipient: rfc822; dan@b.example\r\nAction: failed\r\nStatus: 5.7.1\r\n" in body
        assert self.place.asked == []

    def test_a_report_that_cannot_be_written_is_tried_again_with_its_message(self) -> None:
        self.start()
        self.place.answer = lambda _delivery: Failed()
        with mock.patch.object(recording, "written", side_effect=RuntimeError("oh")):
            self.put("ann@a.example")
        assert len(self.flushLoggedErrors(RuntimeError)) == 1
        self.put("bob@a.example", id="m2")
        assert len(self.reports.asked) == 1
        self.advance(LEASE_SECONDS)
        assert len(self.reports.asked) == 2
        assert self.empty()

    def test_a_stop_lets_finish_what_is_under_way_and_gives_the_rest_back(self) -> None:
        self.start(limits=Limits(first=1))
        end: Deferred[Any] = Deferred()
        self.place.answer = lambda _delivery: end
        for number in range(3):
            self.put("ann@a.example", id=f"m{number}")
        stopped = Deferred.fromCoroutine(self.runner.stop())
        self.assertNoResult(stopped)
        end.callback(Delivered())
        self.successResultOf(stopped)
        left = self.now(self.queue.lease(self.clock.seconds(), 1e9, 100))
        assert [each.id for each in left] == ["m1", "m2"]
        assert [each.attempts for each in left] == [0, 0]

    def test_a_stop_does_not_wait_for_ever(self) -> None:
        self.start()
        self.place.answer = lambda _delivery: Deferred()
        self.put("ann@a.example")
        stopped = Deferred.fromCoroutine(self.runner.stop())
        self.clock.advance(STOP_SECONDS)
        self.successResultOf(stopped)
        [left] = self.now(self.queue.lease(self.clock.seconds(), 1e9, 100))
        assert left.attempts == 0


class RestartTests(SynchronousTestCase):
    def test_a_policy_that_was_fetched_protects_after_a_restart_although_the_dns_fails(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="mailframe-")
        self.addCleanup(folder.cleanup)
        clock = Clock()
        clock.advance(1_000_000)
        data = SQLite(folder.name)

        async def fetch(_domain: str) -> bytes:
            return b"version: STSv1\nmode: enforce\nmx: mx.example.org\nmax_age: 86400\n"

        async def policy(dns: FakeDNS) -> Any:
            site = Site("us.example", clock, resolver=dns)
            runner = Runner(data, [Route("*", lambda _delivery: Delivered())], fetch=fetch)
            await data.start(site)
            await runner.start(site)
            found = await runner._sender.policies.mta_sts.policy_for("example.org", clock.seconds())
            await runner.stop()
            await data.stop()
            return found

        first = Deferred.fromCoroutine(policy(FakeDNS({"_mta-sts.example.org": {"TXT": [b"v=STSv1; id=1"]}})))
        again = Deferred.fromCoroutine(policy(FakeDNS(faults={"_mta-sts.example.org": NoAnswer})))
        assert self.successResultOf(first) == self.successResultOf(again)
        assert self.successResultOf(Deferred.fromCoroutine(policy(FakeDNS()))).permits("mx.example.org")
