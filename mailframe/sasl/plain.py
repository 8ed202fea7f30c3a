"""SASL PLAIN (RFC 4616): authorization identity, user name and password in one response."""

from __future__ import annotations

from attrs import frozen

from mailframe.interfaces import Password
from mailframe.sasl.exchange import Challenge, Mechanism, SaslError, credentials


@frozen
class _Plain:
    def respond(self, data: bytes | None) -> Challenge | Password:
        if data is None:
            return Challenge(b"")
        fields = data.split(b"\0")
        if len(fields) != 3:
            raise SaslError("PLAIN needs authorization identity, user name and password, separated by NUL")
        authzid, username, password = fields
        # Acting for somebody else is not offered, so an authorization identity can only name the user itself.
        if authzid not in (b"", username):
            raise SaslError("Acting for another user is not supported")
        return credentials(username, password)


PLAIN = Mechanism(b"PLAIN", _Plain)
