"""Nasty messages kept whole: C{golden/NN-name/} says what each must give, and why it is there.

C{expected.txt} has a line an answer: C{ENVELOPE}, C{BODYSTRUCTURE}, C{SUBJECT}, or C{BODY[section]}, then a Python
literal (C{None} is NIL).
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from mailframe.message import headers, outline
from mailframe.message.digest import digest
from mailframe.message.sections import Section, locate

GOLDEN = sorted(path.parent for path in Path(__file__).parent.glob("golden/*/message.eml"))


def answer(message: bytes, question: str) -> object:
    head, body = headers.split(message)
    found = digest(head, body)
    if not question.startswith("BODY["):
        return {"ENVELOPE": found.envelope, "BODYSTRUCTURE": found.bodystructure, "SUBJECT": found.subject}[question]
    words = question[5:-1].split(".")
    path = tuple(int(word) for word in words if word.isdigit())
    at = locate(outline.load(found.outline), Section(path, ".".join(words[len(path) :]).encode() or None))
    return None if at is None else message[at[0] : at[0] + at[1]]


@pytest.mark.parametrize("folder", GOLDEN, ids=lambda folder: folder.name)
def test_a_nasty_message_is_understood_as_written_down(folder: Path) -> None:
    message = (folder / "message.eml").read_bytes()
    assert (folder / "why.txt").read_text().strip()
    lines = (folder / "expected.txt").read_text().splitlines()
    assert lines
    for line in lines:
        question, _, expected = line.partition(" ")
        assert (question, answer(message, question)) == (question, ast.literal_eval(expected))


def test_there_are_golden_messages() -> None:
    assert len(GOLDEN) >= 12
