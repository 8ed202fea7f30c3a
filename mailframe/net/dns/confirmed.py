"""Forward-confirmed reverse DNS: the names of an address that lead back to it; anybody can claim others."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_address

from mailframe.errors import Permanent, Temporary
from mailframe.net.dns.answers import Answer

NAMES = 10
"""PTR records that are looked at for one address (as RFC 7208 4.6.4)."""

# What comes out of here stands in Received fields and log lines.
_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")


async def confirmed_names(query: Callable[[str, str], Awaitable[Answer]], address: str) -> Sequence[str]:
    """
    Return the host names of an IP address whose own addresses include it, in the order of the answer.

    @param query: as L{mailframe.interfaces.IResolver.query}.
    @param address: anything else than an IP address has no names.
    @raise mailframe.errors.Temporary: none is confirmed, and about some nobody could tell.
    """
    try:
        ip = ip_address(address.partition("%")[0])
        ip = getattr(ip, "ipv4_mapped", None) or ip
        pointers = (await query(ip.reverse_pointer, "PTR")).records[:NAMES]
    except (ValueError, Permanent):
        return []
    confirmed, unsure = [], None
    for name in pointers:
        try:
            if _HOST.fullmatch(name) and str(ip) in await _addresses(query, name, ip.version):
                confirmed.append(name)
        except Temporary as error:
            unsure = error
    if unsure is not None and not confirmed:
        raise unsure
    return confirmed


async def _addresses(query: Callable[[str, str], Awaitable[Answer]], name: str, version: int) -> Sequence[str]:
    try:
        return (await query(name, "A" if version == 4 else "AAAA")).records
    except Permanent:
        return ()
