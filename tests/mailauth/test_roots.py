"""Trust anchors out of files."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mailframe.mailauth import roots
from mailframe.mailauth.roots import Roots, system_roots
from tests.mailauth.pki import OTHER_ROOT, ROOT


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    system_roots.cache_clear()
    yield
    system_roots.cache_clear()


def test_a_file_holds_certificates_among_other_things(tmp_path: Path) -> None:
    file = tmp_path / "roots.pem"
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    file.write_bytes(b"# Root\n" + ROOT.pem + broken + b"words\n" + OTHER_ROOT.pem)
    assert Roots.from_file(file).certificates == [ROOT.certificate, OTHER_ROOT.certificate]


def test_a_file_without_certificates_is_an_error() -> None:
    with pytest.raises(ValueError, match="empty store"):
        Roots.from_pem(b"nothing")


def test_only_so_many_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roots, "ROOTS", 1)
    assert Roots.from_pem(ROOT.pem + OTHER_ROOT.pem).certificates == [ROOT.certificate]


def paths(monkeypatch: pytest.MonkeyPatch, cafile: Any, capath: Any) -> None:
    found = ssl.DefaultVerifyPaths(cafile, capath, "", "", "", "")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: found)


def test_the_systems_roots_are_in_a_file_or_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pem").write_bytes(ROOT.pem)
    (tmp_path / "b.pem").write_bytes(OTHER_ROOT.pem)
    paths(monkeypatch, str(tmp_path / "a.pem"), str(tmp_path))
    assert system_roots().certificates == [ROOT.certificate]
    assert system_roots() is system_roots()
    system_roots.cache_clear()
    paths(monkeypatch, None, str(tmp_path))
    assert system_roots().certificates == [ROOT.certificate, OTHER_ROOT.certificate]
    system_roots.cache_clear()
    paths(monkeypatch, None, None)
    with pytest.raises(ValueError, match="empty store"):
        system_roots()
