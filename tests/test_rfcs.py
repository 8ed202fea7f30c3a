"""The table of RFCs is the one in README, and each row leads to something that is there."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from mailframe.rfcs import RFCS, YES, Rfc, table

README = Path(__file__).parent.parent / "README.md"


def test_readme_has_the_table() -> None:
    text = README.read_text("utf-8")
    _before, _, rest = text.partition("<!-- python -m mailframe.rfcs -->\n")
    assert rest.partition("\n<!-- end -->")[0] == table()


@pytest.mark.parametrize("rfc", RFCS, ids=lambda rfc: str(rfc.number))
def test_each_row_leads_to_a_module(rfc: Rfc) -> None:
    assert find_spec(f"mailframe.{rfc.module}") is not None


def test_states_are_honest_in_form() -> None:
    for rfc in RFCS:
        assert rfc.state == YES or rfc.state.startswith("partly: "), rfc


def test_no_rfc_stands_twice() -> None:
    numbers = [rfc.number for rfc in RFCS]
    assert len(numbers) == len(set(numbers))
