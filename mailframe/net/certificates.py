"""Certificates on the disk: a directory of them read, and a self-signed one made.

A directory may hold, in any mix: C{NAME.pem} with key and chain in one file; C{fullchain.pem} beside C{privkey.pem};
and folders with such a pair, as C{/etc/letsencrypt/live} has them. Which host names a certificate serves is read from
the certificate itself.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from mailframe.files import write_durably

CHAIN, KEY = "fullchain.pem", "privkey.pem"
SELF_SIGNED_DAYS = 3650
FILES = 1000
"""Files looked at in a directory: more is not a directory of certificates."""

Fingerprint: TypeAlias = tuple[tuple[str, int, int, int], ...]


class CertificateError(Exception):
    """A certificate cannot be used; the message names the file and says why."""


@frozen(eq=False)
class Certificate:
    """
    A certificate with its key.

    @ivar names: the DNS names it is for, lower case, C{*.} for a wildcard.
    @ivar chain: the certificate and those that lead to its root.
    @ivar expires: seconds since the epoch.
    @ivar source: the file it came from.
    """

    names: tuple[str, ...]
    chain: tuple[x509.Certificate, ...]
    key: PrivateKeyTypes
    expires: float
    source: str


def load_directory(directory: str | os.PathLike[str]) -> list[Certificate]:
    """
    Read all certificates of a directory, in the order of their files' names.

    @raise CertificateError: there is none, or one cannot be used.
    """
    found = [_load(chain, key) for chain, key in _pairs(Path(directory))]
    if not found:
        raise CertificateError(f"{directory}: no certificate here: wanted NAME.pem with its key, or {CHAIN} and {KEY}")
    return found


def fingerprint(directory: str | os.PathLike[str]) -> Fingerprint:
    """
    Return something that differs when a file was replaced or changed; it reads no file.

    @raise CertificateError: a file cannot be looked at.
    """
    files = sorted({file for pair in _pairs(Path(directory)) for file in pair})
    return tuple(_state(file) for file in files)


def _state(file: Path) -> tuple[str, int, int, int]:
    try:
        state = file.stat()  # of what certbot's link leads to
    except OSError as error:
        raise CertificateError(f"{file}: {error.strerror}") from None
    return str(file), state.st_ino, state.st_mtime_ns, state.st_size


def _pairs(directory: Path) -> Iterator[tuple[Path, Path]]:
    """Yield files of a chain and of its key."""
    try:
        entries = sorted(directory.iterdir())[:FILES]
    except OSError as error:
        raise CertificateError(f"{directory}: {error.strerror}") from None
    if directory / CHAIN in entries:
        yield directory / CHAIN, directory / KEY
    for entry in entries:
        if entry.is_dir() and (entry / CHAIN).exists():
            yield entry / CHAIN, entry / KEY
        elif entry.suffix == ".pem" and directory / CHAIN not in entries:
            yield entry, entry


def _load(chain_file: Path, key_file: Path) -> Certificate:
    chain, key = _read(chain_file), _read(key_file)
    try:
        certificates = x509.load_pem_x509_certificates(chain)
    except ValueError:
        raise CertificateError(f"{chain_file}: no PEM certificate in it") from None
    try:
        secret = serialization.load_pem_private_key(key, None)
    except (ValueError, TypeError):
        raise CertificateError(f"{key_file}: no PEM private key in it, or one with a passphrase") from None
    leaf = certificates[0]
    if _public(secret.public_key()) != _public(leaf.public_key()):
        raise CertificateError(f"{key_file}: the key does not belong to the certificate in {chain_file}")
    return Certificate(
        names=_names(leaf),
        chain=tuple(certificates),
        key=secret,
        expires=leaf.not_valid_after_utc.timestamp(),
        source=str(chain_file),
    )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CertificateError(f"{file}: {error.strerror}") from None


def _public(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return tuple(str(attribute.value).lower() for attribute in common)
    return tuple(name.lower() for name in alternatives.get_values_for_type(x509.DNSName))


def make_self_signed(file: str | os.PathLike[str], names: Sequence[str], now: float) -> None:
    """
    Make a key and a certificate that vouches for itself, into one file that only its owner can read.

    @param names: host names and IP addresses it is for; the first is its subject.
    @param now: seconds since the epoch.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
    begin = datetime.datetime.fromtimestamp(now, datetime.UTC) - datetime.timedelta(days=1)  # clients' clocks differ
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=SELF_SIGNED_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_durably(file, secret + certificate.public_bytes(Encoding.PEM))


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
