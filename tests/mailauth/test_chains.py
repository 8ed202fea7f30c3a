"""Chains of certificates: good ones, and every way in which one is not good."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Store

from mailframe.mailauth.chains import (
    CHAIN_CERTIFICATES,
    NAMES,
    CertificateMismatch,
    check_chain,
    check_names,
    name_matches,
)
from mailframe.mailauth.tls_results import ResultType
from tests.mailauth.pki import CHAIN, MIDDLE, MX, NOW, OTHER_ROOT, ROOT, Issued, make, usage

ROOTS = Store([ROOT.certificate])
NOT_TRUSTED = ResultType.CERTIFICATE_NOT_TRUSTED


def refused(chain: list[x509.Certificate], roots: Store = ROOTS) -> CertificateMismatch:
    with pytest.raises(CertificateMismatch) as caught:
        check_chain(chain, roots, NOW)
    return caught.value


def leaf(issuer: Issued = ROOT, **options: object) -> list[x509.Certificate]:
    return [issuer.issue("mx.example.org", **options).certificate]


def test_a_chain_that_leads_to_a_root_is_good() -> None:
    check_chain(CHAIN, ROOTS, NOW)
    check_chain([*CHAIN, ROOT.certificate, OTHER_ROOT.certificate], ROOTS, NOW)
    check_chain(leaf(extensions=[x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])]), ROOTS, NOW)


def test_a_chain_may_end_at_any_anchor() -> None:
    check_chain(CHAIN, Store([MIDDLE.certificate]), NOW)
    check_chain(CHAIN, Store([MX.certificate]), NOW)


def test_a_chain_that_leads_elsewhere_is_not_trusted() -> None:
    assert refused(CHAIN, Store([OTHER_ROOT.certificate])).result is NOT_TRUSTED
    assert refused([MX.certificate]).result is NOT_TRUSTED
    assert refused([make("mx.example.org").certificate]).result is NOT_TRUSTED


def test_dates_count_for_all_certificates() -> None:
    assert refused(leaf(until=2026)).result is ResultType.CERTIFICATE_EXPIRED
    assert refused(leaf(since=2030)).result is ResultType.CERTIFICATE_EXPIRED
    old = ROOT.issue("Old", ca=True, until=2026)
    assert refused([*leaf(old), old.certificate]).result is NOT_TRUSTED
    old_root = make("Old root", ca=True, until=2026)
    assert refused(leaf(old_root), Store([old_root.certificate])).result is NOT_TRUSTED


def test_only_an_authority_may_issue() -> None:
    server = make("www.example.org", issuer=ROOT)
    assert refused([*leaf(server), server.certificate]).result is NOT_TRUSTED
    no = ROOT.issue("No", extensions=[x509.BasicConstraints(ca=False, path_length=None)])
    assert "basicConstraints.cA" in str(refused([*leaf(no), no.certificate]))
    unable = ROOT.issue("Unable", ca=True, extensions=[usage(sign=False)])
    assert "may not sign" in str(refused([*leaf(unable), unable.certificate]))
    able = ROOT.issue("Able", ca=True, extensions=[usage(sign=True)])
    check_chain([*leaf(able), able.certificate], ROOTS, NOW)


def test_a_certificate_for_clients_is_none_for_servers() -> None:
    chain = leaf(extensions=[x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])])
    assert "not for servers" in str(refused(chain))
    check_chain(leaf(extensions=[x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])]), ROOTS, NOW)


def test_what_stands_in_a_certificate_does_not_get_into_the_text() -> None:
    evil = make("evil\r\nname")
    assert "evil" not in str(refused([evil.certificate]))


def test_no_certificate_is_a_bad_one() -> None:
    assert refused([]).result is NOT_TRUSTED


def test_a_chain_is_looked_at_up_to_a_limit() -> None:
    fill = [OTHER_ROOT.certificate] * CHAIN_CERTIFICATES
    assert refused([MX.certificate, *fill[1:], MIDDLE.certificate]).result is NOT_TRUSTED
    check_chain([MX.certificate, *fill[2:], MIDDLE.certificate], ROOTS, NOW)


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "host", "same"),
    [
        ("mx.example.org", "MX.Example.org.", True),
        ("*.example.org", "mx.example.org", True),
        ("*.example.org", "a.mx.example.org", False),
        ("*.example.org", "example.org", False),
        ("*.example.org", ".example.org", False),
        ("*", "localhost", False),
        ("*.", "localhost", False),
        ("m*.example.org", "mx.example.org", False),
        ("mx.*.org", "mx.example.org", False),
        ("", "", False),
        ("mx.example.org", "mx.example.com", False),
    ],
)
def test_names(pattern: str, host: str, same: bool) -> None:
    assert name_matches(pattern, host) is same


def mismatch(certificate: x509.Certificate, *names: str, common_name: bool = False) -> str:
    with pytest.raises(CertificateMismatch) as caught:
        check_names(certificate, names, common_name)
    assert caught.value.result is ResultType.CERTIFICATE_HOST_MISMATCH
    return str(caught.value)


def test_one_name_of_several_is_enough() -> None:
    check_names(make("x", names=["a.example", "*.b.example"]).certificate, ["c.example", "mx.b.example"])


def test_a_certificate_for_others_is_none_for_this_host() -> None:
    assert mismatch(MX.certificate, "a.example", "b.example") == "The certificate is not for a.example or b.example"
    assert mismatch(MX.certificate) == "The certificate is not for any name that is known here"


def test_the_common_name_counts_only_without_dns_names_and_where_it_may() -> None:
    bare = make("mx.example.org", names=[]).certificate
    check_names(bare, ["mx.example.org"], common_name=True)
    mismatch(bare, "mx.example.org")
    mismatch(make("mx.example.org", names=["other"]).certificate, "mx.example.org", common_name=True)


def test_malformed_names_are_none() -> None:
    broken = x509.UnrecognizedExtension(x509.OID_SUBJECT_ALTERNATIVE_NAME, b"\x30\x05\x82\x7fab")
    mismatch(make("mx.example.org", names=[], extensions=[broken]).certificate, "mx.example.org")


def test_a_malformed_subject_has_no_name() -> None:
    der = make("mx.example.org", names=[]).der
    utf8, bad = b"\x0c\x0emx.example.org", b"\x0c\x0e\xff\xff.example.org"
    assert utf8 in der
    mismatch(x509.load_der_x509_certificate(der.replace(utf8, bad)), "mx.example.org", common_name=True)


def test_names_are_looked_at_up_to_a_limit() -> None:
    names = [f"h{number}.example" for number in range(NAMES + 1)]
    certificate = make("x", names=names).certificate
    check_names(certificate, [names[-2]])
    mismatch(certificate, names[-1])
