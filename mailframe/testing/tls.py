"""A throw-away certificate for tests that speak real TLS."""

from __future__ import annotations

import datetime
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.ssl import PrivateCertificate, optionsForClientTLS, trustRootFromCertificates

NAME = "mx.example.org"


@cache
def certificate() -> PrivateCertificate:
    """Return a self-signed certificate for C{mx.example.org} with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2020, 1, 1))
        .not_valid_after(datetime.datetime(2120, 1, 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    loaded: PrivateCertificate = PrivateCertificate.loadPEM(secret + signed.public_bytes(pem))
    return loaded


def server_context() -> Any:
    """Return what C{startTLS} of a server takes."""
    return certificate().options()


def client_context() -> Any:
    """Return what C{startTLS} of a client takes; it trusts that certificate only and asks for its name."""
    return optionsForClientTLS(NAME, trustRoot=trustRootFromCertificates([certificate()]))
