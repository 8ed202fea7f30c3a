"""The runner: lends what is due, hands it to where its route leads, and records what became of it.

It works on many destinations at once, each within its window (L{mailframe.queue.concurrency}), and on a bounded number
of deliveries altogether. Nothing is decided here that a crash could lose: what is lent comes back when the lease ends,
and what became of it is recorded together with the reports about it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from attrs import define, field
from attrs.validators import gt
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from zope.interface import implementer

from mailframe.delivery.routes import Routes, routes
from mailframe.envelope import Envelope
from mailframe.hooks import Retry
from mailframe.interfaces import (
    IAdministeredQueue,
    IDeliveryQueue,
    ILendsAtOnce,
    IPart,
    IShared,
    Leased,
    QueueChange,
)
from mailframe.mailauth.https import https
from mailframe.mailauth.policy_cache import Fetch, PolicyCache
from mailframe.mailauth.roots import Roots
from mailframe.mailauth.tls_policy import Destination, Level, Policies
from mailframe.powers import suppressions
from mailframe.queue import suppressing
from mailframe.queue.attempting import ATTEMPT_SECONDS, attempted
from mailframe.queue.concurrency import Limits
from mailframe.queue.grouping import Group, grouped
from mailframe.queue.lending import Lending
from mailframe.queue.passing import PassesOn
from mailframe.queue.placing import Placing
from mailframe.queue.recording import Recording
from mailframe.queue.schedule import Schedules
from mailframe.queue.suppressing import Suppressing
from mailframe.queue.tls_reports import DailyReports, TLSReports, daily, kept_by
from mailframe.queue.waiting import Waiting
from mailframe.queue.windows import Windows, check_patterns
from mailframe.site import Site
from mailframe.smtp.client.limits import DEFAULT, ClientLimits
from mailframe.smtp.sending import Sender
from mailframe.spool import Message

DELIVERIES = 100
"""Deliveries at once, to all destinations together."""
RECIPIENTS = 100
"""Recipients that are lent at once, and go in one transaction at most."""
LEASE_SECONDS = 3600.0
"""How long a recipient is lent: longer than an attempt, or two would be made at once."""
PATIENCE_SECONDS = LEASE_SECONDS - ATTEMPT_SECONDS - 60.0
"""How long what is lent may wait for its destination: an attempt that began later might end, or be recorded, when the
lease is over and somebody else has begun another one."""
STOP_SECONDS = 5.0
"""How long deliveries under way may go on when the server stops."""
BEHIND = 10
"""Destinations that wait, lent, for the same servers; further ones wait in the queue."""
TROUBLE_SECONDS = 10.0
"""How long to wait when the queue itself does not work."""

_log = Logger()


@implementer(IDeliveryQueue, IPart, IShared)
@define(eq=False)
class Runner(PassesOn):
    """
    Sends what is queued.

    @ivar source: an L{IDeliveryQueue}, or something with one as its C{queue} once it is started, such as SQLite.
    @ivar routes: where mail goes: the same as those of the services.
    @ivar schedules: when it is tried again, and when it is given up.
    @ivar limits: of each destination.
    @ivar limits_by_destination: other limits, of some domains.
    @ivar limits_by_host: of all destinations together whose mail goes to the same servers, as that of many domains goes
        to one provider: by C{mx.example.org}, or C{*.example.org} for all servers below.
    @ivar deliveries: deliveries at once altogether.
    @ivar client: limits of the SMTP client.
    @ivar tls: by domain, what TLS must be like there, whatever the domain says itself.
    @ivar least_tls: what it must be like where nobody says anything.
    @ivar roots: what certificates of mail and web servers must lead to; C{None} is the roots of the system.
    @ivar suppressions: an L{ISuppressions}: who on other servers gets no mail; C{None} is that of C{source}, if it has
        one, as SQLite does.
    @ivar suppressing: when addresses come onto that list by themselves; by default never.
    @ivar fetch: fetches MTA-STS policies; by default over HTTPS, where there is a real network.
    @ivar tls_reports: tell domains that ask for it how TLS with their servers went; C{None} tells nobody.
    """

    source: Any
    routes: Routes = field(converter=routes)
    schedules: Schedules = field(default=Schedules(), kw_only=True)
    limits: Limits = field(default=Limits(), kw_only=True)
    limits_by_destination: Mapping[str, Limits] = field(factory=dict, kw_only=True, validator=check_patterns)
    limits_by_host: Mapping[str, Limits] = field(factory=dict, kw_only=True, validator=check_patterns)
    deliveries: int = field(default=DELIVERIES, kw_only=True, validator=gt(0))
    client: ClientLimits = field(default=DEFAULT, kw_only=True)
    tls: Mapping[str, Destination] = field(factory=dict, kw_only=True)
    least_tls: Level = field(default=Level.MAY, kw_only=True)
    roots: Roots | None = field(default=None, kw_only=True)
    fetch: Fetch | None = field(default=None, kw_only=True)
    suppressions: Any = field(default=None, kw_only=True)
    suppressing: Suppressing | None = field(default=None, kw_only=True)
    tls_reports: TLSReports | None = field(default=None, kw_only=True)
    _site: Any = field(default=None, init=False)
    _sender: Any = field(default=None, init=False)
    _daily: DailyReports | None = field(default=None, init=False)
    _windows: Windows = field(init=False)
    _placing: Any = field(default=None, init=False)
    _waiting: Waiting = field(factory=Waiting, init=False)
    _late: list[int] = field(factory=list, init=False)
    _active: int = field(default=0, init=False)
    # Nothing new is sent before what is in the queue: for these destinations, or for any since all places are taken.
    _passed_over: set[str] = field(factory=set, init=False)
    _crowded: bool = field(default=False, init=False)
    _lender: ILendsAtOnce | None = field(default=None, init=False)
    _wake: Deferred[None] | None = field(default=None, init=False)
    _woken: bool = field(default=False, init=False)
    _timer: IDelayedCall | None = field(default=None, init=False)
    _running: bool = field(default=False, init=False)
    _unwatch: Callable[[], None] = field(default=lambda: None, init=False)
    _loop: Deferred[None] | None = field(default=None, init=False)
    _idle: Deferred[None] | None = field(default=None, init=False)
    _under_way: dict[Deferred[None], None] = field(factory=dict, init=False)
    _interrupting: bool = field(default=False, init=False)
    _lending: Any = field(default=None, init=False)
    _recording: Any = field(default=None, init=False)

    @_windows.default
    def _make_windows(self) -> Windows:
        return Windows(self.limits, self.limits_by_destination, self.limits_by_host)

    # --- IPart ----------------------------------------------------------------------------------------------------

    async def start(self, site: Site) -> None:
        """Begin to send; a worker leaves that to the process that is none."""
        self._site = site
        if site.is_worker:
            return
        kept, counts = kept_by(self.source)
        web = https(site, site.roots if self.roots is None else self.roots)
        self._daily = daily(self.tls_reports, site, self, counts, web)
        collector = None if self._daily is None else self._daily.collector
        fetch = self.fetch if web is None or self.fetch is not None else web.fetch_policy
        cache = None if fetch is None or site.resolver is None else PolicyCache(site.resolver, fetch, kept)
        policies = Policies(site.resolver, cache, self.tls, self.least_tls, self.roots)
        self._sender = Sender(site, self.client, policies, collector)
        self._lender = self.queue if ILendsAtOnce.providedBy(self.queue) else None
        self._lending = Lending(self.queue)
        self._recording = Recording(self.queue, site, self.schedules, self.wake)
        self._placing = Placing(self.routes, site, self._windows, self._placed)
        self._running = True
        if IAdministeredQueue.providedBy(self.queue):
            self._unwatch = self.queue.watch(self._changed)
        self._loop = Deferred.fromCoroutine(self._run())
        if self._daily is not None:
            self._daily.start()

    async def stop(self) -> None:
        """Let what is under way finish, within a bound, and give the rest back."""
        if not self._running:
            return  # it is in a worker
        self._running = False
        if self._daily is not None:
            await self._daily.stop()
        self._unwatch()
        self.wake()
        if self._loop is not None:
            await self._loop
        self._placing.end()
        await self._give_back()
        if self._active:
            self._idle = Deferred()
            self._idle.addTimeout(STOP_SECONDS, self._clock, lambda _result, _seconds: None)
            await self._idle
            self._interrupting = True
            for late in list(self._under_way):
                late.cancel()
            self._interrupting = False
            await self._give_back()
        await self._sender.stop()
        await self._recording.end()
        self._windows.clear()

    # --- IDeliveryQueue -------------------------------------------------------------------------------------------

    async def put(self, id: str, envelope: Envelope, message: Message, due: float) -> None:
        """Take a message, and see to it: it is lent in the same step where it may be sent at once."""
        destinations = list(dict.fromkeys(each.address.domain for each in envelope.recipients))
        at_once = self._open_to_new(destinations) if len(envelope.recipients) <= RECIPIENTS else []
        if self._lender is None or not at_once or due > self._now:
            await self.queue.put(id, envelope, message, due)
            self._look_for(destinations)
            return
        now = self._now
        leased = await self._lender.put_and_lend(id, envelope, message, due, now + LEASE_SECONDS, at_once)
        self._let_wait(leased, now)
        if not self._running:
            self._give_back_soon()
            return
        for destination in at_once:
            self._start_all(destination)
        self._look_for(each for each in destinations if each not in at_once or each in self._waiting)

    def _open_to_new(self, destinations: Iterable[str]) -> list[str]:
        """Return the destinations to which a new message may go at once: nothing has been waiting for them."""
        if not self._running or self._crowded or self._is_crowded:
            return []
        free = [each for each in destinations if each not in self._passed_over and each not in self._waiting]
        return [each for each in free if self._may_start(each)]

    def _look_for(self, destinations: Iterable[str]) -> None:
        """Look at the queue for some destinations; those to which nothing may start now have their time."""
        for destination in destinations if self._running else ():
            if self._crowded or self._windows.is_full(destination):
                self._passed_over.add(destination)
            elif destination not in self._passed_over:
                self.wake()

    def wake(self) -> None:
        """Look at the queue now: something was put, or changed by hand."""
        self._woken = True
        if self._wake is not None:
            wake, self._wake = self._wake, None
            wake.callback(None)

    def _changed(self, change: QueueChange) -> None:
        """Do what an administrator wants: what was lent as it was is lent again, and the dead are given a chance."""
        if change.new:
            self._look_for(change.destinations)
            return
        for destination in change.destinations:
            self._windows.revive(destination)
        if change.lent:
            self._give_back_soon()
        self.wake()

    def _give_back_soon(self) -> None:
        said = "what was changed by hand is tried as it was until its lease ends"
        Deferred.fromCoroutine(self._give_back()).addErrback(lambda failure: _log.failure(said, failure=failure))

    # --- the loop -------------------------------------------------------------------------------------------------

    @property
    def _clock(self) -> Any:
        return self._site.clock

    @property
    def _now(self) -> float:
        return float(self._site.clock.seconds())

    async def _run(self) -> None:
        while self._running:
            try:
                more = await self._lend()
                due = None if more else await self._next_time()
            except Exception:
                _log.failure("the queue cannot be read")
                more, due = False, self._now + TROUBLE_SECONDS
            if not more and self._running:
                await self._sleep(due)

    async def _lend(self) -> bool:
        """Lend for some destinations, and start what may start; return whether there may be more to lend."""
        self._woken = False
        self._start_what_may()
        if self._late:
            late, self._late = self._late, []
            await self.queue.give_back(late)
        self._crowded = self._is_crowded
        if self._crowded:
            return False
        now = self._now
        leased = await self._lending.lend(now, now + LEASE_SECONDS, RECIPIENTS, self._pass_over_busy(now))
        self._let_wait(leased, now)
        self._start_what_may()
        return bool(leased)

    def _let_wait(self, leased: Sequence[Leased], now: float) -> None:
        for group in grouped(leased, self.routes, now + PATIENCE_SECONDS):
            self._waiting.add(group)
            self._placing.begin(group.address)

    @property
    def _is_crowded(self) -> bool:
        return self._active + len(self._placing) >= self.deliveries

    def _pass_over_busy(self, now: float) -> Collection[str]:
        """Return the destinations for which nothing more is to be lent now."""
        self._passed_over = {*self._waiting, *self._windows.full(now)}
        return self._passed_over

    async def _next_time(self) -> float | None:
        now = self._now
        times: list[float | None] = [*self._windows.free_times(now)]
        if not self._is_crowded:
            times.append(await self.queue.next_due(now, self._pass_over_busy(now)))
        return min((each for each in times if each is not None), default=None)

    async def _sleep(self, until: float | None) -> None:
        if self._woken:
            return
        self._wake = Deferred()
        if until is not None:
            self._timer = self._clock.callLater(max(0.0, until - self._now), self.wake)
        await self._wake
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    # --- attempts -------------------------------------------------------------------------------------------------

    def _placed(self, destination: str) -> None:
        """Go on with a destination, or have it lent again later: further ones do not wait here for the same servers."""
        place = self._windows.place_of(destination)
        behind = [each for each in self._waiting if place and self._windows.place_of(each) == place]
        if len(behind) > BEHIND and not self._windows.has_room(destination, self._now):
            self._late += self._waiting.drop(destination)
        self.wake()

    def _start_what_may(self) -> None:
        """Start one delivery to each destination in turn, as long as there is room."""
        while sum(map(self._start_next, self._waiting)):
            pass

    def _start_all(self, destination: str) -> None:
        """Start what may start to one destination."""
        while self._start_next(destination):
            pass

    def _start_next(self, destination: str) -> bool:
        """Start the next delivery to a destination, if it may; return whether it did."""
        if destination not in self._waiting or not self._may_start(destination):
            return False
        self._start(self._waiting.next(destination))
        return True

    def _may_start(self, destination: str) -> bool:
        placed = self._active < self.deliveries and self._windows.is_placed(destination)
        return placed and self._windows.has_room(destination, self._now)

    def _start(self, group: Group) -> None:
        """Begin an attempt, unless it is so late that it has to be lent anew."""
        now = self._now
        if now > group.latest:
            self._late += [each.key for each in group.leased]
            self.wake()
            return
        self._active += 1
        self._windows.start(group.destination, now)
        self._windows.tidy(now, self._waiting)
        under_way = Deferred.fromCoroutine(self._attempt(group))
        if not under_way.called:
            self._under_way[under_way] = None
            under_way.addCallback(lambda _done: self._under_way.pop(under_way))

    async def _attempt(self, group: Group) -> None:
        known = suppressions(self)
        outcomes = await attempted(group, self._sender, self._site, self, known)
        done = group.leased
        if self._interrupting:  # a failure of this moment says nothing about the destination
            done = [each for each in done if not isinstance(outcomes[each.key], Retry)]
            self._late += [each.key for each in group.leased if each not in done]
        try:
            if done:
                self._recording.add(done, outcomes)
        except Exception:
            _log.failure("{message} cannot be reported: it is tried again", message=group.leased[0].id)
        now = self._now
        await suppressing.learn(known, self.suppressing, done, outcomes, now)
        self._active -= 1
        self._windows.end(group.destination, outcomes.values(), now)
        if self._running:
            self._go_on(group.destination)
        elif not self._active and self._idle is not None and not self._idle.called:
            self._idle.callback(None)

    def _go_on(self, destination: str) -> None:
        """One has ended: start the next one, and look at the queue only if there may be something for its place."""
        if self._crowded or self._windows.place_of(destination) or self._windows.rests(destination, self._now):
            self.wake()
            return
        self._start_all(destination)
        if destination in self._passed_over and self._may_start(destination):
            self.wake()

    async def _give_back(self) -> None:
        """Return what was lent and not begun, or interrupted."""
        keys, self._late = self._waiting.clear() + self._late, []
        if keys:
            await self.queue.give_back(keys)
