"""The Sender Rewriting Scheme: senders of forwarded mail in our own domain, and the way back for what bounces.

A server that forwards is not among those that SPF (RFC 7208) names for the sender's domain, so the sender gets an
address here that holds the original one. A hash keeps others from making such addresses, and a date lets them expire:
else this server would send anybody's mail to anybody. The forms are those of all programs that do this:

  - C{ann@a.test} becomes C{SRS0=hash=date=a.test=ann@us.test};
  - what another forwarder rewrote already becomes C{SRS1=hash=its.test==its-hash=date=a.test=ann@us.test}, which
    returns to that forwarder: it does not grow further with each one.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Sequence
from typing import Protocol

from attrs import field, frozen, validators

from mailframe.address import LOCAL_PART_OCTETS, Address, parse_domain, quote_local
from mailframe.errors import Permanent

DAYS_VALID = 21
"""Days after which what we rewrote is of no use: no server tries for longer."""
HASH_LENGTH = 6
"""Characters of a hash: about five bits each, since they are compared whatever their case."""

_SLOTS = 1024
"""Days that a date of two characters tells apart."""
_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_SECONDS = 24 * 60 * 60
_FLAGS = re.IGNORECASE | re.DOTALL | re.ASCII
_SRS0 = re.compile(r"SRS0[=+-]([A-Z0-9+/]{1,27})=([A-Z2-7]{2})=([^=]+)=(.+)", _FLAGS)
# What another forwarder made is not looked into, beyond its form.
_OF_ANOTHER = r"([=+-][^=]+=[^=]+=[^=]+=.+)"
_SRS0_OF_ANOTHER = re.compile(rf"SRS0{_OF_ANOTHER}", _FLAGS)
_FORM = re.compile(r"SRS[01][=+-]", _FLAGS)
_SRS1 = re.compile(rf"SRS1[=+-]([^=]+)=([^=]+)={_OF_ANOTHER}", _FLAGS)


class NotReversible(Permanent):
    """An address does not lead back to a sender."""


class ForeignAddress(NotReversible):
    """It is in another domain, or in none of the forms of SRS."""


class WrongHash(NotReversible):
    """It was not made here, or was changed since."""


class Expired(NotReversible):
    """It was made too long ago."""


def _some(_instance: object, _attribute: object, value: Sequence[bytes]) -> None:
    if not value or not all(value):
        raise ValueError("SRS needs a secret, and none that is empty")


class Rewrites(Protocol):
    """What rewrites senders: an L{SRS}, or one whose secrets are kept (L{mailframe.delivery.rewriting})."""

    @property
    def domain(self) -> str:
        """Ours, in which new senders are."""

    def forward(self, sender: Address, now: float) -> Address:
        """Return the address that a forwarded message has for its sender."""

    def reverse(self, address: Address, now: float) -> Address:
        """Return the sender that was rewritten to an address, or raise L{NotReversible}."""


@frozen
class IsRewritten:
    """
    Tells the addresses that look as if they were rewritten, without looking whether they were: a pattern for a route.

    @ivar domain: ours.
    """

    domain: str

    def __call__(self, address: Address) -> bool:
        """Look at one."""
        return address.domain == self.domain and _FORM.match(address.local) is not None


@frozen
class SRS:
    """
    Rewrites senders, and finds them again.

    @ivar secrets: the first one signs, and all are accepted: put a new one in front, and drop the old one after
        C{days} days. Random, 16 octets or more.
    @ivar domain: ours, which receives what bounces.
    @ivar days: how long an address is good for.
    @ivar hash_length: characters of a hash, 4 to 27.
    """

    secrets: Sequence[bytes] = field(converter=tuple[bytes, ...], validator=_some, repr=False)
    domain: str = field(converter=parse_domain)
    days: int = field(default=DAYS_VALID, validator=[validators.ge(1), validators.lt(_SLOTS // 2)])
    hash_length: int = field(default=HASH_LENGTH, validator=[validators.ge(4), validators.le(27)])

    def forward(self, sender: Address, now: float) -> Address:
        """
        Return the address that a forwarded message has for its sender.

        It is the sender itself when that is in our domain already, or when the new local part would exceed 64 octets
        (RFC 5321 4.5.3.1.1). Then what bounces goes straight to the sender, and what DKIM says of the message still
        holds, while an address that is too long would be refused by whoever counts.

        @param now: seconds since the epoch.
        """
        if sender.domain == self.domain:
            return sender
        local = self._again(sender) or self._first(sender, now)
        return Address(local, self.domain) if _octets(local) <= LOCAL_PART_OCTETS else sender

    def _first(self, sender: Address, now: float) -> str:
        date = _date(now)
        signed = self._hash(self.secrets[0], "SRS0", date, sender.domain, sender.local)
        return f"SRS0={signed}={date}={sender.domain}={sender.local}"

    def _again(self, sender: Address) -> str | None:
        """Return the local part for a sender that another forwarder rewrote, else C{None}."""
        if opaque := _SRS0_OF_ANOTHER.fullmatch(sender.local):
            host, rest = sender.domain, opaque[1]
        elif match := _SRS1.fullmatch(sender.local):
            host, rest = match[2], match[3]
        else:
            return None
        return f"SRS1={self._hash(self.secrets[0], 'SRS1', host, rest)}={host}={rest}"

    def reverse(self, address: Address, now: float) -> Address:
        """
        Return the sender that was rewritten to an address.

        @param now: seconds since the epoch.
        @raise ForeignAddress: it is none of ours.
        @raise WrongHash: it was not made with any of the secrets.
        @raise Expired: it is older than C{days} days.
        """
        if address.domain == self.domain:
            if match := _SRS0.fullmatch(address.local):
                self._verify(match[1], "SRS0", match[2], match[3], match[4])
                self._check_date(match[2], now)
                return _address(match[4], match[3])
            if match := _SRS1.fullmatch(address.local):
                self._verify(match[1], "SRS1", match[2], match[3])
                return _address(f"SRS0{match[3]}", match[2])
        raise ForeignAddress("the address does not lead back to a sender")

    def _hash(self, secret: bytes, *data: str, length: int | None = None) -> str:
        """Return the beginning of the base64 of a HMAC; the case of the data does not matter."""
        # Other programs put nothing between the fields: there, who owns a.co gets hashes that are good for a.com.
        digest = hmac.digest(secret, "\0".join(data).lower().encode("utf-8"), "sha256")
        return base64.b64encode(digest).decode("ascii")[: length or self.hash_length]

    def _verify(self, given: str, *data: str) -> None:
        """
        Compare the hash with that of each secret, in the same time whatever it is.

        The case of letters is not compared, as there are servers that write all local parts in lower case.
        """
        length = max(len(given), self.hash_length)
        hashes = [self._hash(secret, *data, length=length) for secret in self.secrets]
        equal = [hmac.compare_digest(given.lower().encode(), each.lower().encode()) for each in hashes]
        if not any(equal):
            raise WrongHash("the address was not made here")

    def _check_date(self, date: str, now: float) -> None:
        high, low = map(_DIGITS.index, date.upper())
        age = (_day(now) - (high * len(_DIGITS) + low)) % _SLOTS
        if age > self.days and age != _SLOTS - 1:  # another node's clock may have passed midnight
            raise Expired("the address has expired")


def _day(now: float) -> int:
    return int(now // _SECONDS)


def _date(now: float) -> str:
    day = _day(now) % _SLOTS
    return _DIGITS[day >> 5] + _DIGITS[day & 31]


def _octets(local: str) -> int:
    return len(quote_local(local).encode("utf-8"))


def _address(local: str, domain: str) -> Address:
    try:
        return Address.parse(f"{quote_local(local)}@{domain}")
    except ValueError as error:
        raise ForeignAddress("the address does not lead back to a sender") from error
