"""DANE: TLSA records as they are looked up, and certificates held against them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailframe.mailauth.chains import CertificateMismatch
from mailframe.mailauth.dane import (
    ALIASES,
    CERT,
    DANE_EE,
    DANE_TA,
    FULL,
    PKIX_EE,
    PKIX_TA,
    RECORDS,
    SHA2_256,
    SHA2_512,
    SPKI,
    TLSA,
    Dane,
    DaneResult,
    lookup,
    usable,
    verify,
)
from mailframe.mailauth.tls_results import ResultType
from mailframe.net.dns import NoAnswer, ServerFailed
from mailframe.testing.dns import FakeDNS
from tests.mailauth.pki import CHAIN, MIDDLE, MX, NOW, OTHER_ROOT, ROOT, Issued, make

DIGESTS = {FULL: lambda octets: octets, SHA2_256: lambda o: hashlib.sha256(o).digest()}
DIGESTS[SHA2_512] = lambda octets: hashlib.sha512(octets).digest()


def tlsa(usage: int, selector: int, matching: int, of: Issued) -> TLSA:
    return TLSA(usage, selector, matching, DIGESTS[matching](of.der if selector == CERT else of.spki))


# --- records ---------------------------------------------------------------------------------------------------------


def test_a_record_as_on_the_wire() -> None:
    record = TLSA.parse(b"\x03\x01\x01\xab\xcd")
    assert record == TLSA(DANE_EE, SPKI, SHA2_256, b"\xab\xcd")
    assert str(record) == "3 1 1 abcd"
    with pytest.raises(ValueError, match="three numbers"):
        TLSA.parse(b"\x03\x01\x01")


@pytest.mark.parametrize("selector", [CERT, SPKI])
@pytest.mark.parametrize("matching", [FULL, SHA2_256, SHA2_512])
@pytest.mark.parametrize("usage", [DANE_EE, DANE_TA])
def test_every_kind_for_mail_is_usable(usage: int, selector: int, matching: int) -> None:
    record = tlsa(usage, selector, matching, MX)
    assert usable([record]) == (record,)


@pytest.mark.parametrize(
    "record",
    [
        tlsa(PKIX_TA, SPKI, SHA2_256, MX),
        tlsa(PKIX_EE, SPKI, SHA2_256, MX),
        TLSA(255, SPKI, SHA2_256, bytes(32)),
        TLSA(DANE_EE, 2, SHA2_256, bytes(32)),
        TLSA(DANE_EE, SPKI, 3, bytes(32)),
        TLSA(DANE_EE, SPKI, SHA2_256, bytes(31)),
        TLSA(DANE_EE, SPKI, SHA2_512, bytes(32)),
        TLSA(DANE_TA, CERT, FULL, b"no certificate"),
        TLSA(DANE_TA, SPKI, FULL, b"no key"),
    ],
)
def test_others_are_not(record: TLSA) -> None:
    assert usable([record]) == ()


def test_the_strongest_digest_of_a_kind_counts_alone() -> None:
    weak, strong = tlsa(DANE_EE, SPKI, SHA2_256, MX), tlsa(DANE_EE, SPKI, SHA2_512, OTHER_ROOT)
    full, other = tlsa(DANE_EE, SPKI, FULL, ROOT), tlsa(DANE_TA, SPKI, SHA2_256, ROOT)
    assert usable([weak, strong, full, other]) == (strong, full, other)
    assert usable([weak, TLSA(DANE_EE, SPKI, SHA2_512, b"malformed")]) == (weak,)


def test_only_so_many_are_looked_at() -> None:
    record = tlsa(DANE_EE, SPKI, SHA2_256, MX)
    assert usable([TLSA(0, 0, 0, b"")] * RECORDS + [record]) == ()


# --- DANE-EE ---------------------------------------------------------------------------------------------------------


def refused(records: Sequence[TLSA], chain: Sequence[x509.Certificate], *names: str) -> ResultType:
    with pytest.raises(CertificateMismatch) as caught:
        verify(records, chain, names or ["mx.example.org"], NOW)
    return caught.value.result


@pytest.mark.parametrize("selector", [CERT, SPKI])
@pytest.mark.parametrize("matching", [FULL, SHA2_256, SHA2_512])
def test_the_servers_own_certificate_is_good_whatever_it_says(selector: int, matching: int) -> None:
    stale = make("other.example", until=2021)
    verify([tlsa(DANE_EE, selector, matching, stale)], [stale.certificate], ["mx.example.org"], NOW)


def test_one_of_several_records_is_enough() -> None:
    records = [tlsa(DANE_EE, SPKI, SHA2_256, OTHER_ROOT), tlsa(DANE_EE, SPKI, SHA2_256, MX)]
    verify(records, [MX.certificate], [], NOW)


def test_another_certificate_is_refused() -> None:
    record = tlsa(DANE_EE, SPKI, SHA2_256, MX)
    assert refused([record], [OTHER_ROOT.certificate]) is ResultType.CERTIFICATE_NOT_TRUSTED
    assert refused([record], [OTHER_ROOT.certificate, MX.certificate]) is ResultType.CERTIFICATE_NOT_TRUSTED
    assert refused([record], []) is ResultType.CERTIFICATE_NOT_TRUSTED
    assert refused([], [MX.certificate]) is ResultType.CERTIFICATE_NOT_TRUSTED


def test_records_that_are_not_usable_match_nothing() -> None:
    refused([tlsa(PKIX_EE, SPKI, SHA2_256, MX)], [MX.certificate])


def test_keys_of_any_kind_have_a_digest() -> None:
    keys: list[Any] = [
        rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate(),
        ed448.Ed448PrivateKey.generate(),
    ]
    for key in keys:
        server = make("mx.example.org", key=key)
        verify([tlsa(DANE_EE, SPKI, SHA2_256, server)], [server.certificate], [], NOW)


# --- DANE-TA ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("selector", [CERT, SPKI])
@pytest.mark.parametrize("matching", [FULL, SHA2_256, SHA2_512])
def test_an_anchor_among_the_certificates_sent(selector: int, matching: int) -> None:
    for anchor, sent in ((MIDDLE, CHAIN), (ROOT, [*CHAIN, ROOT.certificate])):
        verify([tlsa(DANE_TA, selector, matching, anchor)], sent, ["mx.example.org"], NOW)


@pytest.mark.parametrize("selector", [CERT, SPKI])
def test_an_anchor_that_only_the_record_holds(selector: int) -> None:
    verify([tlsa(DANE_TA, selector, FULL, ROOT)], CHAIN, ["mx.example.org"], NOW)
    verify([tlsa(DANE_TA, selector, FULL, MIDDLE)], CHAIN[:1], ["mx.example.org"], NOW)
    refused([tlsa(DANE_TA, selector, FULL, OTHER_ROOT)], CHAIN)


def test_a_digest_of_an_anchor_that_was_not_sent_is_no_use() -> None:
    refused([tlsa(DANE_TA, CERT, SHA2_256, ROOT)], CHAIN)


def test_the_servers_own_certificate_is_no_anchor() -> None:
    alone = make("mx.example.org", ca=True, names=["mx.example.org"])
    refused([tlsa(DANE_TA, CERT, SHA2_256, alone)], [alone.certificate])
    refused([tlsa(DANE_TA, CERT, FULL, MX)], CHAIN)


def test_an_anchor_beside_the_chain_is_no_use() -> None:
    """Anybody can append the anchor's certificate to another chain."""
    mine = make("Mine", ca=True).issue("mx.example.org")
    refused([tlsa(DANE_TA, CERT, SHA2_256, ROOT)], [mine.certificate, ROOT.certificate])
    refused([tlsa(DANE_TA, SPKI, FULL, ROOT)], [mine.certificate, ROOT.certificate])


