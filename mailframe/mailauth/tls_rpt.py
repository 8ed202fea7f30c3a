"""TLS reports, the counting: how connections to each domain went, by day, for those who ask for it (RFC 8460)."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from attrs import asdict, define, evolve, field, frozen
from twisted.logger import Logger

from mailframe.address import Address
from mailframe.interfaces import IReportStorage
from mailframe.mailauth.mta_sts import is_host_name
from mailframe.mailauth.tls_results import PolicyType, PolicyUsed, ResultType

URIS = 10
"""Destinations of one record that reports are sent to."""
POLICY_LINES = 250
"""Lines of one policy that a report shows."""
DETAILS = 300
"""Different results counted for one domain and day; others are counted without their details."""
DOMAINS = 10_000
"""Domains counted for on one day; there are no reports to others."""
DETAIL_CHARACTERS = 500
"""Characters of one detail, and of one line of a policy; the rest is cut off."""

_log = Logger()

# Of RFC 8460 3; no octet can belong to two parts of one, so no record takes long.
_VERSION = re.compile(rb"v=TLSRPTv1[ \t]*;[ \t]*")
_EXTENSION = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[!-:<>-~]+")
_HTTPS = re.compile(rb"https://[!-~]{1,1000}", re.IGNORECASE)
_MAILTO = re.compile(rb"mailto:([!-~]{1,1000})", re.IGNORECASE)


# --- who wants reports -----------------------------------------------------------------------------------------------


@frozen
class ReportTo:
    """
    Where a domain wants its reports, in its order (RFC 8460 3).

    @ivar mail: addresses.
    @ivar https: URLs, not looked at beyond their scheme.
    """

    mail: tuple[Address, ...] = ()
    https: tuple[str, ...] = ()


def report_to(records: Sequence[bytes]) -> ReportTo | None:
    """
    Return what the TXT records of C{_smtp._tls.DOMAIN} say, or C{None} when no reports are wanted.

    Destinations that cannot be used are left out, and all after the first L{URIS}.

    @param records: the strings of each joined.
    """
    ours = [record for record in records if _VERSION.match(record)]
    rua = _rua(ours[0]) if len(ours) == 1 else None
    if rua is None:
        return None
    uris = [uri.strip(b" \t") for uri in rua.split(b",")[:URIS]]
    mail = [address for uri in uris if (address := _mailto(uri)) is not None]
    return ReportTo(tuple(mail), tuple(uri.decode("ascii") for uri in uris if _HTTPS.fullmatch(uri)))


def _rua(record: bytes) -> bytes | None:
    found = None
    fields = [each.strip(b" \t") for each in record[record.index(b";") + 1 :].split(b";")]
    if not fields[-1]:  # what may follow the last field is a semicolon
        fields.pop()
    for each in fields:
        if each.startswith(b"rua="):
            found = each[4:] if found is None else found
        elif not _EXTENSION.fullmatch(each):
            return None
    return found


def _mailto(uri: bytes) -> Address | None:
    match = _MAILTO.fullmatch(uri)
    if match is None:
        return None
    try:
        # What follows a question mark are header fields (RFC 6068 2), which nobody writes into our mail.
        return Address.parse(unquote(match[1].partition(b"?")[0].decode("ascii"), errors="strict"))
    except ValueError:
        return None


# --- counting --------------------------------------------------------------------------------------------------------


@frozen
class TLSSession:
    """
    How TLS went on one connection, or why there was none; fields as in RFC 8460 4.3 and 4.4.

    @ivar result: C{None} when it went well.
    @ivar reason: more about it, for people (C{failure-reason-code}).
    """

    policy: PolicyUsed
    result: ResultType | None = None
    sending_mta_ip: str = ""
    receiving_mx_hostname: str = ""
    receiving_mx_helo: str = ""
    receiving_ip: str = ""
    reason: str = ""

    def to_text(self) -> str:
        """Return it as one line that is the same for equal sessions."""
        return json.dumps(asdict(self, value_serializer=_plain), sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> TLSSession:
        """
        @raise ValueError: this is none.
        """
        try:
            read: dict[str, Any] = json.loads(text)
            policy = read.pop("policy")
            used = PolicyUsed(
                PolicyType(policy["type"]), policy["domain"], tuple(policy["strings"]), tuple(policy["mx"])
            )
            result = read.pop("result")
            return cls(used, None if result is None else ResultType(result), **read)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"this is no session: {error}") from None

    def shortened(self) -> TLSSession:
        """Return it with every text cut at L{DETAIL_CHARACTERS}; details of what went well are left out."""
        policy = evolve(
            self.policy,
            strings=tuple(line[:DETAIL_CHARACTERS] for line in self.policy.strings[:POLICY_LINES]),
            mx=tuple(pattern[:DETAIL_CHARACTERS] for pattern in self.policy.mx[:POLICY_LINES]),
        )
        if self.result is None:
            return TLSSession(policy)
        texts = ("sending_mta_ip", "receiving_mx_hostname", "receiving_mx_helo", "receiving_ip", "reason")
        values = asdict(self, recurse=False)
        return TLSSession(policy, self.result, **{name: values[name][:DETAIL_CHARACTERS] for name in texts})


def _plain(_instance: Any, _attribute: Any, value: Any) -> Any:
    return value.value if isinstance(value, PolicyType | ResultType) else value


def day_of(now: float) -> str:
    """Return the day, in UTC, of a time in seconds since the epoch: C{2026-11-24} (RFC 8460 4.1)."""
    return datetime.fromtimestamp(now, UTC).date().isoformat()


@define(eq=False)
class Collector:
    """
    Counts sessions, within bounds: what others put into their DNS, and how often they change it, is up to them.

    @ivar details: different results of one domain and day.
    @ivar domains: domains of one day.
    """

    storage: IReportStorage
    details: int = DETAILS
    domains: int = DOMAINS
    _day: str = field(default="", init=False)
    _seen: OrderedDict[str, set[str]] = field(factory=OrderedDict, init=False)

    async def record(self, session: TLSSession, now: float) -> None:
        """
        Count one connection; trouble of the storage is logged, for no mail must wait for it.

        @param now: seconds since the epoch.
        """
        day, domain = day_of(now), session.policy.domain
        if not is_host_name(domain):
            return
        try:
            seen = await self._seen_of(day, domain)
            text = None if seen is None else self._bounded(session.shortened(), seen)
            if text is not None:
                await self.storage.add(day, domain, text)
        except Exception:
            _log.failure("a TLS session with {domain} cannot be counted", domain=domain)

    async def _seen_of(self, day: str, domain: str) -> set[str] | None:
        """Return the texts counted already, or C{None} for a domain too many."""
        if day != self._day:
            self._day = day
            self._seen.clear()
        if domain not in self._seen:
            if len(self._seen) >= self.domains:
                return None
            texts = {text for text, _count in await self.storage.read(day, domain)}
            self._seen.setdefault(domain, texts)
        return self._seen.setdefault(domain, set())

    def _bounded(self, session: TLSSession, seen: set[str]) -> str | None:
        """Return the text to count: the whole one, or where there are too many, one without details or no policy."""
        bare = TLSSession(session.policy, session.result)
        nameless = evolve(bare, policy=evolve(session.policy, strings=(), mx=()))
        for number, each in enumerate((session, bare, nameless), 1):
            text = each.to_text()
            if text in seen or len(seen) < self.details * number:
                seen.add(text)
                return text
        return None
