"""The trace fields that this server puts in front of what it receives (RFC 5321 section 4.4)."""

from __future__ import annotations

import re
from functools import lru_cache

from mailframe.envelope import Envelope
from mailframe.message import dates, trace
from mailframe.smtp.session import Session
from mailframe.spool import Message, header_field

_UNSAFE_HELO = re.compile(rb"[^A-Za-z0-9.:_\[\]-]")
"""What would be a comment, or worse, in a Received field; HELO itself is borne with much (RFC 5321 4.1.4)."""


def traced(session: Session, envelope: Envelope, number: str, message: Message) -> Message:
    """Put the trace fields in front (RFC 5321 4.4), and complete what a user's program left out (RFC 6409 8)."""
    client, when = session.client, session.site.clock.seconds()
    only = bytes(envelope.recipients[0].address) if len(envelope.recipients) == 1 else None
    tls = None if client.tls is None else f"{client.tls.version} {client.tls.cipher}"
    origin = _origin(client.helo, client.address, session.site.hostname, _with(session, envelope), tls)
    fields = trace.received(origin, number.encode("ascii"), only, when)
    if session.role.needs_login:
        if message.header("Date") is None:
            fields += b"Date: %b\r\n" % dates.utc(int(when))
        if message.header("Message-ID") is None:
            fields += header_field("Message-ID", f"<{number}@{session.site.hostname}>")
    return message.with_fields(fields)


@lru_cache(maxsize=1024)
def _origin(helo: str, address: str, hostname: str, with_: bytes, tls: str | None) -> bytes:
    """Return what Received says of a connection: who sends one message sends another one."""
    said = _UNSAFE_HELO.sub(b"?", helo.encode("ascii", "replace"))
    return trace.origin(said, None, _literal(address), hostname.encode("ascii", "replace"), with_, tls)


def _literal(address: str) -> bytes:
    """The TCP-info of RFC 5321 4.4: an address literal, without the zone of a link-local one."""
    plain = address.partition("%")[0].encode("ascii", "replace")
    if not plain:
        return b"local"  # a UNIX socket
    return b"[IPv6:%b]" % plain if b":" in plain else b"[%b]" % plain


def _with(session: Session, envelope: Envelope) -> bytes:
    """The protocol keyword (RFC 3848, RFC 6531 4.3)."""
    client = session.client
    if envelope.smtputf8:
        base = b"UTF8LMTP" if session.role.is_lmtp else b"UTF8SMTP"
    elif session.role.is_lmtp:
        base = b"LMTP"
    elif session.extended:
        base = b"ESMTP"
    else:
        return b"SMTP"
    return base + b"S" * (client.tls is not None) + b"A" * (client.identity is not None)
