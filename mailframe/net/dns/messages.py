"""DNS messages: questions to octets, octets to replies (RFC 1035 4, EDNS0 of RFC 6891); pure."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Any

from attrs import frozen
from twisted.names import dns

from mailframe.net.dns.answers import MX, SOA

PAYLOAD_OCTETS = 1232
"""UDP octets we say that we take: more is fragmented on its way, and fragments can be forged (DNS flag day 2020)."""

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "TLSA": 52}
"""Types by name; others can be asked for as C{TYPE65} (RFC 3597 5)."""

NAME_OCTETS = 253
"""Octets of a name in text, without the final dot (RFC 1035 2.3.4)."""

NOERROR, NXDOMAIN = 0, 3

_HEADER = struct.Struct(">HHHHHH")
_RESPONSE, _RECURSE, _AUTHENTIC = 0x8000, 0x0100, 0x0020
# OPT (41) with our payload size; the DO bit asks for DNSSEC, without which no server would tell what it validated.
_OPT = struct.pack(">BHHIH", 0, 41, PAYLOAD_OCTETS, 0x8000, 0)
_LABEL = re.compile(rb"[!-\-/-~]{1,63}")
_UNPRINTABLE = re.compile(rb"[^!-\[\]-~]")


class BadReply(Exception):
    """The octets are no reply that we understand."""


@frozen
class Record:
    """One resource record of class IN; C{value} is as in L{mailframe.net.dns.Answer.records}."""

    name: str
    type: int
    ttl: int
    value: Any


@frozen
class Reply:
    """
    What a server replied.

    @ivar rcode: 0 is well, 3 is NXDOMAIN (RFC 1035 4.1.1).
    @ivar truncated: there is more than a datagram can hold: ask by TCP.
    @ivar authenticated: the AD bit; worth as much as the server and the way to it.
    @ivar negative_ttl: seconds for which the absence of records may be kept (RFC 2308 5), or C{None}.
    """

    rcode: int
    truncated: bool
    authenticated: bool
    answers: tuple[Record, ...]
    negative_ttl: int | None


def type_number(name: str) -> int:
    """
    Return the number of a type.

    @raise ValueError: there is none of that name.
    """
    if name in TYPES:
        return TYPES[name]
    if re.fullmatch(r"TYPE[0-9]{1,5}", name) and int(name[4:]) < 65536:
        return int(name[4:])
    raise ValueError(f"{name!r} is no type of DNS records")


def question(name: str, type: int) -> bytes:
    """
    Return the question section: name, type and class.

    @param name: ASCII, with or without a final dot.
    @raise ValueError: it cannot be a name.
    """
    labels = name.removesuffix(".").encode("ascii").split(b".")
    if len(name) > NAME_OCTETS + 1 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("not a domain name")
    return b"".join(bytes([len(label)]) + label for label in labels) + struct.pack(">BHH", 0, type, 1)


def query(id: int, asked: bytes) -> bytes:
    """Return a whole message that asks a question: recursively, with EDNS0, and for the AD bit (RFC 6840 5.7)."""
    return _HEADER.pack(id, _RECURSE | _AUTHENTIC, 1, 0, 0, 1) + asked + _OPT


def answers_to(data: bytes, id: int, asked: bytes) -> bool:
    """
    Say whether octets are the reply to this query and not to another, or a forgery (RFC 5452 9.1).

    The question must come back as it was sent, apart from the case of its letters.
    """
    if len(data) < _HEADER.size + len(asked):
        return False
    got, flags, questions, *_counts = _HEADER.unpack_from(data)
    back = data[_HEADER.size : _HEADER.size + len(asked)]
    same = back[:-4].lower() == asked[:-4].lower() and back[-4:] == asked[-4:]
    return got == id and bool(flags & _RESPONSE) and questions == 1 and same


def parse(data: bytes) -> Reply:
    """
    Take a reply apart.

    @raise BadReply: it is malformed.
    """
    message = dns.Message()
    try:
        message.fromStr(data)
        answers = tuple(_record(header) for header in message.answers if header.cls == dns.IN)
        negative = [_negative_ttl(header) for header in message.authority if header.type == TYPES["SOA"]]
    except Exception as error:  # the codec raises whatever the octets provoke
        raise BadReply(f"malformed: {type(error).__name__}") from None
    # The codec stops without a word where the octets end.
    if not message.trunc and len(message.answers) != _HEADER.unpack_from(data)[3]:
        raise BadReply("records are missing")
    return Reply(
        message.rCode, bool(message.trunc), bool(message.authenticData), answers, min(negative) if negative else None
    )


def _record(header: Any) -> Record:
    value_of: Callable[[Any], Any] = _VALUES.get(header.type, _raw)
    return Record(_text(header.name), header.type, header.ttl, value_of(header.payload))


def _negative_ttl(header: Any) -> int:
    return min(int(header.ttl), int(header.payload.minimum))


def _text(name: dns.Name) -> str:
    """Return a name as text that can be compared and logged."""
    escaped = _UNPRINTABLE.sub(lambda match: b"\\%03d" % ord(match[0]), name.name)
    return escaped.decode("ascii").lower().removesuffix(".")


def _name(payload: Any) -> str:
    return _text(payload.name)


def _raw(payload: Any) -> bytes:
    octets = io.BytesIO()
    payload.encode(octets, None)
    return octets.getvalue()


def _soa(payload: Any) -> SOA:
    return SOA(_text(payload.mname), _text(payload.rname), payload.serial, payload.minimum)


_VALUES: dict[int, Callable[[Any], Any]] = {
    TYPES["A"]: lambda payload: payload.dottedQuad(),
    TYPES["AAAA"]: lambda payload: str(IPv6Address(payload.address)),
    TYPES["NS"]: _name,
    TYPES["CNAME"]: _name,
    TYPES["PTR"]: _name,
    TYPES["SOA"]: _soa,
    TYPES["MX"]: lambda payload: MX(payload.preference, _text(payload.name)),
    TYPES["TXT"]: lambda payload: b"".join(payload.data),
}
