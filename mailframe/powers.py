"""Finding what a queue can do beyond being one, behind whatever stands for it."""

from __future__ import annotations

from typing import Any

from mailframe.interfaces import IAdministeredQueue, ISuppressions, Suppression


def administered(source: Any) -> Any:
    """
    Return an L{IAdministeredQueue}, or C{None}: it has no such power.

    @param source: a queue, or something with one as its C{queue} once it is started, such as a Runner or SQLite.
    """
    queue = source if IAdministeredQueue.providedBy(source) else getattr(source, "queue", None)
    return queue if IAdministeredQueue.providedBy(queue) else None


def suppressions(queue: Any) -> ISuppressions | None:
    """
    Return the list of those that no mail is sent to, or C{None}: there is none.

    @param queue: a Runner, which was given one or empties the queue of something that keeps one, such as SQLite.
    """
    given = getattr(queue, "suppressions", None)
    return given if given is not None else getattr(getattr(queue, "source", None), "suppressions", None)


def suppressed(found: Suppression) -> str:
    """Return what the sender of a message to a suppressed address is told, and who can change it."""
    return f"No mail is sent from here to {found.target}: {found.reason}. If it works again, tell the postmaster"
