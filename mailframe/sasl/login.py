"""SASL LOGIN (draft-murchison-sasl-login): the older way of some clients, user name and password in turn."""

from __future__ import annotations

from attrs import define

from mailframe.interfaces import Password
from mailframe.sasl.exchange import Challenge, Mechanism, credentials


@define
class _Login:
    username: bytes | None = None

    def respond(self, data: bytes | None) -> Challenge | Password:
        if data is None:
            return Challenge(b"Username:")
        if self.username is None:
            self.username = data
            return Challenge(b"Password:")
        return credentials(self.username, data)


LOGIN = Mechanism(b"LOGIN", _Login)
