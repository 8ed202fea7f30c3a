"""What the processes of one server tell each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailframe.interfaces import IFellows
from mailframe.workers.locks import Locks


@implementer(IFellows)
@define(eq=False)
class Fellows:
    """
    @ivar is_worker: this is a worker.
    @ivar clock: to gather what is told in one turn.
    @ivar locks: names that one process at a time holds.
    @ivar say: tells the other processes a topic and what is told of it; C{None} as long as there are none.
    """

    is_worker: bool
    clock: IReactorTime
    locks: Locks = field(factory=Locks.new)
    say: Callable[[str, list[Any]], object] | None = None
    _untold: dict[str, dict[str | int, None]] = field(factory=dict, init=False)
    _listeners: dict[str, list[Callable[[Sequence[Any]], object]]] = field(factory=dict, init=False)

    def tell(self, topic: str, *what: str | int) -> None:
        """Tell all others, at the end of this turn."""
        if not self._untold:
            self.clock.callLater(0, self._tell)
        self._untold.setdefault(topic, {}).update(dict.fromkeys(what))

    def _tell(self) -> None:
        untold, self._untold = self._untold, {}
        if self.say is not None:
            for topic, what in untold.items():
                self.say(topic, list(what))

    def listen(self, topic: str, heard: Callable[[Sequence[Any]], object]) -> None:
        """Call C{heard} with what others tell."""
        self._listeners.setdefault(topic, []).append(heard)

    def hold(self, name: str) -> bool:
        """Hold a name, if no other process does."""
        return self.locks.hold(name)

    def release(self, name: str) -> None:
        """Let others hold it."""
        self.locks.release(name)

    def hear(self, topic: str, what: Sequence[Any]) -> None:
        """Pass on what another process tells."""
        for heard in self._listeners.get(topic, ()):
            heard(what)
