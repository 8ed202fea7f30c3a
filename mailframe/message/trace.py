"""Trace fields: the Return-Path and Received lines that a server puts in front of a message (RFC 5321 4.4)."""

from __future__ import annotations

import re
from functools import lru_cache

from mailframe.message import dates, headers

_UNSAFE = re.compile(rb"[\x00-\x20\x7f]+")
_UNSAFE_IN_COMMENT = re.compile(rb"[\x00-\x1f\x7f()\\]+")
_LONGEST_WORD = 900
"""Octets of one value; a line ends at 998 (RFC 5322 2.1.1)."""
_LONGEST_NAME = 300
"""Octets of one of the three values that share a line; a domain has 255."""


@lru_cache(maxsize=4096)
def return_path(sender: bytes) -> bytes:
    """
    Return the Return-Path field with its CRLF.

    @param sender: the reverse-path without angle brackets; empty is the null sender.
    """
    return b"Return-Path: <%b>\r\n" % _word(sender)


def delivered_to(address: bytes) -> bytes:
    """Return the Delivered-To field with its CRLF: the address that a message was for, before it goes on from here."""
    return b"Delivered-To: %b\r\n" % _word(address)


def was_delivered_to(head: bytes, address: bytes) -> bool:
    """Return whether a message has been delivered to an address before, and so goes in circles."""
    wanted = _word(address).lower()
    return any(headers.unfold(each).lower() == wanted for each in headers.index(head).get(b"delivered-to", ()))


def origin(helo: bytes, peer_name: bytes | None, address: bytes, by: bytes, with_: bytes, tls: str | None) -> bytes:
    """
    Return what stands in L{received} fields of all messages of a connection.

    Values are as validated before; controls and blanks in them, should there be any, become question marks.

    @param helo: what the client called itself in HELO or EHLO, a domain or an address literal.
    @param peer_name: the name of its address in the DNS, or C{None}.
    @param address: its address literal, C{[192.0.2.1]} or C{[IPv6:2001:db8::1]}.
    @param by: our host name.
    @param with_: the protocol keyword (RFC 3848): C{SMTP}, C{ESMTPSA}, C{LMTP}.
    @param tls: version and cipher for the reader, C{TLSv1.3 TLS_AES_256_GCM_SHA384}; C{None} when there is no TLS.
    """
    peer = b"%b %b" % (_name(peer_name), _name(address)) if peer_name else _name(address)
    line = b"Received: from %b (%b)\r\n\tby %b with %b" % (_name(helo) or b"unknown", peer, _name(by), _name(with_))
    if tls:
        line += b"\r\n\t(%b)" % _UNSAFE_IN_COMMENT.sub(b"?", tls.encode("ascii", "replace"))[:_LONGEST_WORD]
    return line


def received(origin: bytes, id: bytes, for_: bytes | None, when: float) -> bytes:
    """
    Return the Received field with its CRLF.

    @param origin: made by L{origin}.
    @param id: the message's id here.
    @param for_: the recipient, given only when there is one alone, or recipients learn of each other (RFC 5321 7.2).
    @param when: seconds since the epoch.
    """
    whom = _whom(for_) if for_ else b";\r\n\t"
    return b"%b id %b%b%b\r\n" % (origin, id if id.isalnum() else _word(id), whom, dates.utc(int(when)))


@lru_cache(maxsize=4096)
def _whom(for_: bytes) -> bytes:
    return b"\r\n\tfor <%b>; " % _word(for_)


def _word(value: bytes, longest: int = _LONGEST_WORD) -> bytes:
    return _UNSAFE.sub(b"?", value)[:longest]


def _name(value: bytes) -> bytes:
    return _word(value, _LONGEST_NAME)


def deliveries(head: bytes) -> int:
    """Return the number of Delivered-To fields: how often a message has gone on after a delivery."""
    return len(headers.index(head).get(b"delivered-to", ()))


def hops(head: bytes) -> int:
    """Return the number of Received fields: how many servers had the message before (RFC 5321 6.3, loop detection)."""
    return len(headers.index(head).get(b"received", ()))


def goes_in_circles(head: bytes, limit: int) -> bool:
    """Return whether a message has made more than C{limit} L{hops}; to count the word is quick, and mostly enough."""
    return head.lower().count(b"received") > limit and hops(head) > limit
