"""What is lent and waits for its destination."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from attrs import define, field

from mailframe.queue.grouping import Group


@define(eq=False)
class Waiting:
    """Groups by destination; the destination that had its turn last is the last one."""

    _groups: dict[str, deque[Group]] = field(factory=dict, init=False)

    def __contains__(self, destination: object) -> bool:
        return destination in self._groups

    def __iter__(self) -> Iterator[str]:
        """Iterate over the destinations, as they are now."""
        return iter(list(self._groups))

    def add(self, group: Group) -> None:
        """Let one wait, behind others of its destination."""
        self._groups.setdefault(group.destination, deque()).append(group)

    def next(self, destination: str) -> Group:
        """Take the next one of a destination that has one."""
        groups = self._groups.pop(destination)
        group = groups.popleft()
        if groups:
            self._groups[destination] = groups
        return group

    def drop(self, destination: str) -> list[int]:
        """Return the keys of what waits for a destination, and let it wait no longer."""
        return [each.key for group in self._groups.pop(destination, ()) for each in group.leased]

    def clear(self) -> list[int]:
        """Drop everything."""
        return [key for destination in self for key in self.drop(destination)]
