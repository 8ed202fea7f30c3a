"""What every delivery queue does alike: which envelopes it takes, and what an outcome means."""

from __future__ import annotations

from mailframe.envelope import Envelope
from mailframe.hooks import Outcome, Retry

LEASED_AT_ONCE = 100
"""Recipients that one lease lends at most: with small messages in memory that is 25 MiB at worst."""


def checked(envelope: Envelope) -> Envelope:
    """
    Return an envelope that can be queued.

    @raise ValueError: it has no recipients: such a message would never leave the queue.
    """
    if not envelope.recipients:
        raise ValueError("a message without recipients cannot be queued")
    return envelope


def next_attempt(outcome: Outcome, due: float | None) -> float | None:
    """
    Return when the recipient is due again, or C{None}: it leaves the queue.

    @param due: as the runner gave it.
    @raise ValueError: the outcome is L{Retry}, and C{due} says never: nobody would be told.
    """
    if not isinstance(outcome, Retry):
        return None
    if due is None:
        raise ValueError("a recipient to be tried again needs a time")
    return due
