"""What somebody may mean who asks for a trace, and which events of a message are about an address; pure."""

from __future__ import annotations

from collections.abc import Sequence

from mailframe.address import Address
from mailframe.journal.events import Arrived, Attempted, Event, Handed, Judged, Ordered, Refused, Reported
from mailframe.journal.keys import address_key, message_id_key


def possible_keys(text: str) -> list[str]:
    """
    Return the keys that a text may stand for, in the order to be tried.

    @param text: C{ann@example.org}, C{<1@example.org>} or C{1@example.org}: only the journal knows which it is.
    """
    bare = text.strip().removeprefix("<").removesuffix(">")
    try:
        return [message_id_key(bare), address_key(str(Address.parse(bare)))]
    except ValueError:  # no address
        return [message_id_key(bare)]


def is_arrival(events: Sequence[Event]) -> bool:
    """Whether events are those of a message's arrival."""
    return any(isinstance(event, Arrived) for event in events)


def is_about_recipient(events: Sequence[Event], key: str) -> bool:
    """Whether a key has led to the events of a message's arrival as the address of a recipient, and of nobody else."""
    arrivals = [event for event in events if isinstance(event, Arrived)]
    others = {key for event in arrivals for key in (address_key(event.sender), message_id_key(event.message_id))}
    return key not in others


def concerns(event: Event, key: str) -> bool:
    """Whether an event of a message is worth telling somebody who asked for a key: not if it is another recipient's."""
    if isinstance(event, Handed | Attempted | Ordered) or (isinstance(event, Judged) and event.recipient):
        return address_key(event.recipient) == key
    if isinstance(event, Reported) or (isinstance(event, Refused) and event.message):
        return any(address_key(each) == key for each in event.recipients)
    return True
