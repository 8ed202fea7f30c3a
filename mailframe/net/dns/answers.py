"""What the DNS says, and the four ways in which it says nothing: SPF, DANE and DMARC treat each of them differently."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from mailframe.errors import Permanent, Temporary


class NoSuchName(Permanent):
    """The name does not exist (NXDOMAIN, RFC 8020), or cannot be one."""


class NoRecords(Permanent):
    """The name exists and has no records of that type (NODATA, RFC 2308 2.2)."""


class ServerFailed(Temporary):
    """The servers could not tell (SERVFAIL and its kin), as for a name whose DNSSEC signatures are bogus."""


class NoAnswer(Temporary):
    """No server answered in time."""


@frozen(order=True)
class MX:
    """
    A mail exchanger (RFC 1035 3.3.9); they sort in order of preference.

    @ivar exchange: a host name, or empty in a null MX (RFC 7505).
    """

    preference: int
    exchange: str


@frozen
class SOA:
    """
    The start of a zone (RFC 1035 3.3.13).

    @ivar minimum: seconds for which the zone allows negative answers to be kept (RFC 2308 4).
    """

    mname: str
    rname: str
    serial: int
    minimum: int


@frozen
class Answer:
    """
    The records of one name and type, at least one.

    @ivar records: C{str} addresses for A and AAAA, C{str} names for CNAME, NS and PTR, L{MX}, L{SOA}, C{bytes} for
        TXT (its strings joined, as RFC 7208 3.3 wants) and for TLSA and all other types (as on the wire).
        Names are in lower case, without a final dot; octets that are no printable ASCII are escaped (RFC 1035 5.1).
    @ivar authenticated: a validating server that we trust has checked it by DNSSEC.
    @ivar ttl: seconds for which this may be kept.
    """

    records: tuple[Any, ...]
    authenticated: bool
    ttl: float
