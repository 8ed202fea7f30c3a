"""What TLS with one mail server must be like, decided before a connection, and whether it was, checked after it.

In order: what is configured for the domain; DANE; MTA-STS, which never makes up for DANE that fails (RFC 8461 2); and
where none of them says anything, encryption without authentication if the server offers it (RFC 7435). A message may
ask for more (REQUIRETLS) or for less (C{TLS-Required: No}), both RFC 8689.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence

from attrs import evolve, field, frozen
from attrs.validators import lt
from cryptography import x509

from mailframe.errors import Temporary
from mailframe.interfaces import IResolver
from mailframe.mailauth import dane
from mailframe.mailauth.chains import CertificateMismatch, check_chain, check_names
from mailframe.mailauth.dane import TLSA, Dane
from mailframe.mailauth.mta_sts import Mode, Policy
from mailframe.mailauth.policy_cache import PolicyCache
from mailframe.mailauth.roots import Roots, system_roots
from mailframe.mailauth.tls_results import PolicyType, PolicyUsed, ResultType

PORT = 25


class TLSPolicyFailure(Temporary):
    """
    TLS with a server is not as it must be: do not deliver to it now; another server of the domain may be better.

    @ivar result: in the words of TLS reports.
    @ivar text: in a sentence.
    @ivar policy: the policy that failed.
    """

    def __init__(self, result: ResultType, text: str, policy: PolicyUsed) -> None:
        super().__init__(text)
        self.result = result
        self.text = text
        self.policy = policy


class Level(enum.IntEnum):
    """How much TLS; each is more than the one before."""

    NONE = 0
    """No TLS, even if the server offers it."""
    MAY = 1
    """TLS if the server offers it; whose certificate does not matter."""
    ENCRYPT = 2
    """TLS; whose certificate does not matter."""
    VERIFY = 3
    """TLS, with a certificate that leads to a root and is for one of the names."""
    DANE = 4
    """TLS, with a certificate that matches a TLSA record."""


@frozen
class Destination:
    """
    What is configured for a domain; it stands in place of all that the domain itself says.

    @ivar level: L{Level.DANE} demands that there are TLSA records.
    @ivar names: for L{Level.VERIFY}, instead of the name of the server.
    @ivar roots: for L{Level.VERIFY}, instead of those of all.
    """

    level: Level
    names: tuple[str, ...] = ()
    roots: Roots | None = None


@frozen
class TLSRequirement:
    """
    What TLS with one server must be like.

    @ivar names: the certificate is for one of them.
    @ivar tlsa: for L{Level.DANE}.
    @ivar roots: for L{Level.VERIFY}; C{None} is those of the system.
    @ivar enforced: whether a failure keeps the mail from being delivered; otherwise it is reported only.
    @ivar requiretls: the server must offer REQUIRETLS, and the message go on with it (RFC 8689 4.2.1).
    @ivar policy: for TLS reports.
    @ivar reported: whether reports count it: not where a message asks to be sent whatever TLS is like, as reports
        themselves do (RFC 8460 3).
    @ivar failure: what failed already and is only to be reported: a server that a policy in testing mode does not
        name, or a policy that cannot be fetched.
    """

    level: Level
    policy: PolicyUsed
    names: tuple[str, ...] = ()
    tlsa: tuple[TLSA, ...] = ()
    roots: Roots | None = None
    enforced: bool = True
    requiretls: bool = False
    reported: bool = True
    failure: TLSPolicyFailure | None = field(default=None, eq=False)

    @property
    def offers(self) -> bool:
        """Whether to use STARTTLS where the server has it."""
        return self.level > Level.NONE

    @property
    def server_name(self) -> str:
        """The name to ask the server for by SNI: that of the TLSA records, or of the server (RFC 7672 8.1)."""
        return self.names[0] if self.names else ""

    @property
    def demands(self) -> bool:
        """Whether nothing may be delivered without TLS."""
        return self.level >= Level.ENCRYPT and self.enforced


@frozen
class Policies:
    """
    All that a decision is made of.

    @ivar resolver: for DANE; it must be one that validates, or there are no secure records. C{None} leaves DANE out.
    @ivar mta_sts: C{None} leaves MTA-STS out.
    @ivar destinations: by domain of the recipients, in lower case.
    @ivar least: the level for all others, unless they ask for more themselves; not L{Level.DANE}.
    @ivar roots: the trust anchors of MTA-STS and L{Level.VERIFY}; C{None} is those of the system.
    """

    resolver: IResolver | None = None
    mta_sts: PolicyCache | None = None
    destinations: Mapping[str, Destination] = field(factory=dict)
    least: Level = field(default=Level.MAY, validator=lt(Level.DANE))
    roots: Roots | None = None


# --- before the connection -------------------------------------------------------------------------------------------


async def requirement(
    domain: str,
    mx_host: str,
    policies: Policies,
    now: float,
    *,
    port: int = PORT,
    mx_is_authentic: bool = False,
    tls_required: bool | None = None,
) -> TLSRequirement:
    """
    Decide what TLS with one server must be like.

    @param domain: of the recipients.
    @param mx_host: the server's name, of an MX record or the domain itself.
    @param now: seconds since the epoch.
    @param mx_is_authentic: whether DNSSEC vouches for the MX record, or the name comes from the configuration.
    @param tls_required: C{True} is REQUIRETLS, C{False} is C{TLS-Required: No}, which does away with what domains
        publish (RFC 8689 4.2.2), not with what is configured here.
    @raise TLSPolicyFailure: this server must not be used now.
    """
    domain, mx_host = domain.lower().removesuffix("."), mx_host.lower().removesuffix(".")
    deciding = _Deciding(domain, mx_host, policies, now, port)
    if tls_required is False and domain not in policies.destinations:
        try:
            return evolve(await deciding.decide(), enforced=False, reported=False)
        except TLSPolicyFailure as failure:
            return TLSRequirement(Level.MAY, failure.policy, enforced=False, reported=False, failure=failure)
    decided = await deciding.decide()
    return await deciding.raised(decided, mx_is_authentic) if tls_required else decided


@frozen
class _Deciding:
    """The steps of one decision."""

    domain: str
    host: str
    policies: Policies
    now: float
    port: int

    async def decide(self) -> TLSRequirement:
        """What is configured; else DANE; else MTA-STS; else what is the least."""
        destination = self.policies.destinations.get(self.domain)
        if destination is not None:
            return await self.configured(destination)
        found = await self.dane()
        if found is not None and found.tlsa:
            return found
        return await self.sts(self.nothing() if found is None else found)

    async def configured(self, destination: Destination) -> TLSRequirement:
        """
        @raise TLSPolicyFailure: DANE is demanded, and there are no TLSA records to go by.
        """
        if destination.level is Level.DANE:
            found = await self.dane()
            if found is None or not found.tlsa:
                raise self.failed(ResultType.DANE_REQUIRED, f"{self.host} has no secure TLSA records", self.used())
            return found
        names = destination.names or (self.host,)
        return TLSRequirement(destination.level, self.used(), names, roots=destination.roots or self.policies.roots)

    def nothing(self) -> TLSRequirement:
        """Nobody says anything."""
        return TLSRequirement(self.policies.least, self.used(), (self.host,), roots=self.policies.roots)

    async def dane(self) -> TLSRequirement | None:
        """
        Return what TLSA records ask for; C{None} when there are none.

        They count even where nobody vouches for the MX record: whoever can forge that can do without them, and others
        who are in the way cannot.

        @raise TLSPolicyFailure: nobody can tell.
        """
        if self.policies.resolver is None:
            return None
        result = await dane.lookup(self.policies.resolver, self.host, self.port)
        if result.kind is Dane.TEMPORARY:
            raise self.failed(ResultType.DNSSEC_INVALID, result.text, self.used(PolicyType.TLSA))
        if result.kind is not Dane.SECURE:
            return None
        used = self.used(PolicyType.TLSA, tuple(map(str, result.records)))
        if not result.records:
            level = max(Level.ENCRYPT, self.policies.least)
            return TLSRequirement(level, used, (self.host,), roots=self.policies.roots)
        names = tuple(dict.fromkeys((result.base, self.host, self.domain)))
        return TLSRequirement(Level.DANE, used, names, result.records)

    async def sts(self, least: TLSRequirement) -> TLSRequirement:
        """
        Return what the MTA-STS policy asks for, and never less than something else.

        @raise TLSPolicyFailure: the server is none of those that the policy names.
        """
        policy = await self.sts_policy()
        if policy is None:
            return evolve(least, failure=self.sts_failure())
        if policy.mode is Mode.NONE:
            return least
        used = self.used(PolicyType.STS, policy.lines, policy.mx)
        if not policy.permits(self.host):
            text = f"{self.host} is none of the servers that the MTA-STS policy of {self.domain} names"
            failure = self.failed(ResultType.VALIDATION_FAILURE, text, used)
            if policy.mode is Mode.ENFORCE:
                raise failure
            return evolve(least, failure=failure)
        if policy.mode is Mode.TESTING and least.demands:  # what is tested does not weaken what is in force
            return least
        names, enforced = (self.host,), policy.mode is Mode.ENFORCE
        return TLSRequirement(Level.VERIFY, used, names, roots=self.policies.roots, enforced=enforced)

    async def sts_policy(self) -> Policy | None:
        """Return the domain's policy."""
        cache = self.policies.mta_sts
        return None if cache is None else await cache.policy_for(self.domain, self.now)

    def sts_failure(self) -> TLSPolicyFailure | None:
        """Return why there is no policy, if one is announced."""
        failure = self.policies.mta_sts.failure(self.domain) if self.policies.mta_sts is not None else None
        return None if failure is None else self.failed(failure.result, failure.text, self.used(PolicyType.STS))

    async def raised(self, decided: TLSRequirement, mx_is_authentic: bool) -> TLSRequirement:
        """
        Return what REQUIRETLS makes of a decision (RFC 8689 4.2.1).

        @raise TLSPolicyFailure: nobody vouches for the name of the server.
        """
        if not mx_is_authentic:
            policy = await self.sts_policy()
            if policy is None or policy.mode is Mode.NONE or not policy.permits(self.host):
                text = f"Nobody vouches that {self.host} is a server of {self.domain}, and the message requires TLS"
                raise self.failed(ResultType.VALIDATION_FAILURE, text, decided.policy)
        names = decided.names or (self.host,)
        return evolve(decided, level=max(decided.level, Level.VERIFY), names=names, enforced=True, requiretls=True)

    def used(
        self, type: PolicyType = PolicyType.NO_POLICY_FOUND, strings: Sequence[str] = (), mx: Sequence[str] = ()
    ) -> PolicyUsed:
        """Return a policy for reports."""
        return PolicyUsed(type, self.domain, tuple(strings), tuple(mx))

    def failed(self, result: ResultType, text: str, policy: PolicyUsed) -> TLSPolicyFailure:
        """Return a failure."""
        return TLSPolicyFailure(result, text, policy)


