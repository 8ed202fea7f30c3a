"""Flags as they are stored: one spelling for each set of them, and bounds on keywords."""

from __future__ import annotations

from functools import lru_cache

from mailframe.errors import BadFlags
from mailframe.interfaces import SYSTEM_FLAGS, FlagSet, StoreMode

KEYWORD_CHARACTERS = 100
"""The longest keyword."""
KEYWORDS = 50
"""The most keywords of one message."""


def checked(flags: FlagSet) -> FlagSet:
    """
    Return flags that may be stored.

    @raise BadFlags: there are too many keywords, or one is too long.
    """
    keywords = flags - SYSTEM_FLAGS
    if len(keywords) > KEYWORDS:
        raise BadFlags(f"A message has at most {KEYWORDS} keywords")
    if any(len(keyword) > KEYWORD_CHARACTERS or not keyword.isprintable() or " " in keyword for keyword in keywords):
        raise BadFlags(f"A keyword has at most {KEYWORD_CHARACTERS} printable characters")
    return flags


@lru_cache(maxsize=10_000)
def text(flags: FlagSet) -> str:
    """Return flags as text: in order, separated by spaces."""
    return " ".join(sorted(flags))


@lru_cache(maxsize=10_000)
def parsed(stored: str) -> FlagSet:
    """Return what L{text} wrote; equal sets are one object, for mailboxes hold few different ones."""
    return frozenset(stored.split())


def changed(before: FlagSet, mode: StoreMode, flags: FlagSet) -> FlagSet:
    """Return flags after a change."""
    if mode is StoreMode.ADD:
        return before | flags
    if mode is StoreMode.REMOVE:
        return before - flags
    return flags
