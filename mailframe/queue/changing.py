"""The power to look into a queue and to change it by hand, for a queue that stands in a database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from mailframe.interfaces import Backlog, IFellows, QueueChange, Queued, Selection
from mailframe.net.hop import parse_hop
from mailframe.queue import by_hand, inspecting
from mailframe.queue.noting import note_orders
from mailframe.site import Site

AT_ONCE = 1000
"""Recipients that are changed in one transaction: others write in between."""

PAGE = 1000
"""Recipients or destinations that are returned at once, at most."""


class ChangedQueue:
    """
    All of L{mailframe.interfaces.IAdministeredQueue}, for a queue with these attributes.

    @ivar database: has the tables of L{mailframe.queue.tables}.
    @ivar site: for the time.
    @ivar watchers: are told of each change.
    @ivar beyond: is told of each change that is made here: other processes have watchers too.
    """

    database: Any
    site: Site
    watchers: list[Callable[[QueueChange], None]]
    beyond: Callable[[QueueChange], None] | None

    async def drop(self, names: Sequence[str | None]) -> None:
        """Remove the files of messages that are gone."""
        raise NotImplementedError("whoever keeps the queue knows where its files are")

    # --- looking --------------------------------------------------------------------------------------------------

    async def inspect(self, selection: Selection, after: int = 0, limit: int = 100) -> Sequence[Queued]:
        """Return recipients, the oldest first."""
        found: Sequence[Queued] = await self._found(inspecting.page, selection, after, min(limit, PAGE))
        return found

    async def backlogs(self, limit: int = 100) -> Sequence[Backlog]:
        """Return the destinations for which most recipients wait."""
        found: Sequence[Backlog] = await self.database.scan(
            lambda connection: inspecting.backlogs(connection, min(limit, PAGE))
        )
        return found

    async def _found(self, look: Callable[..., Any], selection: Selection, after: int, limit: int) -> Any:
        now = self.site.clock.seconds()
        return await self.database.scan(lambda connection: look(connection, selection, now, after, limit))

    # --- changing -------------------------------------------------------------------------------------------------

    async def retry(self, selection: Selection) -> int:
        """Let them be due now."""
        return await self._change(by_hand.RETRY, selection)

    async def hold(self, selection: Selection) -> int:
        """Let them wait until they are released."""
        return await self._change(by_hand.HOLD, selection)

    async def release(self, selection: Selection) -> int:
        """Let those that are held be due now."""
        return await self._change(by_hand.RELEASE, selection)

    async def remove(self, selection: Selection) -> int:
        """Forget them."""
        return await self._change(by_hand.REMOVE, selection)

    async def send_back(self, selection: Selection) -> int:
        """Let them go back to their senders now."""
        return await self._change(by_hand.SEND_BACK, selection)

    async def reroute(self, selection: Selection, route: str) -> int:
        """Choose their next hop."""
        if route:
            parse_hop(route)
        return await self._change(by_hand.REROUTE, selection, route)

    async def _change(self, change: by_hand.Change, selection: Selection, route: str = "") -> int:
        changed, after = 0, 0
        while keys := await self._found(inspecting.keys, selection, after, AT_ONCE):
            now = self.site.clock.seconds()
            touched = await self.database.write(by_hand.step(change, keys, now, route))
            changed, after = changed + touched.recipients, keys[-1]
            note_orders(self.site, change.name, touched.who, route)
            await self.drop(touched.files)
            if touched.recipients:
                change_made = QueueChange(touched.destinations, touched.lent)
                self._tell(change_made)
                if self.beyond is not None:
                    self.beyond(change_made)
        return changed

    # --- telling --------------------------------------------------------------------------------------------------

    def watch(self, changed: Callable[[QueueChange], None]) -> Callable[[], None]:
        """Call C{changed} after each change."""
        self.watchers.append(changed)
        return partial(self._forget, changed)

    def _forget(self, changed: Callable[[QueueChange], None]) -> None:
        if changed in self.watchers:
            self.watchers.remove(changed)

    def share(self, fellows: IFellows, topic: str) -> None:
        """Tell other processes of changes, and those who watch here of theirs."""
        topics = {(lent, new): f"{topic} {lent:d}{new:d}" for lent in (False, True) for new in (False, True)}

        def tell(change: QueueChange) -> None:
            fellows.tell(topics[change.lent, change.new], *change.destinations)

        def heard(lent: bool, new: bool, destinations: Sequence[str]) -> None:
            self._tell(QueueChange(frozenset(destinations), lent, new))

        self.beyond = tell
        for (lent, new), each in topics.items():
            fellows.listen(each, partial(heard, lent, new))

    def _tell(self, change: QueueChange) -> None:
        for changed in list(self.watchers):
            changed(change)
