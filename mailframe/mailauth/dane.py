"""DANE for SMTP: the certificate that a mail server must show, by its TLSA records (RFC 7672, RFC 7671, RFC 6698)."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable, Mapping, Sequence

from attrs import frozen
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509.verification import Store

from mailframe.errors import Permanent, Temporary
from mailframe.interfaces import IResolver
from mailframe.mailauth.chains import CHAIN_CERTIFICATES, CertificateMismatch, check_chain, check_names
from mailframe.mailauth.tls_results import ResultType
from mailframe.net.dns import Answer

PKIX_TA, PKIX_EE, DANE_TA, DANE_EE = range(4)
"""Certificate usages (RFC 7218 2.1)."""
CERT, SPKI = range(2)
"""Selectors (RFC 7218 2.2)."""
FULL, SHA2_256, SHA2_512 = range(3)
"""Matching types (RFC 7218 2.3)."""

RECORDS = 100
"""TLSA records of one name that are looked at."""
ALIASES = 8
"""CNAMEs followed to find the name that TLSA records stand under."""

_DIGESTS: Mapping[int, Callable[[bytes], bytes]] = {
    FULL: lambda octets: octets,
    SHA2_256: lambda octets: hashlib.sha256(octets).digest(),
    SHA2_512: lambda octets: hashlib.sha512(octets).digest(),
}
_OCTETS = {SHA2_256: 32, SHA2_512: 64}
_VERSION = 0xA0
"""The tag of the version in a TBSCertificate."""
_STRONG = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


# --- records ---------------------------------------------------------------------------------------------------------


@frozen
class TLSA:
    """
    A TLSA record (RFC 6698 2.1).

    @ivar data: a digest, or the certificate or key itself, in DER.
    """

    usage: int
    selector: int
    matching: int
    data: bytes

    @classmethod
    def parse(cls, rdata: bytes) -> TLSA:
        """
        @param rdata: as on the wire.
        @raise ValueError: it is too short.
        """
        if len(rdata) < 4:
            raise ValueError("a TLSA record has three numbers and data")
        return cls(rdata[0], rdata[1], rdata[2], rdata[3:])

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching} {self.data.hex()}"

    def matches(self, certificate: x509.Certificate) -> bool:
        """Say whether this is the record of a certificate or of its key, whatever its usage."""
        return _DIGESTS[self.matching](_selected(certificate, self.selector)) == self.data


def _selected(certificate: x509.Certificate, selector: int) -> bytes:
    if selector == CERT:
        return certificate.public_bytes(Encoding.DER)
    return _subject_public_key_info(certificate.tbs_certificate_bytes)


def _subject_public_key_info(tbs: bytes) -> bytes:
    """
    Return the key as it stands in a TBSCertificate (RFC 5280 4.1), which C{cryptography} has parsed before.

    The key is not decoded and encoded again: a kind that is not known here has a digest too.
    """
    _start, at, _end = _element(tbs, 0)
    # version (which may be missing), serialNumber, signature, issuer, validity and subject stand before it.
    for _ in range(6 if tbs[at] == _VERSION else 5):
        _start, _contents, at = _element(tbs, at)
    start, _contents, end = _element(tbs, at)
    return tbs[start:end]


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Return where an element of DER starts, where its contents do, and where it ends."""
    octets = der[at + 1]
    contents = at + 2
    if octets & 0x80:
        contents += octets & 0x7F
        octets = int.from_bytes(der[at + 2 : contents], "big")
    return at, contents, contents + octets


def usable(records: Sequence[TLSA]) -> tuple[TLSA, ...]:
    """
    Return the records that an SMTP client can go by.

    Those of the PKIX usages are not (RFC 7672 3.1.3), nor what is unknown or malformed. Of several digests for one
    usage and selector only the strongest counts (RFC 7671 9).
    """
    good = [record for record in records[:RECORDS] if _is_usable(record)]
    strongest: dict[tuple[int, int], int] = {}
    for record in good:
        kind = (record.usage, record.selector)
        strongest[kind] = max(record.matching, strongest.get(kind, FULL))
    return tuple(r for r in good if r.matching in (FULL, strongest[r.usage, r.selector]))


def _is_usable(record: TLSA) -> bool:
    if record.usage not in (DANE_TA, DANE_EE) or record.selector not in (CERT, SPKI):
        return False
    if record.matching == FULL:
        return record.usage == DANE_EE or _anchor_in(record) is not None
    return len(record.data) == _OCTETS.get(record.matching)


# --- looking them up -------------------------------------------------------------------------------------------------


class Dane(enum.Enum):
    """What the DNS says about a server's TLSA records."""

    SECURE = "secure"
    """There are some, and DNSSEC vouches for them: TLS is a must (RFC 7672 2.2)."""
    INSECURE = "insecure"
    """DNSSEC does not vouch for the host's addresses or for its records: as if there were none."""
    NONE = "none"
    """There are none."""
    TEMPORARY = "temporary"
    """Nobody can tell, or the answer is bogus: do not deliver to this host now (RFC 7672 2.1.2)."""


