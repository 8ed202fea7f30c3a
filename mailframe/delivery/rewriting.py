"""Senders of forwarded mail rewritten with secrets that the server makes, keeps beside its data, and changes."""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from attrs import define, field, frozen
from attrs.validators import ge

from mailframe.address import Address, parse_domain
from mailframe.errors import Temporary
from mailframe.files import make_directory, write_durably
from mailframe.interfaces import IKeepsFiles
from mailframe.srs import DAYS_VALID, SRS

FILE = "srs-secrets"
"""Name of the file in the directory of the data."""
SECRET_OCTETS = 32
CHANGE_DAYS = 30
"""Days after which a new secret takes over; the old one is good for what it has signed."""

_DAY = 24 * 60 * 60


@frozen
class Secret:
    """
    @ivar made: seconds since the epoch.
    """

    made: float
    octets: bytes = field(repr=False)


def current(known: Sequence[Secret], now: float, days: int, random: bytes) -> Sequence[Secret]:
    """
    Return the secrets to be used now, the newest first: a new one when it is time, and those whose addresses are good.

    @param known: the newest first.
    @param days: how long an address is good for.
    @param random: the new one, if it comes to that.
    """
    fresh = bool(known) and known[0].made > now - CHANGE_DAYS * _DAY
    found = list(known) if fresh else [Secret(now, random), *known]
    # A secret has signed until the next one was made; a day more is for clocks that differ.
    used = [later.made for later in found[:-1]]
    return found[:1] + [each for each, end in zip(found[1:], used, strict=True) if end > now - (days + 1) * _DAY]


def _place(data: Any) -> Any:
    return data if IKeepsFiles.providedBy(data) else os.path.abspath(data)


@define(eq=False)
class SenderRewriting:
    """
    SRS (L{mailframe.srs}) for one domain, with secrets in a file that is made when it is first needed.

    @ivar domain: ours, which receives what bounces: by the route that comes with L{mailframe.delivery.forward}.
    @ivar data: where the file is kept: a directory, or whatever keeps its files in one, such as C{SQLite(...)}.
    @ivar days: how long an address is good for.
    """

    domain: str = field(converter=parse_domain)
    data: Any = field(converter=_place)
    days: int = field(default=DAYS_VALID, kw_only=True, validator=ge(1))
    _secrets: Sequence[Secret] | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        SRS([b"?"], self.domain, self.days)  # refuses what it would refuse later

    def forward(self, sender: Address, now: float) -> Address:
        """
        Return the address that a forwarded message has for its sender.

        @raise Temporary: there is no secret, and none can be made.
        """
        return self._srs(now).forward(sender, now)

    def reverse(self, address: Address, now: float) -> Address:
        """
        Return the sender that was rewritten to an address.

        @raise mailframe.srs.NotReversible: it was not made here, or is too old.
        @raise Temporary: the secrets cannot be read.
        """
        return self._srs(now).reverse(address, now)

    def _srs(self, now: float) -> SRS:
        if self._secrets is None or self._secrets[0].made <= now - CHANGE_DAYS * _DAY:
            try:
                self._secrets = self._renewed(now)
            except (OSError, ValueError) as error:
                raise Temporary(f"The secrets in {self._file} cannot be used: {error}") from error
        return SRS([each.octets for each in self._secrets], self.domain, self.days)

    @property
    def _directory(self) -> str:
        return self.data if isinstance(self.data, str) else str(self.data.directory)

    @property
    def _file(self) -> str:
        return os.path.join(self._directory, FILE)

    def _renewed(self, now: float) -> Sequence[Secret]:
        make_directory(self._directory)
        with _locked(self._directory):  # another process of this server may want a new one at the same time
            known = _read(self._file)
            found = current(known, now, self.days, secrets.token_bytes(SECRET_OCTETS))
            if found != known:
                write_durably(self._file, b"".join(map(_line, found)))
        return found


@contextmanager
def _locked(directory: str) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _line(secret: Secret) -> bytes:
    return b"%d %b\n" % (secret.made, base64.b64encode(secret.octets))


def _read(file: str) -> Sequence[Secret]:
    try:
        with open(file, "rb") as lines:
            return [
                Secret(float(made), base64.b64decode(octets, validate=True)) for made, octets in map(bytes.split, lines)
            ]
    except FileNotFoundError:
        return []
