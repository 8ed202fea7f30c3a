"""The next hop of mail as users write it: a host name or an address, with a port where it is not the usual one."""

from __future__ import annotations

import ipaddress
import re

from mailframe.address import parse_domain

_SERVER = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]+))(?::([0-9]{1,5}))?")
"""An address in brackets or a name, with or without a port."""


def parse_hop(text: str, port: int = 25) -> tuple[str, int]:
    """
    Return a host and a port.

    @param text: C{host}, C{host:port}, C{192.0.2.1:port}, C{[2001:db8::1]:port}.
    @param port: the usual one.
    @raise ValueError: it is none of these.
    """
    found = _SERVER.fullmatch(text)
    literal, name, given = found.groups() if found else (text, None, None)
    number = int(given or port)
    try:
        host = parse_domain(name) if name else str(ipaddress.ip_address(literal))
    except ValueError:
        host = ""
    if not host or not 0 < number < 65536:
        raise ValueError(f"{text!r} is no host with an optional port, such as mail.example.org:587")
    return host, number
