"""sslscan looks for weaknesses in the TLS of every port that clients log in on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mailframe.testing.process import RunningServer
from tests.foreign.home import Home

PORTS = [
    (25, "--starttls-smtp"),
    (587, "--starttls-smtp"),
    (465, ""),
    (143, "--starttls-imap"),
    (993, ""),
    (110, "--starttls-pop3"),
    (995, ""),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for all ports."""
    with RunningServer(tmp_path_factory.mktemp("mailframe")) as server:
        yield server


def scan(running: RunningServer, home: Home, port: int, option: str, *more: str) -> ElementTree.Element:
    options = ["--no-colour", "--show-sigs", "--xml=found.xml", *more, *filter(None, [option])]
    home.run("sslscan", *options, f"127.0.0.1:{running.port(port)}")
    found = ElementTree.parse(Path(home.path, "found.xml")).getroot().find("ssltest")
    assert found is not None
    return found


@pytest.mark.parametrize(("port", "option"), PORTS)
def test_there_is_nothing_weak(running: RunningServer, home: Home, port: int, option: str) -> None:
    found = scan(running, home, port, option)
    spoken = {
        f"{each.get('type')}{each.get('version')}" for each in found.iter("protocol") if each.get("enabled") == "1"
    }
    assert spoken == {"tls1.2", "tls1.3"}
    assert [each.get("sslversion") for each in found.iter("heartbleed") if each.get("vulnerable") != "0"] == []
    [renegotiation] = found.iter("renegotiation")
    assert (renegotiation.get("supported"), renegotiation.get("secure")) in {("0", "0"), ("1", "1")}
    assert all(each.get("supported") == "0" for each in found.iter("compression"))
    ciphers = {str(each.get("cipher")): each for each in found.iter("cipher")}
    assert len(ciphers) >= 4
    for name, cipher in ciphers.items():
        assert cipher.get("strength") in {"strong", "acceptable"}, name
        assert int(cipher.get("bits", "0")) >= 128, name
        assert name.startswith(("TLS_", "ECDHE-")), f"{name} has no forward secrecy"
        assert "GCM" in name or "POLY1305" in name, f"{name} is no authenticated encryption"
    groups = {str(each.get("name")): int(each.get("bits", "0")) for each in found.iter("group")}
    assert groups
    assert {name for name, bits in groups.items() if bits < 112} == set()
    signatures = {str(each.get("name")) for each in found.iter("connection-signature-algorithm")}
    assert signatures
    assert {name for name in signatures if "sha1" in name or "md5" in name} == set()


def test_the_certificate_that_the_server_makes_for_itself_is_no_weak_one(running: RunningServer, home: Home) -> None:
    found = scan(running, home, 993, "")
    algorithm, key = found.find(".//signature-algorithm"), found.find(".//pk")
    assert algorithm is not None
    assert key is not None
    assert (algorithm.text, key.get("type"), key.get("bits")) == ("ecdsa-with-SHA256", "EC", "128")
