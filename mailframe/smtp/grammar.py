"""The syntax of SMTP commands (RFC 5321 section 4.1.2, RFC 1870, RFC 3030, RFC 6531)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from attrs import frozen

from mailframe.address import Address

_COMMAND = re.compile(rb"([A-Za-z]{1,12})(?: +([^\r\n\x00]*))?")
# The local part may be quoted and then hold ">" and spaces; a source route is accepted and ignored (RFC 5321 4.1.1.3).
_PATH = re.compile(rb'<(?:@[^:>"\s]{1,1000}:)?((?:"(?:[^"\\\r\n]|\\[ -~])*"|[^"<>\s])*)>(?: +(.*))?')
_PARAMETER = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\x80-\xff]+))?")
_HELO = re.compile(r"[!-~]{1,255}")
_CHUNK = re.compile(rb"([0-9]{1,20})(?: +(LAST))?", re.IGNORECASE)

PARAMETERS = 20
"""Parameters of one MAIL or RCPT command."""


class BadSyntax(Exception):
    """The command follows no grammar; the text says what was expected."""


@frozen
class Path:
    """
    The argument of MAIL or RCPT.

    @ivar address: C{None} is the null path C{<>}.
    @ivar postmaster: it is C{<postmaster>} without a domain (RFC 5321 4.1.1.3).
    @ivar parameters: values by keyword in capitals; C{None} is a keyword without a value.
    """

    address: Address | None
    parameters: Mapping[bytes, bytes | None]
    postmaster: bool = False


def command(line: bytes) -> tuple[bytes, bytes]:
    """
    Split a line into verb, in capitals, and argument without the spaces around it.

    @raise BadSyntax: it is no command, holds NUL, CR or LF.
    """
    return _known_command(line) if line[:4] in _OFTEN and len(line) <= _REMEMBERED else _command(line)


def _command(line: bytes) -> tuple[bytes, bytes]:
    match = _COMMAND.fullmatch(line)
    if match is None:
        raise BadSyntax("A command is a verb and perhaps an argument")
    return match[1].upper(), (match[2] or b"").rstrip(b" \t")


def path(argument: bytes, keyword: bytes) -> Path:
    """
    Read C{FROM:<path> parameters} or C{TO:<path> parameters}.

    @param keyword: C{FROM:} or C{TO:}.
    @raise BadSyntax: it is none.
    """
    return _known_path(argument, keyword) if len(argument) <= _REMEMBERED else _path(argument, keyword)


def _path(argument: bytes, keyword: bytes) -> Path:
    if argument[: len(keyword)].upper() != keyword:
        raise BadSyntax(f"{keyword.decode()}<address> expected")
    # A space behind the colon is not allowed, but many old clients send it, and it is harmless.
    match = _PATH.fullmatch(argument[len(keyword) :].lstrip(b" "))
    if match is None:
        raise BadSyntax("An address in angle brackets expected")
    given = parameters(match[2]) if match[2] else {}
    if not match[1]:
        return Path(None, given)
    if match[1].lower() == b"postmaster":
        return Path(None, given, postmaster=True)
    return Path(address(match[1]), given)


_REMEMBERED = 120
"""Octets of a line that is worth remembering: the same people send and get mail again and again."""
_OFTEN = frozenset({b"MAIL", b"RCPT", b"DATA", b"EHLO", b"HELO", b"QUIT"})
"""What lines that are remembered begin with: none of them has a password in it."""
_known_command = lru_cache(maxsize=4096)(_command)
_known_path = lru_cache(maxsize=4096)(_path)


def address(data: bytes) -> Address:
    """
    Read a mailbox.

    @raise BadSyntax: it is none.
    """
    try:
        return Address.parse(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadSyntax("The address is not UTF-8") from None
    except ValueError as error:
        raise BadSyntax(f"Bad address: {error}") from None


def parameters(text: bytes) -> dict[bytes, bytes | None]:
    """
    Read C{esmtp-parameters}.

    @raise BadSyntax: one is malformed or comes twice, or there are too many.
    """
    found: dict[bytes, bytes | None] = {}
    words = text.split()
    if len(words) > PARAMETERS:
        raise BadSyntax("Too many parameters")
    for word in words:
        match = _PARAMETER.fullmatch(word)
        if match is None or match[1].upper() in found:
            raise BadSyntax("A parameter is malformed or comes twice")
        found[match[1].upper()] = match[2]
    return found


def helo_name(argument: bytes) -> str:
    """
    Read the argument of HELO, EHLO or LHLO; what many clients send is no domain, so it need only be one word.

    @raise BadSyntax: it is empty or not printable ASCII.
    """
    name = argument.decode("ascii", "replace")
    if not _HELO.fullmatch(name):
        raise BadSyntax("A host name expected")
    return name


def chunk(argument: bytes) -> tuple[int, bool]:
    """
    Read the argument of BDAT: C{chunk-size} with at most 20 digits, and whether C{LAST} follows (RFC 3030 2).

    @raise BadSyntax: it is none.
    """
    match = _CHUNK.fullmatch(argument)
    if match is None:
        raise BadSyntax("BDAT octets, or BDAT octets LAST, expected")
    return int(match[1]), match[2] is not None
