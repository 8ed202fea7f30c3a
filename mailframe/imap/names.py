"""Mailbox names: which are allowed, and which of them a LIST pattern means (RFC 3501 sections 5.1 and 6.3.8)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from mailframe.errors import BadMailboxName

SEPARATOR = "/"
NAME_OCTETS = 1000
"""The longest name, as UTF-8."""
NAME_LEVELS = 30
"""The deepest name."""
PATTERN_CHARACTERS = 1000
"""The longest LIST pattern."""
PATTERN_WILDCARDS = 10
"""The most wildcards in one: each more can multiply the work of matching."""

_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")


def canonical(name: str) -> str:
    """Return the name with INBOX in capitals, alone or as the first level (RFC 3501 5.1)."""
    first, separator, rest = name.partition(SEPARATOR)
    return f"INBOX{separator}{rest}" if first.upper() == "INBOX" else name


def checked(name: str) -> str:
    """
    Return the canonical name of a mailbox that may be made.

    @raise BadMailboxName: it is empty, too long or too deep, or has an empty level, control characters or wildcards.
    """
    if len(name.encode("utf-8", "replace")) > NAME_OCTETS or name.count(SEPARATOR) >= NAME_LEVELS:
        raise BadMailboxName("The mailbox name is too long")
    if not all(name.split(SEPARATOR)):
        raise BadMailboxName("A mailbox name has no empty levels")
    if _FORBIDDEN.search(name):
        raise BadMailboxName("A mailbox name has no control characters")
    if "%" in name or "*" in name:
        raise BadMailboxName("A mailbox name has no wildcards")
    return canonical(name)


def parents(name: str) -> list[str]:
    """Return the names above, outermost first."""
    levels = name.split(SEPARATOR)
    return [SEPARATOR.join(levels[:depth]) for depth in range(1, len(levels))]


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    # Runs of wildcards mean the same as their strongest one, and would only multiply the work.
    pattern = re.sub(r"[%*]*\*[%*]*", "*", re.sub("%+", "%", pattern))
    return re.compile(
        "".join({"*": ".*", "%": "[^/]*"}.get(part) or re.escape(part) for part in re.split("([*%])", pattern))
    )


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """
    Return the names that a LIST pattern matches.

    @param pattern: reference and mailbox name put together; C{%} stops at a separator, C{*} does not.
    """
    if len(pattern) > PATTERN_CHARACTERS or pattern.count("*") + pattern.count("%") > PATTERN_WILDCARDS:
        return []
    match = _compiled(canonical(pattern)).fullmatch
    return [name for name in names if match(name)]


def with_parents(names: Sequence[str]) -> dict[str, bool]:
    """Return all names and the names above them, sorted: true for those that were given."""
    known = set(names)
    every = known.union(*(parents(name) for name in names))
    return {name: name in known for name in sorted(every)}


def have_children(names: Iterable[str]) -> frozenset[str]:
    """Return those names that have others below them."""
    return frozenset(name.rpartition(SEPARATOR)[0] for name in names) - {""}
