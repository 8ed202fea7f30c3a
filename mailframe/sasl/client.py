"""SASL mechanisms as a client: SCRAM (RFC 5802, RFC 7677), CRAM-MD5, PLAIN, LOGIN, OAUTHBEARER, XOAUTH2, EXTERNAL.

Which of them is best for what a server offers, and whether somebody may listen, is decided by L{chosen}.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection
from typing import Protocol

from attrs import define, field, frozen

ITERATIONS = 1_000_000
"""Rounds of PBKDF2 that a server may demand of us."""
CHALLENGE_OCTETS = 12288


class ClientSaslError(Exception):
    """The server's challenge does not follow the mechanism; the text goes on "the server ..."."""


@frozen
class Credentials:
    """
    Who we are to a server: with a password, a bearer token, or by our certificate (neither).

    @ivar token: an OAuth 2.0 access token, or a function that gives one: they do not last.
    @ivar mechanisms: names of those that may be used, in capitals; empty is any that fits.
    """

    username: str
    password: str = field(default="", repr=False)
    token: str | Callable[[], str] = field(default="", repr=False)
    mechanisms: tuple[str, ...] = ()

    @property
    def bearer(self) -> str:
        """The token of now."""
        return self.token if isinstance(self.token, str) else self.token()


@frozen
class Binding:
    """
    What ties a login to the TLS connection that it is made over (RFC 5056).

    @ivar name: of the kind, such as C{tls-exporter} (RFC 9266).
    """

    name: str
    data: bytes = field(repr=False)


class ClientExchange(Protocol):
    """
    One login.

    @ivar satisfied: the server has proven what the mechanism makes it prove.
    """

    satisfied: bool

    def respond(self, challenge: bytes | None) -> bytes:
        """
        Answer a challenge; C{None} asks for the initial response.

        @raise ClientSaslError: it makes no sense.
        """


@frozen
class ClientMechanism:
    """
    @ivar name: as registered, in capitals.
    @ivar start: begins a login; it is given the connection's binding where there is one and the server is not known to
        do without it.
    @ivar fits: says whether the credentials are of its kind.
    @ivar initial: the client speaks first.
    @ivar bound: it needs a binding.
    @ivar open: whoever listens learns no more than that somebody logs in.
    """

    name: str
    start: Callable[[Credentials, Binding | None], ClientExchange]
    fits: Callable[[Credentials], bool]
    initial: bool = True
    bound: bool = False
    open: bool = False


@define
class _Said:
    """Answers with prepared responses, one after the other."""

    left: list[bytes]
    satisfied: bool = True

    def respond(self, challenge: bytes | None) -> bytes:
        if not self.left:
            raise ClientSaslError("asks for more than the mechanism knows")
        return self.left.pop(0)


@define
class _CramMD5:
    credentials: Credentials
    satisfied: bool = True

    def respond(self, challenge: bytes | None) -> bytes:
        digest = hmac.new(self.credentials.password.encode(), _bounded(challenge), "md5").hexdigest()
        return f"{self.credentials.username} {digest}".encode()


@define
class _Scram:
    credentials: Credentials
    hash: str
    nonce: str = field(factory=lambda: secrets.token_urlsafe(18))
    binding: Binding | None = None
    bound: bool = False
    satisfied: bool = False
    _first: str = field(default="", init=False)
    _signature: bytes = field(default=b"", init=False)

    def respond(self, challenge: bytes | None) -> bytes:
        if challenge is None:
            name = self.credentials.username.replace("=", "=3D").replace(",", "=2C")
            self._first = f"n={name},r={self.nonce}"
            return f"{self._header}{self._first}".encode()
        if not self._signature:
            return self._proof(_bounded(challenge))
        given = _attributes(_bounded(challenge)).get("v", "")
        if not hmac.compare_digest(given.encode(), binascii.b2a_base64(self._signature, newline=False)):
            raise ClientSaslError("does not know the password itself: it is not who it says it is")
        self.satisfied = True
        return b""

    @property
    def _header(self) -> str:
        """What is bound, or that we would and the server seems not to: if it does, somebody has lied to us (5802 6)."""
        if self.binding is None:
            return "n,,"
        return f"p={self.binding.name},," if self.bound else "y,,"

    @property
    def _binding(self) -> str:
        data = self.binding.data if self.binding is not None and self.bound else b""
        return binascii.b2a_base64(self._header.encode() + data, newline=False).decode()

    def _proof(self, challenge: bytes) -> bytes:
        said = _attributes(challenge)
        nonce, rounds = said.get("r", ""), said.get("i", "")
        if not nonce.startswith(self.nonce) or len(nonce) <= len(self.nonce) or "m" in said:
            raise ClientSaslError("sent a challenge that is no SCRAM")
        if not (rounds.isascii() and rounds.isdigit() and 0 < int(rounds[:9]) <= ITERATIONS and len(rounds) < 9):
            raise ClientSaslError("demands too many rounds of hashing, or none")
        try:
            salt = binascii.a2b_base64(said.get("s", ""), strict_mode=True)
        except ValueError:
            raise ClientSaslError("sent a salt that is no base64") from None
        salted = hashlib.pbkdf2_hmac(self.hash, self.credentials.password.encode(), salt, int(rounds))
        final = f"c={self._binding},r={nonce}"
        signed = b",".join([self._first.encode(), challenge, final.encode()])
        key = self._mac(salted, b"Client Key")
        signature = self._mac(hashlib.new(self.hash, key).digest(), signed)
        self._signature = self._mac(self._mac(salted, b"Server Key"), signed)
        proof = bytes(one ^ other for one, other in zip(key, signature, strict=True))
        return f"{final},p=".encode() + binascii.b2a_base64(proof, newline=False)

    def _mac(self, key: bytes, data: bytes) -> bytes:
        return hmac.new(key, data, self.hash).digest()


