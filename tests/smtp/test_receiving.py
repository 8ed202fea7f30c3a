"""What receiving a message leaves behind, when the disk or the client fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.attack import Attack
from tests.smtp.world import World

BEGIN = b"EHLO x\r\nMAIL FROM:<eve@example.net>\r\nRCPT TO:<ann@example.org>\r\n"


@pytest.mark.parametrize("sent", [b"DATA\r\nX: y\r\n\r\n%b\r\n.\r\n", b"BDAT 300010 LAST\r\nX: y\r\n\r\n%b\r\n"])
def test_a_disk_that_fails_at_the_end_means_later(sent: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_writer: Any) -> None:
        raise OSError(5, "Input/output error")

    world = World()
    attack = Attack(world.mx())
    attack.protocol.session.spool.directory = str(tmp_path)
    attack.send(BEGIN)
    monkeypatch.setattr("mailframe.spool.SpoolWriter.finish", broken)
    assert attack.send(sent % (b"x" * 300_000))[-1] == b"451 4.3.0 Local error, try again later"
    assert list(tmp_path.iterdir()) == []
    assert world.mail() == []


def test_a_client_that_goes_in_the_middle_leaves_no_file(tmp_path: Path) -> None:
    attack = Attack(World().mx())
    attack.protocol.session.spool.directory = str(tmp_path)
    attack.send(BEGIN + b"DATA\r\n", b"X: y\r\n\r\n" + b"x" * 300_000)
    assert len(list(tmp_path.iterdir())) == 1
    attack.lose()
    assert list(tmp_path.iterdir()) == []
