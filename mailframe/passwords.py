"""Passwords made up by the computer."""

from __future__ import annotations

import secrets

OCTETS = 12
"""Of randomness: 16 characters that survive every shell and URL."""


def make_up() -> str:
    """Return a new password."""
    return secrets.token_urlsafe(OCTETS)
