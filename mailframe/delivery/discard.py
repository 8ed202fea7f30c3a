"""Delivery to nowhere."""

from __future__ import annotations

from mailframe.hooks import Delivered, Delivery, Outcome


def discard(delivery: Delivery) -> Outcome:
    """A delivery target that throws mail away and says that all is well."""
    return Delivered("discarded")
