"""Certificate authorities of tests: whatever a certificate can have, good or bad."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

NOW = 1_800_000_000.0
"""In January 2027."""


def at(year: int) -> datetime.datetime:
    return datetime.datetime(year, 1, 1)


@frozen(eq=False)
class Issued:
    """A certificate with its key, which may issue others."""

    certificate: x509.Certificate
    key: Any

    def issue(self, name: str, **options: Any) -> Issued:
        return make(name, issuer=self, **options)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def spki(self) -> bytes:
        return self.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def pem_with_key(self) -> bytes:
        key: bytes = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return key + self.pem


def make(
    name: str,
    *,
    issuer: Issued | None = None,
    ca: bool = False,
    names: Sequence[str] | None = None,
    key: Any = None,
    until: int = 2100,
    since: int = 2020,
    extensions: Sequence[x509.ExtensionType] = (),
    digest: Any = None,
) -> Issued:
    """
    @param names: DNS names; by default the name alone, and none for an authority.
    @param until: the year it ends in.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at(since))
        .not_valid_after(at(until))
    )
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    if names is None:
        names = [] if ca else [name]
    if names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(each) for each in names])
        builder = builder.add_extension(alternatives, critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    signer = key if issuer is None else issuer.key
    if not isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        digest = digest or hashes.SHA256()
    return Issued(builder.sign(signer, digest), key)


ROOT = make("Root", ca=True)
MIDDLE = ROOT.issue("Middle", ca=True)
MX = MIDDLE.issue("mx.example.org")
OTHER_ROOT = make("Other root", ca=True)
CHAIN = [MX.certificate, MIDDLE.certificate]
"""What a well configured server sends: without the root."""


def usage(sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(True, False, False, False, False, sign, False, False, False)
