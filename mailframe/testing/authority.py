"""Certificates of a test world: an authority that all its machines trust, and what it issues."""

from __future__ import annotations

import datetime
import hashlib
import os
from collections.abc import Sequence
from typing import Any

from attrs import define, field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from mailframe.mailauth.roots import Roots
from mailframe.testing.virtual_time import START

DAYS = 3650


@frozen(eq=False)
class Issued:
    """
    A certificate with its key.

    @ivar certificate: an C{x509.Certificate}.
    """

    certificate: x509.Certificate
    key: Any

    @property
    def pem(self) -> bytes:
        """Key and certificate, as a file of certificates has them."""
        key: bytes = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return key + self.certificate.public_bytes(Encoding.PEM)

    @property
    def tlsa(self) -> bytes:
        """The record data of C{TLSA 3 1 1} for this certificate (RFC 7672 3.1.1)."""
        key = self.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return bytes([3, 1, 1]) + hashlib.sha256(key).digest()

    def save(self, directory: str) -> str:
        """Write it where a L{mailframe.config.Server} finds it, and return that directory."""
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, "certificate.pem"), "wb") as file:
            file.write(self.pem)
        return directory


@define(eq=False)
class Authority:
    """
    @ivar now: when its certificates are issued, seconds since the epoch.
    """

    now: float = START
    _root: Issued = field(init=False)

    @_root.default
    def _made(self) -> Issued:
        return _issued("The authority of this world", None, self.now, self.now + DAYS * 86400.0, ())

    @property
    def roots(self) -> Roots:
        """The trust anchor that its certificates lead to."""
        return Roots([self._root.certificate])

    def issue(self, name: str, *names: str, until: float | None = None) -> Issued:
        """
        Return a certificate for host names.

        @param until: when it ends, seconds since the epoch; by default ten years after the world began.
        """
        return _issued(name, self._root, self.now, until or self.now + DAYS * 86400.0, (name, *names))

    def self_signed(self, name: str) -> Issued:
        """Return a certificate that leads to no authority."""
        return _issued(name, None, self.now, self.now + DAYS * 86400.0, (name,))


def _issued(name: str, issuer: Issued | None, since: float, until: float, names: Sequence[str]) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime.fromtimestamp(since - 86400.0, datetime.UTC))
        .not_valid_after(datetime.datetime.fromtimestamp(until, datetime.UTC))
        .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
    )
    if names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(each) for each in names])
        builder = builder.add_extension(alternatives, critical=False)
    return Issued(builder.sign(key if issuer is None else issuer.key, hashes.SHA256()), key)
