"""C{mailframe trace}: pages are asked for one after the other, and what is unknown is one line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailframe.administration import journal as pages
from mailframe.cli.main import main
from mailframe.inline import inline_site, now
from mailframe.journal.events import Event, Handed
from mailframe.sqlite import SQLite
from mailframe.testing.journals import START, arrived, refused


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def trace(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--data", str(data), "trace", *arguments])


def noted(data: Path, *entries: Sequence[Event]) -> None:
    kept = SQLite(data)
    now(kept.start(inline_site()))
    assert kept.journal is not None
    for events in entries:
        kept.journal.note(events)
    now(kept.stop())


def handed(message: str, recipient: str = "bob@example.net", time: float = START) -> Handed:
    return Handed(time, message, recipient, "queued", "", "queued")


def test_a_message_is_found_by_its_id_and_by_its_message_id(data: Path) -> None:
    noted(data, [arrived("m1", message_id="1@example.org"), handed("m1")], [arrived("m2")])
    expected = (
        "2001-09-09 01:46:40.000 m1 arrived at mx from 192.0.2.7 (client.example), "
        "TLSv1.3 TLS_AES_256_GCM_SHA384: from <ann@example.org> to <bob@example.net>, 1234 octets, "
        "Message-ID <1@example.org>\n"
        "2001-09-09 01:46:40.000 m1 queued for <bob@example.net>\n"
    )
    for what in ("m1", " m1 ", "<1@example.org>", "1@example.org"):
        result = trace(data, what)
        assert (result.exit_code, result.stdout) == (0, expected), what


def test_an_address_shows_its_messages_the_latest_first_with_a_line_between(data: Path) -> None:
    noted(data, [arrived("m1")], [refused("Bob@example.net")], [arrived("m2")], [arrived("m3", "a@b", "c@d")])
    result = trace(data, "bob@example.net")
    assert [line and line.split(" ")[2:4] for line in result.stdout.splitlines()] == [
        ["m2", "arrived"], "", ["-", "refused"], "", ["m1", "arrived"],
    ]  # fmt: skip


def test_a_recipient_sees_nothing_of_others(data: Path) -> None:
    both = ("bob@example.net", "eve@example.net")
    noted(data, [arrived("m1", "ann@example.org", *both), *(handed("m1", each) for each in both)])
    assert trace(data, "bob@example.net").stdout.count("queued for") == 1
    assert trace(data, "ann@example.org").stdout.count("queued for") == 2
    assert trace(data, "m1").stdout.count("queued for") == 2


def test_json_is_an_object_a_line(data: Path) -> None:
    noted(data, [arrived("m1"), handed("m1")], [arrived("m2")])
    lines = trace(data, "ann@example.org", "--json").stdout.splitlines()
    assert [(each["kind"], each["message"]) for each in map(json.loads, lines)] == [
        ("arrived", "m2"),
        ("arrived", "m1"),
        ("handed", "m1"),
    ]


def test_more_than_the_latest_are_shown_on_demand(data: Path) -> None:
    noted(data, *([arrived(f"m{number}")] for number in range(130)))
    result = trace(data, "ann@example.org")
    assert (result.stdout.count("arrived"), result.stderr) == (
        20,
        "There are more than these 20: --limit shows them.\n",
    )
    assert trace(data, "ann@example.org", "--limit", "20", "--json").stdout.count("arrived") == 20
    result = trace(data, "ann@example.org", "--limit", "0")
    assert (result.stdout.count("arrived"), result.stderr) == (130, "")
    assert trace(data, "ann@example.org", "--limit", "130").stderr == ""
    assert trace(data, "ann@example.org", "--limit", "-1").exit_code == 2


def test_long_histories_come_in_pages(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE_EVENTS", 5)
    many = [handed("m1", f"{number}@example.net") for number in range(12)]
    noted(data, [arrived("m1"), *many], *([handed("m1", time=START + number)] for number in range(120)))
    lines = trace(data, "m1").stdout.splitlines()
    assert len(lines) == 1 + 12 + 120
    assert lines[1:] == sorted(lines[1:], key=lambda line: line[:23])


@pytest.mark.parametrize("what", ["<never@example.org>", "x@example.org", "0193abc", "-", "\x1b[2J", "\udcff", "ä"])
def test_what_is_unknown_is_one_line_and_status_1(data: Path, what: str) -> None:
    noted(data, [arrived("m1")])
    result = trace(data, "--", what)
    assert (result.exit_code, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    assert line.isprintable()
    assert line.startswith("mailframe: ")


def test_nonsense_is_one_line_and_status_1(data: Path) -> None:
    noted(data, [arrived("m1")])
    for what in ("", "x" * 1001):
        result = trace(data, what)
        assert result.exit_code == 1
        assert result.stderr == "mailframe: what is to be traced has 1 to 1000 characters of Unicode\n"


def test_the_journal_may_be_missing_or_switched_off(tmp_path: Path) -> None:
    file = tmp_path / "mail.py"
    for run in (f"[SQLite('{tmp_path}/data', events=None)]", "[]"):
        file.write_text(f"from mailframe import Server, SQLite\nserver = Server('mx.example.org', run={run})\n")
        result = CliRunner().invoke(main, ["--config", str(file), "trace", "m1"])
        assert result.exit_code == 1
        assert result.stderr.startswith("mailframe: this server keeps no journal: a SQLite(...) in run= does")
