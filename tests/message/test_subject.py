"""The base subject (RFC 5256 2.1)."""

from __future__ import annotations

import pytest

from mailframe.message import subject

SUBJECTS = [
    ("", "", False),
    ("hello", "hello", False),
    ("Re: hello", "hello", True),
    ("re : hello", "hello", True),
    ("FW: hello", "hello", True),
    ("Fwd: hello", "hello", True),
    ("Re: Fwd: re:hello", "hello", True),
    ("Re[2]: hello", "hello", True),
    ("re [x] : hello", "hello", True),
    ("[list] hello", "hello", False),
    ("[list] Re: hello", "hello", True),
    ("[a] [b] Re: [c] hello", "hello", True),
    ("Re: [list] Re: hello", "hello", True),
    ("[list]", "[list]", False),
    ("[a] [list]", "[list]", False),
    ("Re: [list]", "[list]", True),
    ("hello (fwd)", "hello", True),
    ("hello (FWD) (fwd) ", "hello", True),
    ("(fwd)", "", True),
    ("[fwd: hello]", "hello", True),
    ("[Fwd: Re: hello (fwd)]", "hello", True),
    ("[fwd: [fwd: hello]]", "hello", True),
    ("[fwd: [list] re: hello] (fwd)", "hello", True),
    ("[fwd: hello] there", "there", False),
    ("[fwd: hello", "[fwd: hello", False),
    ("[fwd:]", "", True),
    ("a\tb \r\n c", "a b c", False),
    ("  spaced   out  ", "spaced out", False),
    ("Regarding: x", "Regarding: x", False),
    ("Re", "Re", False),
    ("Re:", "", True),
    ("re: re: re:", "", True),
    ("AW: hello", "AW: hello", False),
    ("[unclosed hello", "[unclosed hello", False),
    ("Ré: x", "Ré: x", False),
]


@pytest.mark.parametrize(("text", "base", "reply"), SUBJECTS)
def test_replies_and_forwards_have_the_subject_of_what_they_answer(text: str, base: str, reply: bool) -> None:
    assert subject.extract(text) == (base, reply)
    assert subject.base(text) == base


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("re: " * 60_000 + "x", "x"),
        ("[a]" * 80_000 + "x", "x"),
        ("[a]" * 80_000, "[a]"),
        ("[a]" * 80_000 + "re", "re"),
        ("[fwd: " * 40_000 + "x" + "]" * 40_000, "x"),
        ("x" + "(fwd)" * 50_000, "x"),
        ("[" * 200_000, "[" * 200_000),
        ("re " * 80_000, ("re " * 80_000).strip()),
        ("re [x] " * 30_000, ("re [x] " * 30_000).strip()),
    ],
)
def test_a_subject_of_nothing_but_artifacts_is_reduced_all_the_same(text: str, base: str) -> None:
    assert subject.base(text) == base
