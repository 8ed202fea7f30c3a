"""What C{from mailframe import ...} offers is there, and is imported only when it is asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mailframe


@pytest.mark.parametrize("name", mailframe.__all__)
def test_every_name_is_there(name: str) -> None:
    assert vars(mailframe).get(name, None) or mailframe.__getattr__(name)
    assert name in dir(mailframe)


def test_type_checkers_are_told_the_same_names() -> None:
    tree = ast.parse(Path(mailframe.__file__).read_text("utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    told = {alias.asname for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert told == set(mailframe.__all__)
    assert set(vars(mailframe)["_HOME"]) == told


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(ImportError, match="cannot import name 'Sever'"):
        from mailframe import Sever  # noqa: F401  the misspelling


def test_the_package_itself_imports_next_to_nothing() -> None:
    program = "import mailframe, sys; print(*[name for name in ('twisted', 'apsw', 'attrs') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(mailframe.__file__).parent.parent,
    )
    assert done.stdout.strip() == ""
