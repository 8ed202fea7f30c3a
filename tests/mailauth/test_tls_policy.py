"""The decision about TLS with one server, and what certificates make of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailframe.errors import Temporary
from mailframe.mailauth import tls_policy
from mailframe.mailauth.dane import DANE_EE, PKIX_EE, SHA2_256, SPKI, TLSA
from mailframe.mailauth.mta_sts import FetchFailed
from mailframe.mailauth.policy_cache import PolicyCache
from mailframe.mailauth.roots import Roots
from mailframe.mailauth.tls_policy import (
    Destination,
    Level,
    Policies,
    TLSPolicyFailure,
    TLSRequirement,
    check,
    check_unencrypted,
    requirement,
)
from mailframe.mailauth.tls_results import PolicyType, PolicyUsed, ResultType
from mailframe.net.dns import ServerFailed
from mailframe.testing.dns import FakeDNS
from tests.mailauth.pki import CHAIN, MIDDLE, MX, NOW, OTHER_ROOT, ROOT
from tests.mailauth.test_dane import tlsa
from tests.net.test_server_tls import shake

DOMAIN, HOST, NAME = "example.org", "mx.example.org", "_25._tcp.mx.example.org"
ROOTS, OTHER_ROOTS = Roots([ROOT.certificate]), Roots([OTHER_ROOT.certificate])
RECORD = tlsa(DANE_EE, SPKI, SHA2_256, MX)
NO_POLICY = PolicyUsed(PolicyType.NO_POLICY_FOUND, DOMAIN)


def wire(record: TLSA) -> bytes:
    return bytes((record.usage, record.selector, record.matching)) + record.data


class RequirementTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.zone: dict[str, Any] = {HOST: {"A": ["192.0.2.1"]}}
        self.faults: dict[str, type[Exception]] = {}
        self.signed = {HOST, NAME}
        self.file: bytes | Exception = b""
        self.destinations: Mapping[str, Destination] = {}
        self.options: dict[str, Any] = {}

    def dane(self, record: TLSA = RECORD) -> None:
        self.zone[NAME] = {"TLSA": [wire(record)]}

    def sts(self, mode: str, mx: str = "*.example.org") -> None:
        self.zone["_mta-sts.example.org"] = {"TXT": [b"v=STSv1; id=1"]}
        self.file = f"version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: 600".encode()

    async def fetch(self, domain: str) -> bytes:
        if isinstance(self.file, Exception):
            raise self.file
        return self.file

    def deciding(self, **options: Any) -> Deferred[TLSRequirement]:
        resolver = FakeDNS(self.zone, self.faults, self.signed)
        policies = Policies(resolver, PolicyCache(resolver, self.fetch), self.destinations, roots=ROOTS, **self.options)
        return Deferred.fromCoroutine(requirement("Example.org", "MX.example.org.", policies, NOW, **options))

    def required(self, **options: Any) -> TLSRequirement:
        return self.successResultOf(self.deciding(**options))

    def refused(self, **options: Any) -> TLSPolicyFailure:
        failure = self.failureResultOf(self.deciding(**options), TLSPolicyFailure).value
        assert isinstance(failure, TLSPolicyFailure)
        assert isinstance(failure, Temporary)
        return failure

    # --- what domains publish --------------------------------------------------------------------------------------

    def test_nobody_says_anything(self) -> None:
        required = self.required()
        assert required == TLSRequirement(Level.MAY, NO_POLICY, (HOST,), roots=ROOTS)
        assert required.offers
        assert not required.demands

    def test_nothing_is_asked_where_nothing_may_be(self) -> None:
        deciding = Deferred.fromCoroutine(requirement(DOMAIN, HOST, Policies(), NOW))
        assert self.successResultOf(deciding) == TLSRequirement(Level.MAY, NO_POLICY, (HOST,))

    def test_the_least_may_be_more_or_less(self) -> None:
        self.options = {"least": Level.NONE}
        assert not self.required().offers
        self.options = {"least": Level.ENCRYPT}
        assert self.required().demands
        with pytest.raises(ValueError, match="least"):
            Policies(least=Level.DANE)

    def test_dane(self) -> None:
        self.dane()
        required = self.required()
        used = PolicyUsed(PolicyType.TLSA, DOMAIN, (str(RECORD),))
        assert required == TLSRequirement(Level.DANE, used, (HOST, DOMAIN), (RECORD,))
        assert required.demands

    def test_dane_on_another_port(self) -> None:
        self.zone["_587._tcp.mx.example.org"] = {"TLSA": [wire(RECORD)]}
        self.signed.add("_587._tcp.mx.example.org")
        assert self.required(port=587).level is Level.DANE
        assert self.required().level is Level.MAY

    def test_dane_without_dnssec_is_nothing(self) -> None:
        self.dane()
        self.signed = set()
        assert self.required().level is Level.MAY

    def test_dane_that_nobody_can_tell_of(self) -> None:
        self.sts("enforce")
        self.faults[NAME] = ServerFailed
        failure = self.refused()
        assert failure.result is ResultType.DNSSEC_INVALID
        assert failure.policy.type is PolicyType.TLSA
        assert HOST in failure.text

    def test_records_of_which_none_is_usable_demand_encryption(self) -> None:
        self.dane(tlsa(PKIX_EE, SPKI, SHA2_256, MX))
        assert self.required().level is Level.ENCRYPT
        self.options = {"least": Level.VERIFY}
        assert self.required().level is Level.VERIFY

    def test_mta_sts(self) -> None:
        self.sts("enforce")
        required = self.required()
        lines = ("version: STSv1", "mode: enforce", "mx: *.example.org", "max_age: 600")
        used = PolicyUsed(PolicyType.STS, DOMAIN, lines, ("*.example.org",))
        assert required == TLSRequirement(Level.VERIFY, used, (HOST,), roots=ROOTS)
        assert required.demands

    def test_dane_comes_before_mta_sts(self) -> None:
        self.sts("enforce", "other.example")
        self.dane()
        assert self.required().level is Level.DANE

    def test_mta_sts_counts_where_no_record_is_usable(self) -> None:
        self.sts("enforce")
        self.dane(tlsa(PKIX_EE, SPKI, SHA2_256, MX))
        assert self.required().level is Level.VERIFY

    def test_a_server_that_the_policy_does_not_name(self) -> None:
        self.sts("enforce", "mx.example.net")
        failure = self.refused()
        assert failure.result is ResultType.VALIDATION_FAILURE
        assert "none of the servers" in failure.text
        self.sts("testing", "mx.example.net")
        required = self.required()
        assert required.level is Level.MAY
        assert required.failure is not None
        assert required.failure.policy.mx == ("mx.example.net",)

    def test_a_policy_in_testing_demands_nothing(self) -> None:
        self.sts("testing")
        required = self.required()
        assert required.level is Level.VERIFY
        assert required.offers
        assert not required.demands

    def test_a_policy_in_testing_weakens_nothing(self) -> None:
        self.sts("testing")
        self.options = {"least": Level.ENCRYPT}
        assert self.required().demands

    def test_a_policy_of_none(self) -> None:
        self.sts("none")
        assert self.required().level is Level.MAY

    def test_a_policy_that_cannot_be_fetched_is_reported(self) -> None:
        self.sts("enforce")
        self.file = FetchFailed("no", ResultType.STS_WEBPKI_INVALID)
        required = self.required()
        assert required.level is Level.MAY
        assert required.failure is not None
        assert required.failure.result is ResultType.STS_WEBPKI_INVALID
        assert required.failure.policy == PolicyUsed(PolicyType.STS, DOMAIN)

    # --- what is configured ----------------------------------------------------------------------------------------

    def test_what_is_configured_comes_first(self) -> None:
        self.dane()
        self.sts("enforce")
        for level in (Level.NONE, Level.MAY, Level.ENCRYPT, Level.VERIFY):
            self.destinations = {DOMAIN: Destination(level)}
            assert self.required() == TLSRequirement(level, NO_POLICY, (HOST,), roots=ROOTS)

    def test_configured_names_and_roots(self) -> None:
        self.destinations = {DOMAIN: Destination(Level.VERIFY, ("mail.example.net",), OTHER_ROOTS)}
        assert self.required() == TLSRequirement(Level.VERIFY, NO_POLICY, ("mail.example.net",), roots=OTHER_ROOTS)

    def test_dane_may_be_demanded(self) -> None:
        self.destinations = {DOMAIN: Destination(Level.DANE)}
        assert self.refused().result is ResultType.DANE_REQUIRED
        self.dane(tlsa(PKIX_EE, SPKI, SHA2_256, MX))
        assert self.refused().result is ResultType.DANE_REQUIRED
        self.dane()
        assert self.required().level is Level.DANE

    def test_other_domains_are_not_concerned(self) -> None:
        self.destinations = {"example.net": Destination(Level.NONE)}
        assert self.required().level is Level.MAY

    # --- what the message asks for ---------------------------------------------------------------------------------

    def test_requiretls_needs_a_good_certificate(self) -> None:
        required = self.required(tls_required=True, mx_is_authentic=True)
        assert required == TLSRequirement(Level.VERIFY, NO_POLICY, (HOST,), roots=ROOTS, requiretls=True)
        self.dane()
        assert self.required(tls_required=True, mx_is_authentic=True).level is Level.DANE

    def test_requiretls_needs_someone_who_vouches_for_the_server(self) -> None:
        assert "requires TLS" in self.refused(tls_required=True).text
        self.dane()
        assert "requires TLS" in self.refused(tls_required=True).text
        self.sts("enforce")
        assert self.required(tls_required=True).level is Level.DANE
        self.sts("testing", "mx.example.net")
        assert "requires TLS" in self.refused(tls_required=True).text

    def test_a_policy_of_none_vouches_for_nobody(self) -> None:
        self.sts("none")
        assert "requires TLS" in self.refused(tls_required=True).text

    def test_requiretls_enforces_what_is_only_tested(self) -> None:
        self.sts("testing")
        required = self.required(tls_required=True)
        assert required.demands
        assert required.level is Level.VERIFY

    def test_requiretls_is_more_than_what_is_configured(self) -> None:
        self.destinations = {DOMAIN: Destination(Level.NONE)}
        assert self.required(tls_required=True, mx_is_authentic=True).level is Level.VERIFY

    def test_tls_required_no_demands_nothing(self) -> None:
        self.dane()
        required = self.required(tls_required=False)
        assert required.level is Level.DANE
        assert not required.demands
        self.faults[NAME] = ServerFailed
        required = self.required(tls_required=False)
        assert required.level is Level.MAY
        assert not required.demands
        assert required.failure is not None
        assert required.failure.result is ResultType.DNSSEC_INVALID
        assert not required.reported
        self.faults.clear()
        assert self.required().reported

    def test_tls_required_no_changes_nothing_that_is_configured(self) -> None:
        self.destinations = {DOMAIN: Destination(Level.ENCRYPT)}
        assert self.required(tls_required=False).demands


def test_the_server_is_asked_for_by_name() -> None:
    assert required(Level.DANE, names=("base.example", "mx.example")).server_name == "base.example"
    assert required(Level.MAY, names=()).server_name == ""


# --- after the handshake ---------------------------------------------------------------------------------------------


def required(level: Level, **options: Any) -> TLSRequirement:
    return TLSRequirement(level, NO_POLICY, **{"names": (HOST,), "roots": ROOTS, **options})


def refused(required: TLSRequirement, chain: Any = CHAIN, now: float = NOW) -> ResultType:
    with pytest.raises(TLSPolicyFailure) as caught:
        check(required, chain, [HOST], now)
    assert caught.value.policy is required.policy
    assert caught.value.text == str(caught.value)
    return caught.value.result


@pytest.mark.parametrize("level", [Level.NONE, Level.MAY, Level.ENCRYPT])
def test_without_authentication_any_certificate_will_do(level: Level) -> None:
    assert check(required(level), [OTHER_ROOT.certificate], [], NOW) is None
    assert check(required(level), [], [], NOW) is None


def test_a_certificate_that_leads_to_a_root() -> None:
    assert check(required(Level.VERIFY), CHAIN, [], NOW) is None
    assert refused(required(Level.VERIFY, roots=OTHER_ROOTS)) is ResultType.CERTIFICATE_NOT_TRUSTED
    assert refused(required(Level.VERIFY, names=("mx.example.net",))) is ResultType.CERTIFICATE_HOST_MISMATCH
    assert refused(required(Level.VERIFY), now=2 * NOW + 1e9) is ResultType.CERTIFICATE_EXPIRED
    assert refused(required(Level.VERIFY), []) is ResultType.CERTIFICATE_NOT_TRUSTED


def test_names_may_be_given_later() -> None:
    assert check(required(Level.VERIFY, names=()), CHAIN, [HOST], NOW) is None
    with pytest.raises(TLSPolicyFailure):
        check(required(Level.VERIFY, names=()), CHAIN, [], NOW)


def test_the_systems_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_policy, "system_roots", lambda: ROOTS)
    assert check(required(Level.VERIFY, roots=None), CHAIN, [], NOW) is None
    monkeypatch.setattr(tls_policy, "system_roots", lambda: OTHER_ROOTS)
    refused(required(Level.VERIFY, roots=None))


def test_the_common_name_does_not_count_but_with_dane() -> None:
    bare = ROOT.issue(HOST, names=[])
    assert refused(required(Level.VERIFY), [bare.certificate]) is ResultType.CERTIFICATE_HOST_MISMATCH


def test_a_certificate_that_matches_a_record() -> None:
    assert check(required(Level.DANE, tlsa=(RECORD,)), CHAIN, [], NOW) is None
    other = tlsa(DANE_EE, SPKI, SHA2_256, OTHER_ROOT)
    assert refused(required(Level.DANE, tlsa=(other,))) is ResultType.CERTIFICATE_NOT_TRUSTED


def test_what_is_not_enforced_is_reported() -> None:
    failure = check(required(Level.VERIFY, roots=OTHER_ROOTS, enforced=False), CHAIN, [], NOW)
    assert failure is not None
    assert failure.result is ResultType.CERTIFICATE_NOT_TRUSTED


def test_what_failed_before_is_reported() -> None:
    before = TLSPolicyFailure(ResultType.STS_POLICY_INVALID, "It is bad", NO_POLICY)
    assert check(required(Level.MAY, failure=before), CHAIN, [], NOW) is before
    assert check_unencrypted(required(Level.MAY, failure=before)) is before


def test_without_tls() -> None:
    for level in (Level.NONE, Level.MAY):
        assert check_unencrypted(required(level)) is None
    for level in (Level.ENCRYPT, Level.VERIFY, Level.DANE):
        with pytest.raises(TLSPolicyFailure, match="does not offer STARTTLS") as caught:
            check_unencrypted(required(level))
        assert caught.value.result is ResultType.STARTTLS_NOT_SUPPORTED
    failure = check_unencrypted(required(Level.VERIFY, enforced=False), ResultType.VALIDATION_FAILURE, "No handshake")
    assert failure is not None
    assert (failure.result, failure.text) == (ResultType.VALIDATION_FAILURE, "No handshake")


def test_what_openssl_gives_after_a_handshake_is_what_is_checked() -> None:
    context = SSL.Context(SSL.TLS_METHOD)
    context.use_privatekey(MX.key)
    context.use_certificate(MX.certificate)
    context.add_extra_chain_cert(MIDDLE.certificate)
    client = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
    shake(client, SSL.Connection(context, None))
    chain = client.get_peer_cert_chain(as_cryptography=True) or []
    assert chain == CHAIN
    assert check(required(Level.VERIFY), chain, [], NOW) is None
    assert check(required(Level.DANE, tlsa=(RECORD,)), chain, [], NOW) is None
