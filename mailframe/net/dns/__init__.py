"""The DNS as mail needs it: a stub resolver that tells apart the ways in which there is no answer."""

from mailframe.net.dns.answers import MX, SOA, Answer, NoAnswer, NoRecords, NoSuchName, ServerFailed
from mailframe.net.dns.resolv_conf import resolv_conf
from mailframe.net.dns.resolver import Resolver

__all__ = [
    "MX",
    "SOA",
    "Answer",
    "NoAnswer",
    "NoRecords",
    "NoSuchName",
    "Resolver",
    "ServerFailed",
    "resolv_conf",
]
