"""The servers that C{/etc/resolv.conf} names (resolv.conf(5)); search domains are never used for mail."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

PATH = "/etc/resolv.conf"

SERVERS = 3
"""How many servers are used, as by the C library."""

LOCAL = "127.0.0.1"
"""Who is asked when nobody is named."""


def resolv_conf(text: str) -> Sequence[str]:
    """Return the addresses of the servers that the file names, in order."""
    found = []
    for line in text.splitlines():
        match line.split():
            case ["nameserver", address, *_] if _is_address(address):
                found.append(address)
    return found[:SERVERS] or [LOCAL]


def system_servers(path: str = PATH) -> Sequence[str]:
    """Return the servers of this machine."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return resolv_conf(file.read())
    except OSError:
        return [LOCAL]


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(address: str) -> bool:
    """Say whether nobody outside this machine can speak for that address."""
    return ip_address(address).is_loopback
