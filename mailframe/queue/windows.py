"""The windows of all destinations, and those that destinations share because their mail goes to the same servers."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from attrs import define, field

from mailframe.address import parse_domain
from mailframe.hooks import Delivered, Outcome, Retry
from mailframe.queue.concurrency import FORGET_SECONDS, Limits, Window


def check_patterns(_instance: object, attribute: object, limits: Mapping[str, Limits]) -> None:
    """
    Check the names of servers or domains that have limits of their own.

    @raise ValueError: one is no name in lower case, nor C{*.} and one.
    """
    for pattern in limits:
        if parse_domain(pattern.removeprefix("*.")) != pattern.removeprefix("*."):
            raise ValueError(f"{pattern!r} is no host name in lower case, such as mx.example.org or *.example.org")


@define(eq=False)
class Windows:
    """
    @ivar limits: of each destination.
    @ivar by_destination: other limits, of some domains.
    @ivar by_host: of all destinations together whose mail goes to the same servers, by the names of these servers:
        C{mx.example.org}, or C{*.example.org} for all below.
    """

    limits: Limits
    by_destination: Mapping[str, Limits]
    by_host: Mapping[str, Limits]
    _own: dict[str, Window] = field(factory=dict, init=False)
    _shared: dict[str, Window] = field(factory=dict, init=False)
    _places: dict[str, str] = field(factory=dict, init=False)
    _both: dict[str, Sequence[Window]] = field(factory=dict, init=False)
    # Those without room, and some that have got it again meanwhile: most have room, and are not looked at each time.
    _closed: set[str] = field(factory=set, init=False)
    _closed_places: set[str] = field(factory=set, init=False)
    _tidy_at: float = field(default=0.0, init=False)

    # --- where a destination's mail goes ----------------------------------------------------------------------------

    def is_placed(self, destination: str) -> bool:
        """Say whether it is known which servers a destination's mail goes to, as far as that counts."""
        return not self.by_host or destination in self._places

    def place(self, destination: str, hosts: Sequence[str], now: float) -> None:
        """
        Remember where a destination's mail goes.

        @param hosts: names of its servers, the best first: the first one that has limits counts.
        """
        self._places[destination] = next(filter(None, map(self._pattern, hosts)), "")
        self._both.pop(destination, None)
        self._of_its_own(destination).seen = now

    def place_of(self, destination: str) -> str:
        """Return what names the servers that a destination shares with others; empty when there are none."""
        return self._places.get(destination, "")

    def _pattern(self, host: str) -> str:
        host = host.lower()
        labels = host.split(".")
        above = [f"*.{'.'.join(labels[at:])}" for at in range(1, len(labels))]
        return next((each for each in (host, *above) if each in self.by_host), "")

    # --- whether something may start --------------------------------------------------------------------------------

    def of(self, destination: str) -> Sequence[Window]:
        """Return the windows that a delivery to a destination takes a place in: its own first."""
        known = self._both.get(destination)
        if known is None:
            known = self._both[destination] = [self._of_its_own(destination), *self._of_its_place(destination)]
        return known

    def _of_its_place(self, destination: str) -> Iterable[Window]:
        place = self.place_of(destination)
        if place and place not in self._shared:
            self._shared[place] = Window(self.by_host[place])
        return [self._shared[place]] if place else []

    def _of_its_own(self, destination: str) -> Window:
        window = self._own.get(destination)
        if window is None:
            window = self._own[destination] = Window(self.by_destination.get(destination, self.limits))
        return window

    def has_room(self, destination: str, now: float) -> bool:
        """Say whether one more may start."""
        return all(window.has_room(now) for window in self.of(destination))

    def is_full(self, destination: str) -> bool:
        """Say whether something there has to end before anything may start: that time passes is not enough."""
        return any(window.is_full for window in self.of(destination))

    def full(self, now: float) -> Iterator[str]:
        """Yield the destinations to which nothing more may start now."""
        places = {place for place in self._closed_places if not self._shared[place].has_room(now)}
        yield from (name for name in self._closed if not self._own[name].has_room(now))
        if places:
            yield from (name for name, place in self._places.items() if place in places)

    def free_times(self, now: float) -> Iterator[float]:
        """Yield the times at which something may start again, as far as time goes."""
        for closed, windows in ((self._closed, self._own), (self._closed_places, self._shared)):
            yield from (windows[name].free_at for name in closed if windows[name].free_at > now)

    def rests(self, destination: str, now: float) -> bool:
        """Say whether a destination of which something has ended is left alone for a time."""
        return destination in self._closed and self._own[destination].free_at > now

    # --- what starts and ends ---------------------------------------------------------------------------------------

    def start(self, destination: str, now: float) -> None:
        """One more has started."""
        for window in self.of(destination):
            window.start(now)
        self._see(destination, now)

    def end(self, destination: str, outcomes: Iterable[Outcome], now: float) -> None:
        """One has ended; learn what its outcomes say of the destination."""
        known = list(outcomes)
        if any(isinstance(each, Delivered) for each in known):
            learn = Window.success
        elif known and all(isinstance(each, Retry) and each.status.startswith("4.4.") for each in known):
            learn = Window.failure
        else:
            learn = Window.neither
        for window in self.of(destination):
            learn(window, now)
        self._see(destination, now)

    def _see(self, destination: str, now: float) -> None:
        """See whether a destination, and its place, have room."""
        _note(self._closed, destination, self._own[destination].has_room(now))
        if place := self.place_of(destination):
            _note(self._closed_places, place, self._shared[place].has_room(now))

    def revive(self, destination: str) -> None:
        """Somebody wants to know at once whether it works."""
        if destination in self._own:
            for window in self.of(destination):
                window.revive()

    def tidy(self, now: float, waiting: Container[str]) -> None:
        """See every now and then what can be forgotten."""
        if now >= self._tidy_at:
            self._tidy_at = now + FORGET_SECONDS
            self.forget(now, waiting)

    def forget(self, now: float, waiting: Container[str] = ()) -> None:
        """
        Forget what nothing went to for long.

        @param waiting: destinations for which something waits, and must know where it goes.
        """
        self._both.clear()
        for name in [each for each in _old(self._own, now) if each not in waiting]:
            del self._own[name]
            self._places.pop(name, None)
            self._closed.discard(name)
        for name in _old(self._shared, now):
            del self._shared[name]
            self._closed_places.discard(name)

    def clear(self) -> None:
        """Forget everything."""
        self._own.clear()
        self._shared.clear()
        self._places.clear()
        self._both.clear()
        self._closed.clear()
        self._closed_places.clear()


def _note(closed: set[str], name: str, has_room: bool) -> None:
    if has_room:
        closed.discard(name)
    else:
        closed.add(name)


def _old(windows: Mapping[str, Window], now: float) -> list[str]:
    return [
        name
        for name, window in windows.items()
        if not window.active and now - window.seen > FORGET_SECONDS and now >= window.free_at
    ]
