"""The example of a whole server is right, and what README shows is the same."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from mailframe.cli.checking import mistakes
from mailframe.config_file import load
from mailframe.net.certificates import make_self_signed

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "full_server.py"


def test_it_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tls").mkdir()
    make_self_signed(tmp_path / "tls" / "mx.pem", ["mx.example.org"], 1_800_000_000)
    monkeypatch.setenv("MAILFRAME_HOME", str(tmp_path))
    assert mistakes(str(EXAMPLE)) == []
    assert load(EXAMPLE).control == str(tmp_path / "data" / "control")


def test_the_python_in_readme_is_python() -> None:
    blocks = (ROOT / "README.md").read_text("utf-8").split("```python\n")[1:]
    assert len(blocks) == 4
    for block in blocks:
        ast.parse(block.partition("```")[0])
