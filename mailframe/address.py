"""Mail addresses as envelopes carry them: RFC 5321 section 4.1.2, with UTF-8 as RFC 6531 adds it."""

from __future__ import annotations

import ipaddress
import re

import idna
from attrs import field, frozen

LOCAL_PART_OCTETS = 64
"""RFC 5321 4.5.3.1.1."""
DOMAIN_OCTETS = 255
"""RFC 5321 4.5.3.1.2."""

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]"
_DOT_STRING = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
# quoted-string of RFC 5321 4.1.2: printable ASCII, no control characters, so nothing in it can break a line.
_QUOTED_STRING = re.compile(r'"(?:[ !#-\[\]-~\u0080-\U0010ffff]|\\[ -~])*"')
# No host name has an underscore (RFC 1123 2.1), and hosts that send mail have them all the same.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_\-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# C1 controls, the Unicode line separators and the marks that turn the direction of text around are no part of any
# sensible address; they would break log lines, or show them as something else.
UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


@frozen(cache_hash=True)
class Address:
    """
    A mailbox's address; build it with L{Address.parse}, which checks it.

    @ivar local: the local part, unquoted: C{john smith}, not C{"john smith"}; case is kept.
    @ivar domain: the domain in lower case and in A-labels (RFC 5890: C{xn--...}), so that each has one spelling and
        can be looked up; or an address literal such as C{[192.0.2.1]}.
    """

    local: str
    domain: str
    _text: str = field(init=False, repr=False, eq=False)

    @_text.default
    def _written(self) -> str:
        return f"{quote_local(self.local)}@{self.domain}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """
        @param text: C{local@domain} without angle brackets.
        @raise ValueError: it is no address (RFC 5321 4.1.2); the message says what is wrong.
        """
        local, at, domain = text.rpartition("@")
        if not at or not local or not domain:
            raise ValueError("an address has the form local-part@domain")
        if UNSAFE.search(text):
            raise ValueError("an address has no control characters")
        return cls(_local_part(local), parse_domain(domain))

    def __str__(self) -> str:
        return self._text

    def __bytes__(self) -> bytes:
        return self._text.encode("utf-8")

    @property
    def is_ascii(self) -> bool:
        """Whether it can be sent to a server without SMTPUTF8."""
        return self.local.isascii() and self.domain.isascii()


def _local_part(text: str) -> str:
    if len(text.encode("utf-8")) > LOCAL_PART_OCTETS:
        raise ValueError(f"the local part is longer than {LOCAL_PART_OCTETS} octets")
    if _DOT_STRING.fullmatch(text):
        return text
    if text == '""':
        raise ValueError("the local part is empty")
    if _QUOTED_STRING.fullmatch(text):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    raise ValueError("the local part is neither a dot-string nor a quoted string")


def quote_local(local: str) -> str:
    """Return the local part as it is written in an address: quoted only where it must be."""
    if _DOT_STRING.fullmatch(local):
        return local
    return '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse_domain(text: str) -> str:
    """
    Return a domain or address literal in its one spelling: lower case, A-labels for U-labels (RFC 6531 3.2).

    @raise ValueError: it is neither a domain nor an address literal.
    """
    if text.startswith("[") and text.endswith("]"):
        return f"[{_literal(text[1:-1])}]"
    domain = text.lower() if text.isascii() else _a_labels(text)
    if len(domain) > DOMAIN_OCTETS or not _DOMAIN.fullmatch(domain):
        raise ValueError("the domain is not a host name")
    return domain


def _a_labels(text: str) -> str:
    if len(text) > DOMAIN_OCTETS:
        raise ValueError("the domain is not a host name")
    try:
        return idna.encode(text, uts46=True).decode("ascii")
    except UnicodeError:
        raise ValueError("the domain is not an internationalized host name (RFC 5891)") from None


def _literal(text: str) -> str:
    if "%" in text:  # Python takes anything behind it for the name of an interface
        raise ValueError("the address literal is not an IP address")
    try:
        if text[:5].lower() == "ipv6:":
            return f"IPv6:{ipaddress.IPv6Address(text[5:])}"
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise ValueError("the address literal is not an IP address") from None
