"""What everybody tells the journal alike: that this server has made a message of its own."""

from __future__ import annotations

import re

from mailframe.envelope import Envelope
from mailframe.journal.events import Arrived
from mailframe.site import Site
from mailframe.spool import Message

MESSAGE_ID_OCTETS = 998
"""Of a Message-ID that are kept: what fits on a line (RFC 5322 2.1.1)."""

_USUAL = b"\nMessage-I"
_MESSAGE_ID = re.compile(rb"\nmessage-id[ \t]*:(?:[ \t]|\r?\n[ \t])*<?([^\s<>][^\s>]*)", re.IGNORECASE)


def note_own(site: Site, service: str, number: str, envelope: Envelope, message: Message, about: str = "") -> None:
    """
    Note that a message was queued that no client has brought.

    @param service: what it is: C{report}, C{forward}, C{answer}.
    @param number: its id.
    @param about: the id of the message that it is about, or goes on with.
    """
    if site.journal is None:
        return
    sender, to = addresses_of(envelope)
    message_id = message_id_of(message.head)
    now = site.clock.seconds()
    site.journal.note([Arrived(now, number, "", service, "", "", "", "", sender, to, message_id, message.size, about)])


def addresses_of(envelope: Envelope) -> tuple[str, tuple[str, ...]]:
    """Return sender and recipients as events have them."""
    sender = "" if envelope.sender is None else str(envelope.sender)
    return sender, tuple([str(each.address) for each in envelope.recipients])


def message_id_of(head: bytes) -> str:
    """Return a header's Message-ID without its angle brackets; empty if there is none."""
    usual = head.find(_USUAL)  # finds it in a third of the time in a header of 4 KiB
    found = _MESSAGE_ID.search(head, usual) if usual >= 0 else None
    found = found or _MESSAGE_ID.search(b"\n" + head)
    return found[1][:MESSAGE_ID_OCTETS].decode("utf-8", "replace") if found is not None else ""