def _bounded(challenge: bytes | None) -> bytes:
    if challenge is None or len(challenge) > CHALLENGE_OCTETS:
        raise ClientSaslError("sent a challenge that is too long")
    return challenge


def _attributes(challenge: bytes) -> dict[str, str]:
    pairs = (each.partition("=") for each in challenge.decode("utf-8", "replace").split(","))
    return {name: value for name, equals, value in pairs if equals}


def _plain(credentials: Credentials, _binding: Binding | None) -> ClientExchange:
    return _Said([f"\0{credentials.username}\0{credentials.password}".encode()])


def _login(credentials: Credentials, _binding: Binding | None) -> ClientExchange:
    return _Said([credentials.username.encode(), credentials.password.encode()])


def _external(credentials: Credentials, _binding: Binding | None) -> ClientExchange:
    return _Said([credentials.username.encode()])


def _oauthbearer(credentials: Credentials, _binding: Binding | None) -> ClientExchange:
    # After an error the server waits for a response of one octet before it says no (RFC 7628 3.2.3).
    name = credentials.username.replace("=", "=3D").replace(",", "=2C")
    return _Said([f"n,a={name},\1auth=Bearer {credentials.bearer}\1\1".encode(), b"\1"])


def _xoauth2(credentials: Credentials, _binding: Binding | None) -> ClientExchange:
    return _Said([f"user={credentials.username}\1auth=Bearer {credentials.bearer}\1\1".encode(), b""])


def _password(credentials: Credentials) -> bool:
    return bool(credentials.password)


def _token(credentials: Credentials) -> bool:
    return bool(credentials.token)


def _neither(credentials: Credentials) -> bool:
    return not (credentials.password or credentials.token)


def _cram_md5(credentials: Credentials, _binding: Binding | None) -> ClientExchange:
    return _CramMD5(credentials)


def _scram(name: str, hash: str, bound: bool = False) -> ClientMechanism:
    def start(credentials: Credentials, binding: Binding | None) -> ClientExchange:
        return _Scram(credentials, hash, binding=binding, bound=bound)

    return ClientMechanism(name, start, _password, bound=bound, open=True)


MECHANISMS = (
    ClientMechanism("OAUTHBEARER", _oauthbearer, _token),
    ClientMechanism("XOAUTH2", _xoauth2, _token),
    _scram("SCRAM-SHA-256-PLUS", "sha256", bound=True),
    _scram("SCRAM-SHA-1-PLUS", "sha1", bound=True),
    _scram("SCRAM-SHA-256", "sha256"),
    _scram("SCRAM-SHA-1", "sha1"),
    ClientMechanism("CRAM-MD5", _cram_md5, _password, initial=False),  # from what is said the password can be guessed
    ClientMechanism("PLAIN", _plain, _password),
    ClientMechanism("LOGIN", _login, _password, initial=False),
    ClientMechanism("EXTERNAL", _external, _neither, open=True),
)
"""Those we know, best first."""


def chosen(
    offered: Collection[str], credentials: Credentials, binding: Binding | None, private: bool
) -> tuple[ClientMechanism, ClientExchange] | None:
    """
    Begin a login by the best mechanism that both sides know.

    @param offered: names, in capitals.
    @param binding: what the connection can be bound by.
    @param private: nobody can listen.
    @return: C{None} when there is none that may be used.
    """
    for each in MECHANISMS:
        wanted = each.name in offered and each.name in (credentials.mechanisms or offered)
        if wanted and each.fits(credentials) and (private or each.open) and (binding is not None or not each.bound):
            # A server that offers to bind and is not taken at its word must not hear that it did not (RFC 5802 6).
            declined = not each.bound and any(name.endswith("-PLUS") for name in offered)
            return each, each.start(credentials, None if declined else binding)
    return None