@frozen
class DaneResult:
    """
    @ivar base: the host name that the records stand under (RFC 7672 2.2.3), when they are secure.
    @ivar records: those that are usable; if there are secure ones and none is usable, TLS is a must and the
        certificate does not matter (RFC 7672 2.2).
    @ivar text: what went wrong, when it is temporary.
    """

    kind: Dane
    base: str = ""
    records: tuple[TLSA, ...] = ()
    text: str = ""


async def lookup(resolver: IResolver, host: str, port: int = 25) -> DaneResult:
    """
    Ask for the TLSA records of a mail server.

    They are asked for only where DNSSEC vouches for the addresses of the host: without, they protect nothing, and name
    servers that know no DNSSEC often fail at the question (RFC 7672 2.2.2). A host that is an alias may have them under
    its own name or under the one it stands for, the latter first (RFC 7672 2.2.3).
    """
    host = host.lower().removesuffix(".")
    try:
        if not await _has_secure_address(resolver, host):
            return DaneResult(Dane.INSECURE)
        for base in await _bases(resolver, host):
            answer = await _asked(resolver, f"_{port}._tcp.{base}", "TLSA")
            if answer is not None and not answer.authenticated:
                return DaneResult(Dane.INSECURE)
            if answer is not None:
                return DaneResult(Dane.SECURE, base, usable(_parsed(answer.records)))
    except Temporary as error:
        return DaneResult(Dane.TEMPORARY, text=f"TLSA records of {host} cannot be looked up: {error}")
    return DaneResult(Dane.NONE)


async def _has_secure_address(resolver: IResolver, host: str) -> bool:
    for family in ("A", "AAAA"):
        answer = await _asked(resolver, host, family)
        if answer is not None:
            return answer.authenticated
    return False


async def _bases(resolver: IResolver, host: str) -> list[str]:
    """Return what a host stands for, where it is an alias, and the host itself."""
    name = host
    for _ in range(ALIASES):
        answer = await _asked(resolver, name, "CNAME")
        if answer is None:
            break
        name = answer.records[0]
    return [host] if name == host else [name, host]


async def _asked(resolver: IResolver, name: str, type: str) -> Answer | None:
    try:
        return await resolver.query(name, type)
    except Permanent:
        return None


def _parsed(records: Sequence[bytes]) -> list[TLSA]:
    return [TLSA.parse(rdata) for rdata in records[:RECORDS] if len(rdata) >= 4]


# --- holding a certificate against them ------------------------------------------------------------------------------


def verify(records: Sequence[TLSA], chain: Sequence[x509.Certificate], names: Sequence[str], now: float) -> None:
    """
    Check a server's certificates against its TLSA records: one that matches is enough.

    With DANE-EE the server's certificate or key is what the record says, and neither names nor dates matter
    (RFC 7672 3.1.1). With DANE-TA the certificate leads to the anchor of the record, is valid now, and is for one of
    the names (RFC 7672 3.1.2). The anchor must be among the certificates sent, unless the record holds it in full.

    @param records: they must be authentic.
    @param chain: the server's certificate, and those that it sent with it.
    @param names: for DANE-TA: the name that the records stand under, and the domain of the recipients
        (RFC 7672 3.2.2).
    @param now: seconds since the epoch.
    @raise CertificateMismatch: no record matches.
    """
    chain = chain[:CHAIN_CERTIFICATES]
    records = usable(records)
    if not chain:
        raise CertificateMismatch("The server has no certificate", ResultType.CERTIFICATE_NOT_TRUSTED)
    if any(record.usage == DANE_EE and record.matches(chain[0]) for record in records):
        return
    anchors = [found for record in records if record.usage == DANE_TA for found in _anchors(record, chain)]
    if not anchors:
        text = "The certificate matches none of the server's TLSA records"
        raise CertificateMismatch(text, ResultType.CERTIFICATE_NOT_TRUSTED)
    check_chain(chain, Store(anchors), now)
    check_names(chain[0], names, common_name=True)


def _anchors(record: TLSA, chain: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """
    Return the certificates at which a chain may end by this record.

    The server's own is none of them: it must have been issued (RFC 7671 5.2), if only by a bare key.
    """
    found = [certificate for certificate in chain[1:] if record.matches(certificate)]
    anchor = _anchor_in(record) if record.matching == FULL else None
    if isinstance(anchor, x509.Certificate):
        return [*found, anchor] if anchor != chain[0] else found
    if anchor is not None:  # whatever this key has signed is trusted
        found += [certificate for certificate in chain if _is_signed_by(certificate, anchor)]
    return found


def _anchor_in(record: TLSA) -> x509.Certificate | PublicKeyTypes | None:
    """Return the certificate or key that a record holds in full; C{None} when it holds something else."""
    try:
        if record.selector == CERT:
            return x509.load_der_x509_certificate(record.data)
        return load_der_public_key(record.data)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _is_signed_by(certificate: x509.Certificate, key: PublicKeyTypes) -> bool:
    signature, signed = certificate.signature, certificate.tbs_certificate_bytes
    try:
        digest = certificate.signature_hash_algorithm
        parameters = certificate.signature_algorithm_parameters
        if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, signed)
        elif not isinstance(digest, _STRONG):
            return False
        elif isinstance(key, rsa.RSAPublicKey) and isinstance(parameters, padding.PKCS1v15 | padding.PSS):
            key.verify(signature, signed, parameters, digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(digest))
        else:
            return False
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True
