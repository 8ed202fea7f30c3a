"""Finding the queue that can be looked into and changed by hand behind what stands for one."""

from __future__ import annotations

from typing import Any

from mailframe.interfaces import IAdministeredQueue


def administered(source: Any) -> Any:
    """
    Return an L{IAdministeredQueue}, or C{None}: it has no such power.

    @param source: a queue, or something with one as its C{queue} once it is started, such as a Runner or SQLite.
    """
    queue = source if IAdministeredQueue.providedBy(source) else getattr(source, "queue", None)
    return queue if IAdministeredQueue.providedBy(queue) else None
