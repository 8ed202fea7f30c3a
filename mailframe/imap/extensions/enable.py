"""ENABLE (RFC 5161): the client names what it understands."""

from __future__ import annotations

from mailframe.imap.extension import AUTHENTICATED, Command, Extension, Vocabulary
from mailframe.imap.grammar import Cursor
from mailframe.imap.responses import Status, ok
from mailframe.imap.session import Session

WORDS = 50
"""Words in one command."""


def parse(cursor: Cursor, vocabulary: Vocabulary) -> list[bytes]:
    """C{1*(SP capability)}"""
    cursor.sp()
    words = [cursor.word()]
    while len(words) < WORDS and cursor.accept(b" "):
        words.append(cursor.word())
    cursor.end()
    return words


async def enable(session: Session, words: list[bytes]) -> Status:
    """Turn on what is known; the answer tells what was turned on now."""
    fresh = [word for word in dict.fromkeys(words) if word in session.vocabulary.enable and word not in session.enabled]
    for word in fresh:
        session.vocabulary.enable[word](session)
        session.enabled.add(word)
    session.untagged(b" ".join([b"ENABLED", *fresh]))
    return ok("Done")


EXTENSION = Extension(
    b"ENABLE", 5161, lambda session: (b"ENABLE",), commands=(Command(b"ENABLE", AUTHENTICATED, parse, enable),)
)
