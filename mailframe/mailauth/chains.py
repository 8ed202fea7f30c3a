"""Does a chain of certificates lead to an anchor, now, and is it for the host that was meant (RFC 5280 6, RFC 9525)?

C{cryptography} builds and checks the path. Its own defaults are those of the Web's certificate authorities; mail
servers have private ones too, made with whatever C{openssl req} puts in, so here only what security needs is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from mailframe.mailauth.tls_results import ResultType

CHAIN_CERTIFICATES = 20
"""Certificates of a peer's chain that are looked at; the rest is as if it was not sent."""
NAMES = 1000
"""Names of one certificate that are looked at."""

_TEXT = 200


class CertificateMismatch(Exception):
    """
    The peer is not whom it should be; the message is a sentence that says why.

    @ivar result: the same in the words of TLS reports.
    """

    def __init__(self, text: str, result: ResultType) -> None:
        super().__init__(text)
        self.result = result


def check_chain(chain: Sequence[x509.Certificate], anchors: Store, now: float) -> None:
    """
    Check that a server's certificate is valid now and leads to an anchor.

    @param chain: the server's certificate, and those that it sent with it.
    @param anchors: a certificate of the chain may be one of them; its own issuer then does not matter.
    @param now: seconds since the epoch.
    @raise CertificateMismatch: it is not, or does not.
    """
    if not chain:
        raise CertificateMismatch("The server has no certificate", ResultType.CERTIFICATE_NOT_TRUSTED)
    leaf, *others = chain[:CHAIN_CERTIFICATES]
    moment = datetime.fromtimestamp(now, UTC)
    if not leaf.not_valid_before_utc <= moment <= leaf.not_valid_after_utc:
        raise CertificateMismatch("The certificate is not valid at this time", ResultType.CERTIFICATE_EXPIRED)
    builder = PolicyBuilder().store(anchors).time(moment.replace(tzinfo=None))
    # The verifier for clients is the one that leaves the names to us.
    verifier = builder.extension_policies(ca_policy=_ISSUER, ee_policy=_SERVER).build_client_verifier()
    try:
        verifier.verify(leaf, others)
    except (VerificationError, ValueError) as error:
        # Behind "(encountered" it shows what stands in the peer's certificate.
        why = str(error).partition(" (encountered")[0][:_TEXT]
        text = f"The certificate leads to none that is trusted: {why}"
        raise CertificateMismatch(text, ResultType.CERTIFICATE_NOT_TRUSTED) from None


def _may_sign(_policy: Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("the key may not sign certificates")


def _may_serve(_policy: Policy, _certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None) -> None:
    wanted = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    if usage is not None and not any(oid in wanted for oid in usage):
        raise ValueError("the certificate is not for servers")


_ISSUER = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)  # the verifier itself wants cA in it
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_sign)
)
_SERVER = ExtensionPolicy.permit_all().may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _may_serve)


def check_names(certificate: x509.Certificate, names: Sequence[str], common_name: bool = False) -> None:
    """
    Check that a certificate is for one of these host names.

    @param common_name: take the subject's common name where the certificate has no DNS names: DANE allows it
        (RFC 7672 3.2.3), MTA-STS does not (RFC 8461 4.2).
    @raise CertificateMismatch: it is for others.
    """
    presented = _dns_names(certificate)
    if common_name and not presented:
        presented = _common_names(certificate)
    if not any(name_matches(each, name) for each in presented for name in names):
        text = f"The certificate is not for {' or '.join(names) or 'any name that is known here'}"
        raise CertificateMismatch(text, ResultType.CERTIFICATE_HOST_MISMATCH)


def _dns_names(certificate: x509.Certificate) -> list[str]:
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return []
    return alternatives.get_values_for_type(x509.DNSName)[:NAMES]


def _common_names(certificate: x509.Certificate) -> list[str]:
    try:
        attributes = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    except ValueError:
        return []
    return [str(attribute.value) for attribute in attributes[:NAMES]]


def name_matches(pattern: str, host: str) -> bool:
    """Say whether a name, or one whose whole first label is C{*}, is that of a host (RFC 9525 6.3, RFC 8461 4.1)."""
    pattern, host = pattern.lower().removesuffix("."), host.lower().removesuffix(".")
    if pattern.startswith("*."):
        label, _, parent = host.partition(".")
        return bool(label and parent) and pattern[2:] == parent
    return bool(host) and pattern == host
