"""Status codes: those of the framework have the shape of RFC 3463, and a wrong one is refused where it is written."""

from __future__ import annotations

import pytest

from mailframe import status

NAMED = {name: value for name, value in vars(status).items() if name.isupper() and isinstance(value, str)}


@pytest.mark.parametrize("name", NAMED)
def test_every_code_of_the_framework_is_one(name: str) -> None:
    assert status.checked(NAMED[name]) == NAMED[name]


def test_there_are_codes() -> None:
    assert len(NAMED) > 20


@pytest.mark.parametrize("code", ["2.0.0", "4.999.999", "5.7.1"])
def test_a_code_is_returned_as_it_is(code: str) -> None:
    assert status.checked(code) == code


@pytest.mark.parametrize(
    "code", ["", "1.0.0", "3.0.0", "5", "5.1", "5.1.1.1", "5.1000.1", "5.1.1000", "5.1.x", "5.1.1\n"]
)
def test_what_has_another_shape_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="RFC 3463"):
        status.checked(code)


def test_a_code_of_another_class_is_refused_and_the_classes_are_named() -> None:
    assert status.checked("4.2.2", "45") == "4.2.2"
    with pytest.raises(ValueError, match=r"4\.x\.x or 5\.x\.x"):
        status.checked("2.0.0", "45")


def test_other_digits_than_ascii_are_refused() -> None:
    with pytest.raises(ValueError, match="RFC 3463"):
        status.checked("5.\N{ARABIC-INDIC DIGIT ONE}.1")