# --- after the handshake ---------------------------------------------------------------------------------------------


def check(
    required: TLSRequirement, chain: Sequence[x509.Certificate], names: Sequence[str], now: float
) -> TLSPolicyFailure | None:
    """
    Check the certificates of a server after the handshake.

    @param chain: the server's certificate, and those that it sent with it; in a resumed session there are none.
    @param names: host names to look for where the requirement has none.
    @param now: seconds since the epoch.
    @return: a failure that is only to be reported; C{None} when all is well.
    @raise TLSPolicyFailure: nothing may be delivered on this connection.
    """
    return _judged(required, lambda: _verify(required, chain, required.names or names, now))


def check_unencrypted(
    required: TLSRequirement,
    result: ResultType = ResultType.STARTTLS_NOT_SUPPORTED,
    text: str = "The server does not offer STARTTLS",
) -> TLSPolicyFailure | None:
    """
    Check a connection that goes on without TLS.

    @param result: why there is none; a handshake that fails is L{ResultType.VALIDATION_FAILURE}.
    @param text: the same in a sentence.
    @return: as L{check}.
    @raise TLSPolicyFailure: nothing may be delivered on this connection.
    """

    def refuse() -> None:
        if required.level >= Level.ENCRYPT:
            raise CertificateMismatch(text, result)

    return _judged(required, refuse)


def _judged(required: TLSRequirement, verify: Callable[[], None]) -> TLSPolicyFailure | None:
    try:
        verify()
    except CertificateMismatch as error:
        failure = TLSPolicyFailure(error.result, str(error), required.policy)
        if required.enforced:
            raise failure from None
        return failure
    return required.failure


def _verify(required: TLSRequirement, chain: Sequence[x509.Certificate], names: Sequence[str], now: float) -> None:
    if required.level is Level.DANE:
        dane.verify(required.tlsa, chain, names, now)
    elif required.level is Level.VERIFY:
        roots = system_roots() if required.roots is None else required.roots
        check_chain(chain, roots.store, now)
        check_names(chain[0], names)
