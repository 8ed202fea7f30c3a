"""The example of a test passes, and README shows what it does."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "test_my_server.py"


def test_it_passes() -> None:
    spec = importlib.util.spec_from_file_location("example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    example.test_people_hear_of_mail_that_does_not_get_through()


def test_readme_shows_the_same() -> None:
    [shown] = [block for block in (ROOT / "README.md").read_text("utf-8").split("```python\n") if "World(" in block]
    steps = [line.strip() for line in shown.partition("```")[0].splitlines() if line.startswith("    ")]
    example = EXAMPLE.read_text("utf-8")
    assert [line for line in steps if line not in example] == []
    assert len(steps) > 8
