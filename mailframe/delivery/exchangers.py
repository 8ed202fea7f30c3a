"""Which hosts take the mail of a domain: MX records and what stands in for them (RFC 5321 section 5, RFC 7505)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Sequence
from itertools import groupby

from attrs import frozen

from mailframe.errors import Temporary
from mailframe.hooks import Failed, Retry
from mailframe.interfaces import IResolver
from mailframe.net.dns.answers import MX, NoRecords, NoSuchName
from mailframe.net.eyeballs import interleaved

EXCHANGERS = 10
"""Hosts of a domain that are tried at most, best first."""
ADDRESSES = 4
"""Addresses of one host that are tried at most."""


class Unroutable(Exception):
    """
    The domain's mail can go nowhere.

    @ivar outcome: for now, or for good.
    """

    def __init__(self, outcome: Retry | Failed) -> None:
        super().__init__(outcome.text)
        self.outcome = outcome


@frozen
class Exchanger:
    """
    One host that takes mail.

    @ivar name: its host name, or an IP address.
    @ivar secure: the DNS says so with DNSSEC (RFC 7672 2.2.1).
    """

    name: str
    secure: bool = False


async def exchangers(
    resolver: IResolver, domain: str, ours: Collection[str], random: Callable[[int], bytes]
) -> Sequence[Exchanger]:
    """
    Return the hosts for a domain in the order in which they are to be tried.

    Hosts of one preference come in random order (RFC 5321 5.1). Where we are one of them, hosts that are not better
    than us are left out, or mail would go in circles.

    @param domain: in A-labels, or an address literal.
    @param ours: names of this host, in lower case.
    @raise Unroutable: there is none, or nobody can tell now.
    """
    if domain.startswith("["):
        return [Exchanger(domain[1:-1].removeprefix("IPv6:"))]
    try:
        answer = await resolver.query(domain, "MX")
    except NoSuchName:
        raise Unroutable(Failed("5.1.2", f"The domain {domain} does not exist")) from None
    except NoRecords:
        return [_ours_excluded(Exchanger(domain), ours)]
    except Temporary as error:
        raise Unroutable(Retry("4.4.3", f"The mail exchangers of {domain} cannot be looked up: {error}")) from None
    records: list[MX] = sorted(answer.records)
    if [record.exchange for record in records] == [""]:
        raise Unroutable(Failed("5.1.10", f"The domain {domain} takes no mail (null MX)"))
    return [Exchanger(name, answer.authenticated) for name in _ordered(records, domain, ours, random)][:EXCHANGERS]


def _ours_excluded(exchanger: Exchanger, ours: Collection[str]) -> Exchanger:
    if exchanger.name in ours:
        raise Unroutable(_loop(exchanger.name))
    return exchanger


def _loop(domain: str) -> Failed:
    return Failed("5.4.6", f"Mail for {domain} leads back to this host, which has no mailboxes for it")


def _ordered(
    records: Sequence[MX], domain: str, ours: Collection[str], random: Callable[[int], bytes]
) -> Sequence[str]:
    own = min((record.preference for record in records if record.exchange in ours), default=None)
    better = [record for record in records if record.exchange and (own is None or record.preference < own)]
    if not better:
        raise Unroutable(_loop(domain))
    names: list[str] = []
    for _preference, group in groupby(better, key=lambda record: record.preference):
        names += sorted((record.exchange for record in group), key=lambda _name: random(8))
    return list(dict.fromkeys(names))


async def addresses(resolver: IResolver, name: str) -> Sequence[str]:
    """
    Return the addresses of a host, IPv6 and IPv4 in turn.

    @raise Unroutable: it has none, or nobody can tell now.
    """
    try:
        return [str(ipaddress.ip_address(name))]
    except ValueError:
        pass
    found: dict[str, Sequence[str]] = {}
    trouble: Temporary | None = None
    for family in ("AAAA", "A"):
        try:
            found[family] = (await resolver.query(name, family)).records
        except (NoSuchName, NoRecords):
            found[family] = ()
        except Temporary as error:
            found[family], trouble = (), error
    both = interleaved(found["AAAA"], found["A"])[:ADDRESSES]
    if both:
        return both
    if trouble is not None:
        raise Unroutable(Retry("4.4.3", f"The address of {name} cannot be looked up: {trouble}"))
    raise Unroutable(Failed("5.4.4", f"The host {name} has no address"))
