"""MTA-STS: a domain says over HTTPS which hosts take its mail, and that they have good certificates (RFC 8461)."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence

from attrs import frozen

from mailframe.address import parse_domain
from mailframe.errors import Temporary
from mailframe.mailauth.chains import name_matches
from mailframe.mailauth.tls_results import ResultType

POLICY_OCTETS = 64 * 1024
"""Octets of a policy file (RFC 8461 3.3)."""
MX_PATTERNS = 200
"""Servers that a policy may name."""
MAX_AGE = 31_557_600
"""Seconds that a policy holds at most: a year (RFC 8461 3.2); what says more is held to this."""

# Of RFC 8461 3.1; no octet can belong to two parts of one, so no record takes long.
_VERSION = re.compile(rb"v=STSv1[ \t]*;[ \t]*")
_ID = re.compile(rb"id=([A-Za-z0-9]{1,32})")
_EXTENSION = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[!-:<>-~]+")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_SECONDS = re.compile(r"[0-9]{1,10}")


class BadPolicy(Exception):
    """A policy file is no policy; the message says why."""


class FetchFailed(Temporary):
    """
    A policy could not be fetched, or is none.

    @ivar result: the same in the words of TLS reports.
    """

    def __init__(self, text: str, result: ResultType = ResultType.STS_POLICY_FETCH_ERROR) -> None:
        super().__init__(text)
        self.result = result


class Mode(enum.Enum):
    """What to do with a host that does not keep to the policy (RFC 8461 5)."""

    ENFORCE = "enforce"
    """Do not deliver to it."""
    TESTING = "testing"
    """Report it, and deliver."""
    NONE = "none"
    """There is no policy any more."""


@frozen
class Policy:
    """
    A policy (RFC 8461 3.2).

    @ivar max_age: seconds for which it holds, from when it was fetched.
    @ivar mx: host names in lower case, C{*.} in front for any one label.
    """

    mode: Mode
    max_age: int
    mx: tuple[str, ...] = ()

    @classmethod
    def parse(cls, octets: bytes) -> Policy:
        """
        @raise BadPolicy: it is none.
        """
        fields, mx = _fields(octets)
        if fields.get("version") != "STSv1":
            raise BadPolicy("the version is not STSv1")
        try:
            mode = Mode(fields.get("mode"))
        except ValueError:
            raise BadPolicy("the mode is none of enforce, testing and none") from None
        if not _SECONDS.fullmatch(fields.get("max_age", "")):
            raise BadPolicy("max_age is not a number of seconds")
        if len(mx) > MX_PATTERNS:
            raise BadPolicy("there are too many mx")
        if not mx and mode is not Mode.NONE:
            raise BadPolicy("there is no mx")
        return cls(mode, min(int(fields["max_age"]), MAX_AGE), tuple(map(_pattern, mx)))

    def permits(self, host: str) -> bool:
        """Say whether a host name is that of one of the servers that the policy names (RFC 8461 4.1)."""
        return any(name_matches(pattern, host) for pattern in self.mx)

    @property
    def lines(self) -> tuple[str, ...]:
        """The policy as its file would say it, a line each."""
        mx = (f"mx: {pattern}" for pattern in self.mx)
        return ("version: STSv1", f"mode: {self.mode.value}", *mx, f"max_age: {self.max_age}")


def _fields(octets: bytes) -> tuple[dict[str, str], list[str]]:
    """Return what stands in a file: the first of each field, and all of C{mx}."""
    if len(octets) > POLICY_OCTETS:
        raise BadPolicy(f"it is longer than {POLICY_OCTETS} octets")
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise BadPolicy("it is not UTF-8") from None
    fields: dict[str, str] = {}
    mx = []
    for number, line in enumerate(text.split("\n"), 1):
        key, colon, value = line.removesuffix("\r").partition(":")
        if not key.strip() and not colon:
            continue  # liberal: an empty line is often the last one, and no grammar allows it
        if not colon or not _KEY.fullmatch(key):
            raise BadPolicy(f"line {number} is no field")
        if key == "mx":
            mx.append(value.strip(" \t"))
        fields.setdefault(key, value.strip(" \t"))
    return fields, mx


def _pattern(value: str) -> str:
    wildcard = "*." if value.startswith("*.") else ""
    host = value.removeprefix(wildcard).removesuffix(".")
    if not is_host_name(host):
        raise BadPolicy("an mx is no host name")
    return wildcard + host.lower()


def is_host_name(text: str) -> bool:
    """Say whether a text is a domain in A-labels, and no address literal."""
    try:
        return text.isascii() and not parse_domain(text).startswith("[")
    except ValueError:
        return False


def policy_id(records: Sequence[bytes]) -> str | None:
    """
    Return the id in the TXT records of C{_mta-sts.DOMAIN}, or C{None} when they announce no policy (RFC 8461 3.1).

    @param records: the strings of each joined.
    """
    ours = [record for record in records if _VERSION.match(record)]
    return _id(ours[0]) if len(ours) == 1 else None


def _id(record: bytes) -> str | None:
    found = None
    fields = [field.strip(b" \t") for field in record[record.index(b";") + 1 :].split(b";")]
    if not fields[-1]:  # what may follow the last field is a semicolon
        fields.pop()
    for field in fields:
        match = _ID.fullmatch(field)
        if match is None and (field.startswith(b"id=") or not _EXTENSION.fullmatch(field)):
            return None
        if match is not None and found is None:
            found = match[1].decode("ascii")
    return found
