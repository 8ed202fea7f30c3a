"""The MTA-STS policies of other domains: fetched when they change, and kept when they cannot be fetched (RFC 8461)."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mailframe.errors import MailError
from mailframe.interfaces import IPolicyStorage, IResolver
from mailframe.mailauth.mta_sts import BadPolicy, FetchFailed, Policy, is_host_name, policy_id
from mailframe.mailauth.tls_results import ResultType

ENTRIES = 10_000
"""Policies, and failures to fetch one, in memory; those used longest ago go first."""
REFRESH_SECONDS = 86_400.0
"""A policy is fetched again after this time even if its id is the same, so that it does not end while it stands."""
RESTING_SECONDS = 300.0
"""After a failure a domain's policy is not fetched again for so long (RFC 8461 3.3)."""

Fetch: TypeAlias = Callable[[str], Awaitable[bytes]]
"""Fetches the policy file of a domain, or raises L{FetchFailed}: see L{mailframe.mailauth.https}."""

_log = Logger()


@frozen
class _Kept:
    """
    @ivar fetched: seconds since the epoch.
    """

    id: str
    policy: Policy
    fetched: float

    def holds(self, now: float) -> bool:
        return now < self.fetched + self.policy.max_age

    def to_text(self) -> str:
        return json.dumps({"id": self.id, "fetched": self.fetched, "policy": "\n".join(self.policy.lines)})

    @classmethod
    def from_text(cls, text: str) -> _Kept:
        read = json.loads(text)
        return cls(str(read["id"]), Policy.parse(str(read["policy"]).encode("utf-8")), float(read["fetched"]))


@frozen
class Failure:
    """
    A policy is announced and cannot be had.

    @ivar id: the announced one.
    @ivar at: seconds since the epoch.
    """

    id: str
    result: ResultType
    text: str
    at: float


@define(eq=False)
class PolicyCache:
    """
    @ivar fetch: fetches a policy file.
    @ivar storage: keeps policies across restarts; without it, a domain is unprotected after one until its policy
        is fetched again.
    @ivar entries: policies kept in memory.
    """

    resolver: IResolver
    fetch: Fetch
    storage: IPolicyStorage | None = None
    entries: int = ENTRIES
    _kept: OrderedDict[str, _Kept] = field(factory=OrderedDict, init=False)
    _failures: OrderedDict[str, Failure] = field(factory=OrderedDict, init=False)
    _asking: dict[str, list[Deferred[Policy | None]]] = field(factory=dict, init=False)

    async def policy_for(self, domain: str, now: float) -> Policy | None:
        """
        Return the policy of a recipients' domain that holds now, or C{None} when there is none.

        A policy that was fetched before holds as long as it says, even when the DNS or its web server are down or
        announce it no more (RFC 8461 5.1): otherwise, whoever could block them could do away with it.

        @param now: seconds since the epoch.
        """
        domain = domain.lower().removesuffix(".")
        return await self._merged(domain, now) if is_host_name(domain) else None

    def failure(self, domain: str) -> Failure | None:
        """Return why the last attempt to fetch a domain's policy failed; C{None} when it did not."""
        return self._failures.get(domain.lower())

    # --- one question at a time ------------------------------------------------------------------------------------

    def _merged(self, domain: str, now: float) -> Deferred[Policy | None]:
        """Find out, or wait with those who want to know the same; who gives up leaves the others waiting."""
        waiting: Deferred[Policy | None] = Deferred()
        asking = self._asking.setdefault(domain, [])
        asking.append(waiting)
        if len(asking) == 1:
            Deferred.fromCoroutine(self._find(domain, now)).addBoth(self._tell, domain)
        return waiting

    def _tell(self, result: Any, domain: str) -> None:
        for waiting in self._asking.pop(domain):
            if not waiting.called:
                waiting.callback(result)

    async def _find(self, domain: str, now: float) -> Policy | None:
        kept = await self._remembered(domain, now)
        announced = await self._announced(domain)
        if announced is None:
            self._failures.pop(domain, None)
        elif not _is_fresh(kept, announced, now):
            kept = await self._fetched(domain, announced, now) or kept
        return None if kept is None else kept.policy

    async def _announced(self, domain: str) -> str | None:
        try:
            return policy_id((await self.resolver.query(f"_mta-sts.{domain}", "TXT")).records)
        except MailError:  # there is none, or nobody can tell
            return None

    def _is_resting(self, domain: str, id: str, now: float) -> bool:
        failure = self._failures.get(domain)
        return failure is not None and failure.id == id and now < failure.at + RESTING_SECONDS

    async def _fetched(self, domain: str, id: str, now: float) -> _Kept | None:
        if self._is_resting(domain, id, now):
            return None
        try:
            policy = Policy.parse(await self.fetch(domain))
        except Exception as error:
            self._failed(domain, id, error, now)
            return None
        self._failures.pop(domain, None)
        kept = _Kept(id, policy, now)
        self._remember(domain, kept)
        await self._store(domain, kept)
        return kept

    def _failed(self, domain: str, id: str, error: Exception, now: float) -> None:
        result, text = ResultType.STS_POLICY_FETCH_ERROR, "The policy could not be fetched"
        if isinstance(error, FetchFailed):
            result, text = error.result, str(error)
        elif isinstance(error, BadPolicy):
            result, text = ResultType.STS_POLICY_INVALID, f"The policy is bad: {error}"
        else:
            _log.failure("fetching the MTA-STS policy of {domain} failed", domain=domain)
        self._failures[domain] = Failure(id, result, text, now)
        self._failures.move_to_end(domain)
        if len(self._failures) > self.entries:
            self._failures.popitem(last=False)

    # --- memory and storage ----------------------------------------------------------------------------------------

    async def _remembered(self, domain: str, now: float) -> _Kept | None:
        kept = self._kept.get(domain)
        if kept is None:
            kept = await self._stored(domain)
        if kept is None or not kept.holds(now):
            self._kept.pop(domain, None)
            return None
        self._remember(domain, kept)
        return kept

    def _remember(self, domain: str, kept: _Kept) -> None:
        self._kept[domain] = kept
        self._kept.move_to_end(domain)
        if len(self._kept) > self.entries:
            self._kept.popitem(last=False)

    async def _stored(self, domain: str) -> _Kept | None:
        if self.storage is None:
            return None
        try:
            text = await self.storage.get(domain)
            return None if text is None else _Kept.from_text(text)
        except Exception:  # a policy less must not stop the mail
            _log.failure("the MTA-STS policy of {domain} cannot be read", domain=domain)
            return None

    async def _store(self, domain: str, kept: _Kept) -> None:
        if self.storage is None:
            return
        try:
            await self.storage.put(domain, kept.to_text())
        except Exception:
            _log.failure("the MTA-STS policy of {domain} cannot be kept", domain=domain)


def _is_fresh(kept: _Kept | None, id: str, now: float) -> bool:
    return kept is not None and kept.id == id and now < kept.fetched + REFRESH_SECONDS
