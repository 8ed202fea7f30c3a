"""The runner: lends what is due, hands it to where its route leads, and records what became of it.

It works on many destinations at once, each within its window (L{mailframe.queue.concurrency}), and on a bounded number
of deliveries altogether. Nothing is decided here that a crash could lose: what is lent comes back when the lease ends,
and what became of it is recorded together with the reports about it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from attrs import define, field
from attrs.validators import gt
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailframe.delivery.handing import hand
from mailframe.delivery.routes import Routes, routes
from mailframe.envelope import Envelope
from mailframe.hooks import Delivery, Outcome, Retry
from mailframe.interfaces import (
    ChangedByHand,
    IAdministeredQueue,
    IDeliveryQueue,
    IPart,
    IPolicyStorage,
    Leased,
    Report,
    Settlement,
)
from mailframe.mailauth.https import https
from mailframe.mailauth.policy_cache import Fetch, PolicyCache
from mailframe.mailauth.roots import Roots
from mailframe.mailauth.tls_policy import Destination, Level, Policies
from mailframe.powers import suppressions
from mailframe.queue import suppressing
from mailframe.queue.concurrency import Limits, Window
from mailframe.queue.grouping import Group, grouped
from mailframe.queue.placing import Placing
from mailframe.queue.recording import Recording
from mailframe.queue.schedule import Schedules
from mailframe.queue.suppressing import Suppressing
from mailframe.queue.tls_reports import DailyReports, TLSReports, daily, kept_by
from mailframe.queue.windows import Windows, check_patterns, learn
from mailframe.site import Site
from mailframe.smtp.client.limits import DEFAULT, ClientLimits
from mailframe.smtp.sending import Sender
from mailframe.spool import Message

DELIVERIES = 100
"""Deliveries at once, to all destinations together."""
RECIPIENTS = 100
"""Recipients that are lent at once, and go in one transaction at most."""
ATTEMPT_SECONDS = 3000.0
"""How long one delivery may take: the sum of what RFC 5321 4.5.3.2 lets a slow server have, and no server needs."""
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


@implementer(IDeliveryQueue, IPart)
@define(eq=False)
class Runner:
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
    _site: Site | None = field(default=None, init=False)
    _sender: Any = field(default=None, init=False)
    _daily: DailyReports | None = field(default=None, init=False)
    _windows: Windows = field(init=False)
    _placing: Any = field(default=None, init=False)
    _waiting: dict[str, deque[Group]] = field(factory=dict, init=False)
    _late: list[int] = field(factory=list, init=False)
    _active: int = field(default=0, init=False)
    _wake: Deferred[None] | None = field(default=None, init=False)
    _woken: bool = field(default=False, init=False)
    _timer: IDelayedCall | None = field(default=None, init=False)
    _running: bool = field(default=False, init=False)
    _unwatch: Callable[[], None] = field(default=lambda: None, init=False)
    _loop: Deferred[None] | None = field(default=None, init=False)
    _idle: Deferred[None] | None = field(default=None, init=False)
    _under_way: dict[Deferred[None], None] = field(factory=dict, init=False)
    _interrupting: bool = field(default=False, init=False)
    _recording: Any = field(default=None, init=False)

    @_windows.default
    def _make_windows(self) -> Windows:
        return Windows(self.limits, self.limits_by_destination, self.limits_by_host)

    # --- IPart ----------------------------------------------------------------------------------------------------

    async def start(self, site: Site) -> None:
        """Begin to send."""
        self._site = site
        policies, counts = kept_by(self.source)
        web = https(site, site.roots if self.roots is None else self.roots)
        self._daily = daily(self.tls_reports, site, self, counts, web)
        collector = None if self._daily is None else self._daily.collector
        fetch = self.fetch if web is None or self.fetch is not None else web.fetch_policy
        self._sender = Sender(site, self.client, self._policies(site, fetch, policies), collector)
        self._recording = Recording(self.queue, site, self.schedules, self.wake)
        self._placing = Placing(self.routes, site, self._windows, self._placed)
        self._running = True
        if IAdministeredQueue.providedBy(self.queue):
            self._unwatch = self.queue.watch(self._changed)
        self._loop = Deferred.fromCoroutine(self._run())
        if self._daily is not None:
            self._daily.start()

    def _policies(self, site: Site, fetch: Fetch | None, kept: IPolicyStorage) -> Policies:
        cache = None if fetch is None or site.resolver is None else PolicyCache(site.resolver, fetch, kept)
        return Policies(site.resolver, cache, self.tls, self.least_tls, self.roots)

    async def stop(self) -> None:
        """Let what is under way finish, within a bound, and give the rest back."""
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

    @property
    def queue(self) -> IDeliveryQueue:
        """The queue itself."""
        return self.source if IDeliveryQueue.providedBy(self.source) else self.source.queue

    async def put(self, id: str, envelope: Envelope, message: Message, due: float) -> None:
        """Take a message, and see to it."""
        await self.queue.put(id, envelope, message, due)
        self.wake()

    async def lease(self, now: float, until: float, limit: int, busy: Collection[str] = ()) -> Sequence[Leased]:
        """Lend what is due."""
        return await self.queue.lease(now, until, limit, busy)

    async def settle(self, now: float, settlements: Mapping[int, Settlement], reports: Sequence[Report] = ()) -> None:
        """Record how attempts ended."""
        await self.queue.settle(now, settlements, reports)

    async def give_back(self, keys: Collection[int]) -> None:
        """End leases without an attempt."""
        await self.queue.give_back(keys)

    async def next_due(self, now: float, busy: Collection[str] = ()) -> float | None:
        """Return when there will be something to lend."""
        return await self.queue.next_due(now, busy)

    def wake(self) -> None:
        """Look at the queue now: something was put, or changed by hand."""
        self._woken = True
        if self._wake is not None:
            wake, self._wake = self._wake, None
            wake.callback(None)

    def _changed(self, change: ChangedByHand) -> None:
        """Do what an administrator wants: what was lent as it was is lent again, and the dead are given a chance."""
        for destination in change.destinations:
            self._windows.revive(destination)
        if change.lent:
            Deferred.fromCoroutine(self._give_back()).addErrback(_not_given_back)
        self.wake()

    # --- the loop -------------------------------------------------------------------------------------------------

    @property
    def _clock(self) -> Any:
        assert self._site is not None
        return self._site.clock

    @property
    def _now(self) -> float:
        now: float = self._clock.seconds()
        return now

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
        """Lend for one destination, and start what may start; return whether there may be more to lend."""
        self._woken = False
        self._start_what_may()
        if self._late:
            late, self._late = self._late, []
            await self.queue.give_back(late)
        if self._active + len(self._placing) >= self.deliveries:
            return False
        now = self._now
        leased = await self.queue.lease(now, now + LEASE_SECONDS, RECIPIENTS, self._busy(now))
        for group in grouped(leased, self.routes, now + PATIENCE_SECONDS):
            address = group.leased[0].envelope.recipients[0].address
            self._waiting.setdefault(address.domain, deque()).append(group)
            self._placing.begin(address)
        self._start_what_may()
        return bool(leased)

    def _busy(self, now: float) -> Collection[str]:
        """Return the destinations for which nothing more is to be lent now."""
        return {*self._waiting, *self._windows.full(now)}

    async def _next_time(self) -> float | None:
        now = self._now
        self._windows.forget(now)
        times = list(self._windows.free_times(now))
        if self._active + len(self._placing) < self.deliveries:
            due = await self.queue.next_due(now, self._busy(now))
            if due is not None:
                times.append(due)
        return min(times, default=None)

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
            self._late += [each.key for group in self._waiting.pop(destination) for each in group.leased]
        self.wake()

    def _start_what_may(self) -> None:
        """Start one delivery to each destination in turn, as long as there is room."""
        started = True
        while started:
            started = False
            for destination in list(self._waiting):
                if self._active >= self.deliveries:
                    return
                if self._windows.is_placed(destination) and self._windows.has_room(destination, self._now):
                    started |= self._start_next(destination)

    def _start_next(self, destination: str) -> bool:
        """Start the next delivery to a destination, which stands last in the line then; say whether there was one."""
        groups = self._waiting.pop(destination, None)
        if not groups:
            return False
        group = groups.popleft()
        if groups:
            self._waiting[destination] = groups
        self._start(group, self._windows.of(destination))
        return True

    def _start(self, group: Group, windows: Sequence[Window]) -> None:
        """Begin an attempt, unless it is so late that it has to be lent anew."""
        if self._now > group.latest:
            self._late += [each.key for each in group.leased]
            return
        self._active += 1
        for window in windows:
            window.start(self._now)
        under_way = Deferred.fromCoroutine(self._attempt(group, windows))
        if not under_way.called:
            self._under_way[under_way] = None
            under_way.addCallback(self._over, under_way)

    def _over(self, _done: None, ended: Deferred[None]) -> None:
        self._under_way.pop(ended, None)

    async def _attempt(self, group: Group, windows: Sequence[Window]) -> None:
        try:
            outcomes = await self._outcomes(group)
        except Exception:
            _log.failure("{message} attempt failed", message=group.leased[0].id)
            outcomes = dict.fromkeys((each.key for each in group.leased), Retry())
        done = group.leased
        if self._interrupting:  # a failure of this moment says nothing about the destination
            done = [each for each in done if not isinstance(outcomes[each.key], Retry)]
            self._late += [each.key for each in group.leased if each not in done]
        try:
            if done:
                self._recording.add(done, outcomes)
        except Exception:
            _log.failure("{message} cannot be reported: it is tried again", message=group.leased[0].id)
        await suppressing.learn(suppressions(self), self.suppressing, done, outcomes, self._now)
        self._active -= 1
        learn(windows, outcomes.values(), self._now)
        if self._running:
            self.wake()
        elif not self._active and self._idle is not None and not self._idle.called:
            self._idle.callback(None)

    async def _outcomes(self, group: Group) -> Mapping[int, Outcome]:
        refused = await suppressing.refused(suppressions(self), group.leased, group.target)
        if len(refused) == len(group.leased):
            return refused
        leased = [each for each in group.leased if each.key not in refused]
        first = leased[0]
        recipients = tuple(each.envelope.recipients[0] for each in leased)
        delivery = Delivery(
            first.id, first.envelope, recipients, first.message, via=self._sender, site=self._site, queue=self
        )
        targets = [(each, group.target) for each in recipients]
        handed = await hand(delivery, targets, self._clock, ATTEMPT_SECONDS)
        return {**refused, **{each.key: outcome for each, (_who, outcome) in zip(leased, handed, strict=True)}}

    async def _give_back(self) -> None:
        """Return what was lent and not begun, or interrupted."""
        waiting = [each.key for groups in self._waiting.values() for group in groups for each in group.leased]
        waiting, self._late = waiting + self._late, []
        self._waiting.clear()
        if waiting:
            await self.queue.give_back(waiting)


def _not_given_back(failure: Failure) -> None:
    _log.failure("what was changed by hand is tried as it was until its lease ends", failure=failure)
