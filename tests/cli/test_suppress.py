"""C{mailframe suppress}, on data that no server has open."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from mailframe.cli.main import main


def on(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--data", str(folder), "suppress", *arguments])


def test_addresses_come_and_go(tmp_path: Path) -> None:
    assert on(tmp_path, "add", "ann@one.example", "--until", "2100-02-03", "--reason", "Gone").exit_code == 0
    assert on(tmp_path, "add", "two.example").exit_code == 0
    first, second = [json.loads(line) for line in on(tmp_path, "list", "--json").output.splitlines()]
    assert (first["address"], first["reason"], first["until"]) == ("ann@one.example", "Gone", 4105296000.0)
    assert (second["address"], second["until"]) == ("two.example", None)
    heading, row, other = on(tmp_path, "list").output.splitlines()
    assert heading.split() == ["ADDRESS", "SINCE", "UNTIL", "REASON"]
    assert row.split()[0::2] == ["ann@one.example", "2100-02-03"]
    assert other.split()[2] == "-"
    assert on(tmp_path, "remove", "two.example").exit_code == 0
    again = on(tmp_path, "remove", "two.example")
    assert (again.exit_code, again.stderr) == (1, "mailframe: two.example is not suppressed\n")
    assert on(tmp_path, "add", "x.example", "--until", "tomorrow").exit_code == 2


def test_the_list_of_a_configured_server_is_that_of_its_data(tmp_path: Path) -> None:
    file = tmp_path / "mail.py"
    file.write_text(
        "from mailframe import Route, Server, SQLite, ToMX\n"
        "from mailframe.queue.runner import Runner\n"
        f"data = SQLite({str(tmp_path / 'data')!r})\n"
        'server = Server("mx.example.org", run=[data, Runner(data, [Route("*", ToMX())])])\n'
    )
    for arguments in (("add", "x.example"), ("list",)):
        result = CliRunner().invoke(main, ["--config", str(file), "suppress", *arguments])
        assert result.exit_code == 0
    assert "x.example" in result.output
