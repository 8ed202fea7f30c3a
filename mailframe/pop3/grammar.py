"""The syntax of POP3 commands (RFC 1939 section 9, RFC 2449 section 4)."""

from __future__ import annotations

import re

_COMMAND = re.compile(rb"([A-Za-z]{3,4})(?: ([^\x00\r\n]*))?")
_NUMBER = re.compile(rb"[0-9]{1,10}")


class BadSyntax(Exception):
    """The command follows no grammar; the text says what was expected."""


def command(line: bytes) -> tuple[bytes, bytes]:
    """
    Split a line into keyword, in capitals, and argument; C{PASS}'s may hold spaces.

    @raise BadSyntax: it is no command.
    """
    match = _COMMAND.fullmatch(line)
    if match is None:
        raise BadSyntax("A command expected")
    return match[1].upper(), match[2] or b""


def numbers(argument: bytes, least: int, most: int) -> list[int]:
    """
    Read message numbers.

    @param least: how many there must be; C{most} is how many there may be.
    @raise BadSyntax: there are fewer, more, or others things.
    """
    words = argument.split()
    if not least <= len(words) <= most or not all(map(_NUMBER.fullmatch, words)):
        raise BadSyntax("A message number expected" if most == 1 else "Message number and number of lines expected")
    return list(map(int, words))
