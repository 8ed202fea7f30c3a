"""Is an address one of the open Internet: what others make us connect to must not be a machine of our own network."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052 2.1


def is_public(address: str) -> bool:
    """Say whether an IP address, and any that it stands for, is public: not loopback, private, link-local or such."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    inner = _inner(ip) if isinstance(ip, IPv6Address) else None
    if inner is not None:
        return is_public(str(inner))
    special = ip.is_multicast or ip.is_reserved or ip.is_unspecified or (ip.version == 6 and ip.is_site_local)
    return ip.is_global and not special


def _inner(ip: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that packets to this one end at."""
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour
