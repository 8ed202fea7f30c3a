"""xtext (RFC 3461 section 4) and its kin for UTF-8 (RFC 6533 section 3): text as the value of an ESMTP parameter.

Decoding is strict: what is returned is printable and has no control characters, so that reports and log lines can
carry it. Encoding what was decoded gives the same text again, in its one shortest spelling.
"""

from __future__ import annotations

import re

from mailframe.address import UNSAFE

CHARACTERS = 500
"""The longest value: that of ORCPT (RFC 3461 4.2)."""

_XTEXT = re.compile(rb"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_HEXCHAR = re.compile(rb"\+(..)")
_TO_HEX = re.compile(r"[ +=]")
_PRINTABLE = re.compile(r"[ -~]*")

# HEXPOINT of RFC 6533, without the control characters that it has, and surrogates are refused with them.
_HEX = "[0-9A-Fa-f]"
_HEXPOINT = rf"20|2[Bb]|3[Dd]|5[Cc]|[89A-Fa-f]{_HEX}|[1-9A-Fa-f]{_HEX}{{2,4}}|10{_HEX}{{4}}"
_UNITEXT = re.compile(rf"(?:[!-*,-<>-\[\]-~\u0080-\U0010ffff]|\\x\{{(?:{_HEXPOINT})\}})*")
_EMBEDDED = re.compile(rf"\\x\{{({_HEX}+)\}}")
_TO_EMBED = re.compile(r"[ +=\\\u0080-\U0010ffff]")

_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9!#$%&'*/?^_`{|}~-]+")
_UTF8 = "utf-8"


def encode(text: str) -> str:
    """
    Return text as xtext.

    @param text: printable ASCII, with spaces.
    @raise ValueError: it is not.
    """
    if not _PRINTABLE.fullmatch(text):
        raise ValueError("xtext is for printable ASCII only")
    return _TO_HEX.sub(lambda found: f"+{ord(found[0]):02X}", text)


def decode(data: bytes, limit: int = CHARACTERS) -> str:
    """
    Return the text of an xtext, printable ASCII with spaces.

    @param limit: octets that C{data} may have.
    @raise ValueError: it is longer, is no xtext, or stands for anything else.
    """
    _check_length(data, limit)
    if not _XTEXT.fullmatch(data):
        raise ValueError("xtext expected")
    text = _HEXCHAR.sub(lambda found: bytes.fromhex(found[1].decode("ascii")), data).decode("latin-1")
    if not _PRINTABLE.fullmatch(text):
        raise ValueError("xtext stands for printable ASCII only")
    return text


def encode_unitext(text: str) -> str:
    r"""
    Return text as C{utf-8-addr-xtext}: ASCII, with C{\x{FC}} for what is not.

    @param text: without control characters.
    @raise ValueError: it has some.
    """
    if UNSAFE.search(text):
        raise ValueError("unitext has no control characters")
    return _TO_EMBED.sub(lambda found: f"\\x{{{ord(found[0]):02X}}}", text)


def decode_unitext(data: bytes, limit: int = CHARACTERS) -> str:
    """
    Return the text of C{utf-8-addr-xtext}, C{utf-8-addr-unitext} or C{utf-8-address}.

    @param limit: octets that C{data} may have.
    @raise ValueError: it is longer, is none of them, or stands for control characters.
    """
    _check_length(data, limit)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("UTF-8 expected") from None
    if not _UNITEXT.fullmatch(text):
        raise ValueError("unitext expected")
    text = _EMBEDDED.sub(lambda found: chr(int(found[1], 16)), text)
    if UNSAFE.search(text):
        raise ValueError("unitext stands for no control characters")
    return text


def encode_orcpt(orcpt: str) -> str:
    """
    Return an original recipient as the value of ORCPT, in ASCII.

    @param orcpt: as in L{mailframe.envelope.Recipient.orcpt}.
    @raise ValueError: it cannot be one.
    """
    kind, found, address = orcpt.partition(";")
    _check_type(kind, found and address)
    return f"{kind};{encode_unitext(address) if kind.lower() == _UTF8 else encode(address)}"


def decode_orcpt(data: bytes, limit: int = CHARACTERS) -> str:
    """
    Return the value of ORCPT as L{mailframe.envelope.Recipient.orcpt} keeps it.

    @param limit: octets that C{data} may have.
    @raise ValueError: it is longer, or is no C{original-recipient-address} (RFC 3461 4.2).
    """
    _check_length(data, limit)
    kind, found, address = data.decode("latin-1").partition(";")
    _check_type(kind, found and address)
    encoded = address.encode("latin-1")
    return f"{kind};{decode_unitext(encoded) if kind.lower() == _UTF8 else decode(encoded)}"


def _check_type(kind: str, address: str) -> None:
    if not address or not _ADDRESS_TYPE.fullmatch(kind):
        raise ValueError("an address type, a semicolon and an address expected")


def _check_length(data: bytes, limit: int) -> None:
    if len(data) > limit:
        raise ValueError(f"at most {limit} characters expected")
