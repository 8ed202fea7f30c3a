"""Delivery to nowhere."""

from __future__ import annotations

from mailframe.hooks import Action, Delivered, Delivery, Outcome


def discard(delivery: Delivery) -> Outcome:
    """A delivery target that throws mail away and says that all is well."""
    # Nobody reads it, so a report of success would be a lie: there is none.
    return Delivered("discarded", Action.PASSED_ON)
