"""Which servers are asked: those of resolv.conf, and the one on this machine when it names none."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailframe.net.dns.resolv_conf import is_loopback, resolv_conf, system_servers

FILES = [
    ("nameserver 192.0.2.1\n", ["192.0.2.1"]),
    ("# x\nsearch example.org\nnameserver 192.0.2.1\noptions edns0\nnameserver ::2", ["192.0.2.1", "::2"]),
    ("nameserver\t192.0.2.1   # mine", ["192.0.2.1"]),
    ("nameserver ::1\nnameserver ::2\nnameserver ::3\nnameserver ::4", ["::1", "::2", "::3"]),
    ("nameserver dns.example.org\nnameserver\n; x\n\0", ["127.0.0.1"]),
    ("", ["127.0.0.1"]),
]


@pytest.mark.parametrize(("text", "servers"), FILES)
def test_the_file_names_servers(text: str, servers: list[str], tmp_path: Path) -> None:
    assert list(resolv_conf(text)) == servers
    path = tmp_path / "resolv.conf"
    path.write_text(text)
    assert list(system_servers(str(path))) == servers


def test_a_machine_without_the_file_asks_itself(tmp_path: Path) -> None:
    assert list(system_servers(str(tmp_path / "none"))) == ["127.0.0.1"]


@pytest.mark.parametrize(("address", "local"), [("127.0.0.53", True), ("::1", True), ("192.0.2.1", False)])
def test_only_loopback_is_this_machine(address: str, local: bool) -> None:
    assert is_loopback(address) is local
