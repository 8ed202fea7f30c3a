"""Certificates are found in every usual layout, and a bad one is named with its file."""

from __future__ import annotations

import datetime
import os
import shutil
import stat
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from mailframe.net.certificates import (
    SELF_SIGNED_DAYS,
    CertificateError,
    fingerprint,
    load_directory,
    make_self_signed,
)

NOW = 1_800_000_000.0


def made(file: Path, *names: str) -> bytes:
    file.parent.mkdir(parents=True, exist_ok=True)
    make_self_signed(file, names, NOW)
    return file.read_bytes()


def pair(folder: Path, *names: str) -> None:
    """Write what certbot writes: chain and key in two files."""
    both = made(folder / "both", *names)
    key, begin, chain = both.partition(b"-----BEGIN CERTIFICATE-----")
    (folder / "privkey.pem").write_bytes(key)
    (folder / "fullchain.pem").write_bytes(begin + chain)
    (folder / "both").unlink()


def test_a_self_signed_certificate_is_for_its_names_and_addresses(tmp_path: Path) -> None:
    data = made(tmp_path / "me.pem", "localhost", "127.0.0.1", "::1")
    certificate = x509.load_pem_x509_certificate(data)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["localhost", "127.0.0.1", "::1"]
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    begin = datetime.datetime.fromtimestamp(NOW, datetime.UTC)
    assert certificate.not_valid_before_utc < begin
    assert certificate.not_valid_after_utc > begin + datetime.timedelta(days=SELF_SIGNED_DAYS - 2)
    certificate.verify_directly_issued_by(certificate)


def test_only_the_owner_can_read_the_key(tmp_path: Path) -> None:
    made(tmp_path / "me.pem", "localhost")
    assert stat.S_IMODE((tmp_path / "me.pem").stat().st_mode) == 0o600


def test_a_file_with_key_and_chain_is_found(tmp_path: Path) -> None:
    made(tmp_path / "b.pem", "B.example.org", "*.example.org")
    made(tmp_path / "a.pem", "a.example.org")
    (tmp_path / "README").write_text("not a certificate")
    found = load_directory(tmp_path)
    assert [certificate.names for certificate in found] == [("a.example.org",), ("b.example.org", "*.example.org")]
    assert found[0].source == str(tmp_path / "a.pem")
    assert found[0].expires > NOW


def test_a_pair_in_the_directory_itself_is_found(tmp_path: Path) -> None:
    pair(tmp_path, "mx.example.org")
    assert [certificate.names for certificate in load_directory(tmp_path)] == [("mx.example.org",)]


def test_certbots_folders_are_found(tmp_path: Path) -> None:
    for name in ("one.example.org", "two.example.org"):
        pair(tmp_path / "archive" / name, name)
        live = tmp_path / "live" / name
        live.mkdir(parents=True)
        for file in ("fullchain.pem", "privkey.pem"):
            (live / file).symlink_to(tmp_path / "archive" / name / file)
    found = load_directory(tmp_path / "live")
    assert [certificate.names for certificate in found] == [("one.example.org",), ("two.example.org",)]


def test_the_whole_chain_is_kept(tmp_path: Path) -> None:
    one, other = made(tmp_path / "one.pem", "one"), made(tmp_path / "other", "other")
    (tmp_path / "one.pem").write_bytes(one + other[other.index(b"-----BEGIN CERT") :])
    assert len(load_directory(tmp_path)[0].chain) == 2


def test_a_certificate_without_alternative_names_is_for_its_common_name() -> None:
    from mailframe.net.certificates import _names
    from mailframe.testing.tls import certificate

    assert _names(certificate().original.to_cryptography()) == ("mx.example.org",)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "no PEM certificate in it"),
        (b"\xff\x00", "no PEM certificate in it"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no PEM certificate in it"),
    ],
)
def test_a_file_that_is_no_certificate_is_named(tmp_path: Path, content: bytes, what: str) -> None:
    (tmp_path / "x.pem").write_bytes(content)
    with pytest.raises(CertificateError, match=what) as raised:
        load_directory(tmp_path)
    assert str(raised.value).startswith(str(tmp_path / "x.pem"))


def test_a_certificate_without_its_key_is_named(tmp_path: Path) -> None:
    data = made(tmp_path / "x.pem", "x")
    (tmp_path / "x.pem").write_bytes(data[data.index(b"-----BEGIN CERT") :])
    with pytest.raises(CertificateError, match=r"x\.pem: no PEM private key"):
        load_directory(tmp_path)


def test_a_key_of_another_certificate_is_named(tmp_path: Path) -> None:
    pair(tmp_path / "a", "a")
    pair(tmp_path / "b", "b")
    shutil.copy(tmp_path / "b" / "privkey.pem", tmp_path / "a" / "privkey.pem")
    with pytest.raises(CertificateError, match=r"privkey\.pem: the key does not belong"):
        load_directory(tmp_path)


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    pair(tmp_path, "a")
    (tmp_path / "privkey.pem").unlink()
    with pytest.raises(CertificateError, match=r"privkey\.pem: No such file"):
        load_directory(tmp_path)
    with pytest.raises(CertificateError, match=r"privkey\.pem: No such file"):
        fingerprint(tmp_path)


@pytest.mark.parametrize("directory", ["", "missing"])
def test_a_directory_without_certificates_is_an_error(tmp_path: Path, directory: str) -> None:
    with pytest.raises(CertificateError, match=str(tmp_path)):
        load_directory(tmp_path / directory)


def test_the_fingerprint_changes_when_a_file_is_replaced(tmp_path: Path) -> None:
    made(tmp_path / "a.pem", "a")
    before = fingerprint(tmp_path)
    assert fingerprint(tmp_path) == before
    made(tmp_path / "a.pem", "a")
    assert fingerprint(tmp_path) != before


def test_the_fingerprint_changes_when_a_link_leads_elsewhere(tmp_path: Path) -> None:
    for version in ("1", "2"):
        made(tmp_path / version / "a", "a")
    live = tmp_path / "live"
    live.mkdir()
    (live / "a.pem").symlink_to(tmp_path / "1" / "a")
    before = fingerprint(live)
    os.replace(_link(live / "new", tmp_path / "2" / "a"), live / "a.pem")
    assert fingerprint(live) != before


def _link(name: Path, target: Path) -> Path:
    name.symlink_to(target)
    return name


def test_a_certificate_made_now_is_valid_now(tmp_path: Path) -> None:
    make_self_signed(tmp_path / "a.pem", ["a"], time.time())
    assert load_directory(tmp_path)[0].expires > time.time()
