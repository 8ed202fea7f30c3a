"""Every bound on what an SMTP client may do, with its name and its default."""

from __future__ import annotations

import enum

from attrs import frozen


class BareNewlines(enum.Enum):
    """What happens to a message with a CR or LF that is no part of a CRLF (RFC 5321 2.3.8 forbids it)."""

    REJECT = "reject"
    NORMALIZE = "normalize"
    """Each becomes a CRLF, in the message only: where the message ends is never decided by them."""


@frozen
class Limits:
    """
    Sizes are octets, times are seconds.

    @ivar line: a command line with its CRLF (RFC 5321 4.5.3.1.4 says 512, extensions add to it).
    @ivar message: a message; it is what SIZE announces (RFC 1870).
    @ivar overshoot: what is still read of a message that is too long, to answer properly at its end.
    @ivar recipients: of one message (RFC 5321 4.5.3.1.8 demands 100).
    @ivar transactions: messages in one connection.
    @ivar errors: commands answered with an error before the connection ends.
    @ivar unknown_recipients: the same for unknown recipients: beyond, somebody is guessing addresses.
    @ivar hops: Received fields of a message that goes in circles (RFC 5321 6.3).
    @ivar command_seconds: of silence between commands (RFC 5321 4.5.3.2.7).
    @ivar data_seconds: of silence within a message.
    """

    line: int = 2048
    message: int = 50 * 1024 * 1024
    overshoot: int = 100 * 1024 * 1024
    recipients: int = 1000
    transactions: int = 100_000
    errors: int = 20
    unknown_recipients: int = 50
    hops: int = 100
    command_seconds: float = 300.0
    data_seconds: float = 600.0


DEFAULT = Limits()
