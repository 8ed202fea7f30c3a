"""Tells those who look at a mailbox that it has changed; pure, and used in the reactor alone."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable

from attrs import define, field


@define(eq=False)
class Watchers:
    """
    Callbacks by mailbox.

    @ivar beyond: is told of each change that is made here: other processes have watchers too.
    """

    beyond: Callable[..., object] | None = None
    _callbacks: dict[Hashable, list[Callable[[], None]]] = field(factory=dict)

    def watch(self, mailbox: Hashable, changed: Callable[[], None]) -> Callable[[], None]:
        """Call C{changed} at each change, until what this returns is called."""
        callbacks = self._callbacks.setdefault(mailbox, [])
        callbacks.append(changed)

        def end() -> None:
            if changed in callbacks:
                callbacks.remove(changed)
            if not callbacks and self._callbacks.get(mailbox) is callbacks:
                del self._callbacks[mailbox]

        return end

    def notify(self, mailboxes: Iterable[Hashable]) -> None:
        """These mailboxes were changed here."""
        self.heard(mailboxes)
        if self.beyond is not None:
            self.beyond(*mailboxes)

    def heard(self, mailboxes: Iterable[Hashable]) -> None:
        """These mailboxes have changed."""
        for mailbox in mailboxes:
            for changed in tuple(self._callbacks.get(mailbox, ())):
                changed()
