"""C{mailframe init} and C{mailframe check}: a first configuration that runs, and mistakes found without running."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailframe.cli.main import main
from mailframe.config_file import load


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_a_configuration_is_written_and_is_right(tmp_path: Path) -> None:
    result = run("init", str(tmp_path / "new"), "--domain", "Example.NET")
    assert result.exit_code == 0, result.stderr
    file = tmp_path / "new" / "mail.py"
    assert str(file) in result.stdout
    assert run("check", str(file)).output == f"{file}: fine\n"
    assert load(file).hostname == "mx.example.net"
    assert "ann@example.net" in file.read_text()
    assert "@DOMAIN@" not in file.read_text()
    assert stat.S_IMODE((tmp_path / "new" / "tls").stat().st_mode) == 0o700


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mail.py").write_text("mine")
    result = run("init", str(tmp_path))
    assert (result.exit_code, result.stderr) == (
        1,
        f"mailframe: {tmp_path / 'mail.py'} is there already, and stays as it is\n",
    )
    assert (tmp_path / "mail.py").read_text() == "mine"


def test_certificates_that_are_there_stay(tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    assert run("init", str(tmp_path)).exit_code == 0
    assert list((tmp_path / "tls").iterdir()) == []


@pytest.mark.parametrize("options", [["--domain", "a b"], ["--hostname", "a;b"]])
def test_names_are_checked(tmp_path: Path, options: list[str]) -> None:
    result = run("init", str(tmp_path / "new"), *options)
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert not (tmp_path / "new").exists()


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert run("init", str(tmp_path / "file")).exit_code == 1


def test_mistakes_are_shown_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "mail.py"
    file.write_text("\nserver = nothing\n")
    result = run("check", str(file))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"{file}:2: NameError: name 'nothing' is not defined\n"


def test_certificates_that_cannot_be_used_are_shown(tmp_path: Path) -> None:
    file = tmp_path / "mail.py"
    file.write_text(f"from mailframe import Server\nserver = Server('h', certificates={str(tmp_path)!r})\n")
    result = run("check", str(file))
    assert (result.exit_code, "no certificate here" in result.stderr) == (1, True)
    file.write_text("from mailframe import Server\nserver = Server('h')\n")
    assert run("check", str(file)).exit_code == 0
