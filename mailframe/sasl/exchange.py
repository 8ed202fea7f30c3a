"""What every mechanism shares: the shape of an exchange, and base64 as the protocols carry it."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Protocol

from attrs import frozen

from mailframe.interfaces import Password

RESPONSE_OCTETS = 12288
"""The longest base64 line of a client (RFC 4954 section 4 demands at least this)."""


class SaslError(Exception):
    """The client's response does not follow the mechanism; the text may be told to it."""


class Cancelled(SaslError):
    """The client sent C{*} instead of a response (RFC 4954 section 4, RFC 3501 6.2.2)."""


@frozen
class Challenge:
    """
    The server's next line.

    @ivar data: before base64; may be empty.
    """

    data: bytes


class Exchange(Protocol):
    """One attempt of one client."""

    def respond(self, data: bytes | None) -> Challenge | Password:
        """
        Take the client's response; C{None} at the start when it came without an initial one.

        @return: what to say next, or the credentials to check: then the exchange is over.
        @raise SaslError: the response is malformed.
        """


@frozen
class Mechanism:
    """
    A SASL mechanism.

    @ivar name: as registered, in capitals.
    @ivar start: begins an exchange.
    @ivar plaintext: whether it shows the password to whoever listens.
    """

    name: bytes
    start: Callable[[], Exchange]
    plaintext: bool = True


def decode(line: bytes) -> bytes:
    """
    Decode a response line; C{=} is an empty initial response (RFC 4954 section 4).

    @raise Cancelled: the client gave up.
    @raise SaslError: it is too long or no base64.
    """
    if line == b"*":
        raise Cancelled("Authentication cancelled")
    if line == b"=":
        return b""
    if len(line) > RESPONSE_OCTETS:
        raise SaslError("The response is too long")
    try:
        return binascii.a2b_base64(line, strict_mode=True)
    except binascii.Error:
        raise SaslError("The response is not base64") from None


def encode(data: bytes) -> bytes:
    """Encode a challenge for its line, without the line end."""
    return binascii.b2a_base64(data, newline=False)


def text(data: bytes) -> str:
    """
    Return a user name or password of a response.

    @raise SaslError: it is not UTF-8, or has control characters.
    """
    try:
        value = data.decode("utf-8")
    except UnicodeDecodeError:
        raise SaslError("User name and password must be UTF-8") from None
    if any(character < " " or character == "\x7f" for character in value):
        raise SaslError("User name and password must not hold control characters")
    return value


def credentials(username: bytes, password: bytes) -> Password:
    """
    Make credentials of what a client sent.

    @raise SaslError: one of them is empty or no text.
    """
    if not username or not password:
        raise SaslError("User name and password must not be empty")
    return Password(text(username), text(password))
