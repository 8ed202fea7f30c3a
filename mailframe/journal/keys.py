"""By what a message is found in a journal: its Message-ID, or an address that it is from or for; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

from mailframe.journal.events import Arrived, Event, Refused

KEY_CHARACTERS = 320
"""Of a Message-ID that count: an address of the greatest length has no more (RFC 5321 4.5.3.1)."""

DIGEST_OCTETS = 7
"""So many that unequal keys share a digest hardly ever, and not because somebody wants it."""


def address_key(address: str) -> str:
    """Return what stands for an address, whatever the case of its letters."""
    return f"@{address.casefold()}"


def message_id_key(message_id: str) -> str:
    """Return what stands for a Message-ID, with or without its angle brackets."""
    return _bare_key(message_id.strip().removeprefix("<").removesuffix(">"))


def _bare_key(message_id: str) -> str:
    return f"<{message_id[:KEY_CHARACTERS]}"


def keys(events: Iterable[Event]) -> set[str]:
    """Return the keys that lead to events: of a message's arrival, and of refusals without a message."""
    found: set[str] = set()
    for event in events:
        if isinstance(event, Arrived) or (isinstance(event, Refused) and not event.message):
            if event.message_id:
                found.add(_bare_key(event.message_id))
            if event.sender:
                found.add(address_key(event.sender))
            found.update(map(address_key, event.recipients))
    return found


def digest(key: str) -> bytes:
    """Return the L{DIGEST_OCTETS} that stand for a key."""
    return blake2b(key.encode("utf-8", "surrogateescape"), digest_size=DIGEST_OCTETS).digest()


def leads_to(key: str, events: Sequence[Event]) -> bool:
    """Whether a key is one of those of events."""
    return key in keys(events)