def test_names_and_dates_count_with_an_anchor() -> None:
    record = tlsa(DANE_TA, SPKI, SHA2_256, MIDDLE)
    assert refused([record], CHAIN, "other.example") is ResultType.CERTIFICATE_HOST_MISMATCH
    verify([record], CHAIN, ["example.org", "mx.example.org"], NOW)
    stale = MIDDLE.issue("mx.example.org", until=2022)
    assert refused([record], [stale.certificate, MIDDLE.certificate]) is ResultType.CERTIFICATE_EXPIRED


def test_the_common_name_will_do() -> None:
    bare = MIDDLE.issue("mx.example.org", names=[])
    chain = [bare.certificate, MIDDLE.certificate]
    verify([tlsa(DANE_TA, SPKI, SHA2_256, MIDDLE)], chain, ["mx.example.org"], NOW)


KEYS: Mapping[str, Any] = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ed448": ed448.Ed448PrivateKey.generate(),
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_bare_key_has_signed_the_servers_certificate(kind: str) -> None:
    authority = make("Authority", ca=True, key=KEYS[kind])
    server, other = authority.issue("mx.example.org"), make("Other", ca=True).issue("mx.example.org")
    verify([tlsa(DANE_TA, SPKI, FULL, authority)], [server.certificate], ["mx.example.org"], NOW)
    refused([tlsa(DANE_TA, SPKI, FULL, authority)], [other.certificate])


def test_a_bare_key_with_a_weak_digest_has_signed_nothing() -> None:
    weak = ROOT.issue("mx.example.org", digest=hashes.SHA224())
    refused([tlsa(DANE_TA, SPKI, FULL, ROOT)], [weak.certificate])


