"""Data of older versions is brought forward whole; data of newer ones is left alone."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from mailframe.errors import NewerSchema
from mailframe.sqlite import schema
from tests.store.test_crash import ANN, big, deliver, now, opened, small, snapshot

FURTHER = "ALTER TABLE account ADD COLUMN quota INTEGER; UPDATE account SET quota = 7"


def test_every_step_keeps_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = opened(str(tmp_path / "data"))
    now(data.add_account(ANN, "secret"))
    now(deliver(data, small("one"), ANN))
    now(deliver(data, big(data, "two"), ANN))
    before = now(snapshot(data))
    now(data.stop())
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, FURTHER))
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    data = opened(str(tmp_path / "data"))
    assert now(snapshot(data)) == before
    assert data._kept is not None
    assert data._kept.database.read("SELECT quota FROM account") == [(7,)]
    assert data._kept.database.read("PRAGMA user_version") == [(schema.VERSION,)]
    now(data.stop())


def test_a_step_that_fails_half_way_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = apsw.Connection(str(tmp_path / "x"))
    schema.prepare(connection)
    before = connection.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall()
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, FURTHER, "INSERT INTO nowhere VALUES (1)"))
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 2)
    with pytest.raises(apsw.SQLError):
        schema.prepare(connection)
    assert connection.execute("SELECT sql FROM sqlite_schema ORDER BY name").fetchall() == before
    assert connection.pragma("user_version") == schema.VERSION - 2
    assert not connection.in_transaction


def test_newer_data_is_not_touched(tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "x"))
    connection.pragma("user_version", schema.VERSION + 1)
    with pytest.raises(NewerSchema, match=f"has version {schema.VERSION + 1}, .* install a newer mailframe"):
        schema.prepare(connection)
    assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchall() == [(0,)]
