"""Secrets for rewriting senders: made, kept, changed, and kept no longer than they are needed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mailframe.address import Address
from mailframe.delivery.rewriting import CHANGE_DAYS, FILE, Secret, SenderRewriting, current
from mailframe.errors import Temporary
from mailframe.sqlite import SQLite
from mailframe.srs import Expired, WrongHash

ME = Address("me", "example.net")
DAY = 24 * 60 * 60
NOW = 1_000_000_000.0


def test_a_secret_is_made_when_it_is_needed_and_outlives_the_server(tmp_path: Path) -> None:
    srs = SenderRewriting("Example.org", tmp_path / "data")
    assert list(tmp_path.iterdir()) == []
    rewritten = srs.forward(ME, NOW)
    assert rewritten.domain == "example.org"
    assert SenderRewriting("example.org", SQLite(tmp_path / "data")).reverse(rewritten, NOW) == ME
    assert stat.S_IMODE((tmp_path / "data" / FILE).stat().st_mode) == 0o600
    with pytest.raises(WrongHash):
        SenderRewriting("example.org", tmp_path / "other").reverse(rewritten, NOW)


def test_secrets_change_and_old_ones_go_when_their_addresses_have_expired(tmp_path: Path) -> None:
    srs = SenderRewriting("example.org", tmp_path)
    first = srs.forward(ME, NOW)
    file = tmp_path / FILE
    srs.forward(ME, NOW + (CHANGE_DAYS - 1) * DAY)
    assert len(file.read_text().splitlines()) == 1
    last = srs.forward(ME, NOW + CHANGE_DAYS * DAY - 1)
    later = NOW + CHANGE_DAYS * DAY + 1
    assert srs.reverse(last, later) == ME
    assert len(file.read_text().splitlines()) == 2
    with pytest.raises(Expired):
        srs.reverse(first, later)
    assert srs.forward(ME, later) != last
    srs.forward(ME, later + CHANGE_DAYS * DAY + 1)
    assert len(file.read_text().splitlines()) == 2


def test_a_secret_is_kept_as_long_as_what_it_signed_last_is_good() -> None:
    old, new = Secret(NOW - 40 * DAY, b"old"), Secret(NOW - 5 * DAY, b"new")
    assert current([new, old], NOW, 21, b"x") == [new, old]
    assert current([new, old], NOW + 16 * DAY, 21, b"x") == [new, old]
    assert current([new, old], NOW + 18 * DAY, 21, b"x") == [new]
    assert current([], NOW, 21, b"x") == [Secret(NOW, b"x")]


def test_what_is_no_list_of_secrets_is_no_reason_to_lose_mail(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("1000000000 ?\n")
    with pytest.raises(Temporary, match="cannot be used"):
        SenderRewriting("example.org", tmp_path).forward(ME, NOW)
    assert (tmp_path / FILE).read_text() == "1000000000 ?\n"


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Temporary, match="cannot be used"):
        SenderRewriting("example.org", tmp_path / "file").forward(ME, NOW)


def test_a_domain_and_days_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="host name"):
        SenderRewriting("exa mple", tmp_path)
    with pytest.raises(ValueError, match="days"):
        SenderRewriting("example.org", tmp_path, days=0)
    with pytest.raises(ValueError, match="days"):
        SenderRewriting("example.org", tmp_path, days=1000)