def test_a_bare_key_of_a_kind_that_signs_no_certificates_today() -> None:
    old = dsa.generate_private_key(2048)
    record = TLSA(DANE_TA, SPKI, FULL, spki(old))
    refused([record], CHAIN)


def spki(key: Any) -> bytes:
    return bytes(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


# --- looking them up -------------------------------------------------------------------------------------------------

GOOD = tlsa(DANE_EE, SPKI, SHA2_256, MX)
WIRE = bytes((3, 1, 1)) + GOOD.data
Zone: TypeAlias = Mapping[str, Mapping[str, Sequence[Any]]]
HOST, NAME = "mx.example.org", "_25._tcp.mx.example.org"
SIGNED: Zone = {"mx.example.org": {"A": ["192.0.2.1"]}, NAME: {"TLSA": [WIRE, b"\x03"]}}


class LookupTests(SynchronousTestCase):
    def found(self, fake: FakeDNS, host: str = HOST, port: int = 25) -> DaneResult:
        return self.successResultOf(Deferred.fromCoroutine(lookup(fake, host, port)))

    def test_secure_records(self) -> None:
        fake = FakeDNS(SIGNED, signed={HOST, NAME})
        assert self.found(fake, "MX.example.org.") == DaneResult(Dane.SECURE, HOST, (GOOD,))

    def test_another_port(self) -> None:
        zone: Zone = {HOST: {"AAAA": ["2001:db8::1"]}, "_587._tcp.mx.example.org": {"TLSA": [WIRE]}}
        assert self.found(FakeDNS(zone, signed=set(zone)), HOST, 587).records == (GOOD,)

    def test_secure_records_of_which_none_is_usable(self) -> None:
        zone: Zone = {**SIGNED, NAME: {"TLSA": [b"\x00\x00\x01" + bytes(32)]}}
        fake = FakeDNS(zone, signed={HOST, NAME})
        assert self.found(fake) == DaneResult(Dane.SECURE, HOST, ())

    def test_insecure_addresses_have_no_records(self) -> None:
        fake = FakeDNS(SIGNED, signed={NAME})
        assert self.found(fake).kind is Dane.INSECURE
        assert fake.asked == [(HOST, "A")]

    def test_insecure_records_are_none(self) -> None:
        assert self.found(FakeDNS(SIGNED, signed={HOST})) == DaneResult(Dane.INSECURE)

    def test_no_records(self) -> None:
        assert self.found(FakeDNS({HOST: SIGNED[HOST]}, signed={HOST})).kind is Dane.NONE

    def test_a_host_without_addresses(self) -> None:
        assert self.found(FakeDNS({})).kind is Dane.INSECURE

    def test_a_bogus_answer_is_no_absence(self) -> None:
        for name, fault in ((HOST, ServerFailed), (NAME, ServerFailed), (NAME, NoAnswer)):
            result = self.found(FakeDNS(SIGNED, faults={name: fault}, signed={HOST}))
            assert result.kind is Dane.TEMPORARY
            assert HOST in result.text

    ALIASED: Zone = {
        "mail.example.com": {"CNAME": ["alias.example.com"]},
        "alias.example.com": {"CNAME": [HOST]},
        **SIGNED,
    }

    def test_an_alias_has_the_records_of_what_it_stands_for(self) -> None:
        fake = FakeDNS(self.ALIASED, signed=set(self.ALIASED))
        assert self.found(fake, "mail.example.com") == DaneResult(Dane.SECURE, HOST, (GOOD,))

    def test_an_alias_may_have_records_of_its_own(self) -> None:
        own = "_25._tcp.mail.example.com"
        zone: dict[str, Mapping[str, Sequence[Any]]] = {**self.ALIASED, own: {"TLSA": [WIRE]}}
        del zone[NAME]
        result = self.found(FakeDNS(zone, signed=set(zone)), "mail.example.com")
        assert result == DaneResult(Dane.SECURE, "mail.example.com", (GOOD,))

    def test_a_long_chain_of_aliases(self) -> None:
        hops: Zone = {f"a{hop}": {"CNAME": [f"a{hop + 1}"]} for hop in range(ALIASES)}
        last = f"a{ALIASES}"
        zone = {**hops, last: {"A": ["192.0.2.1"]}, f"_25._tcp.{last}": {"TLSA": [WIRE]}}
        assert self.found(FakeDNS(zone, signed=set(zone)), "a0").base == last

    def test_an_insecure_alias_has_none(self) -> None:
        signed = {*self.ALIASED} - {"alias.example.com"}
        assert self.found(FakeDNS(self.ALIASED, signed=signed), "mail.example.com").kind is Dane.INSECURE
