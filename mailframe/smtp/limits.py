"""Every bound on what an SMTP client may do, with its name and its default."""

from __future__ import annotations

import enum
from typing import Any

from attrs import field, frozen


class BareNewlines(enum.Enum):
    """What happens to a message with a CR or LF that is no part of a CRLF (RFC 5321 2.3.8 forbids it)."""

    REJECT = "reject"
    NORMALIZE = "normalize"
    """Each becomes a CRLF, in the message only: where the message ends is never decided by them."""


def _positive(_instance: object, attribute: Any, value: object) -> None:
    if not isinstance(value, int | float) or value <= 0:
        raise ValueError(f"the limit {attribute.name} must be a number above 0, and {value!r} is none")


@frozen
class Limits:
    """
    Sizes are octets, times are seconds.

    @ivar line: a command line with its CRLF (RFC 5321 4.5.3.1.4 says 512, extensions add to it).
    @ivar text_line: a line of a message with its CRLF. RFC 5321 4.5.3.1.6 says 1,000; a lot of HTML mail has longer
        ones, which harm nobody here, so this only keeps out what is no text at all.
    @ivar message: a message; it is what SIZE announces (RFC 1870).
    @ivar overshoot: what is still read of a message that is too long, to answer properly at its end. A chunk (RFC 3030)
        that would exceed both is not read at all: see L{chunk}.
    @ivar recipients: of one message (RFC 5321 4.5.3.1.8 demands 100).
    @ivar transactions: messages in one connection.
    @ivar errors: wrong commands, since the last message that was taken, before the connection ends.
    @ivar commands: commands of any kind, since the last message that was taken, before the connection ends; chunks of
        C{small_chunk} octets and more are not counted.
    @ivar small_chunk: octets of a chunk that is worth its command.
    @ivar unknown_recipients: unknown recipients in one connection: beyond, somebody is guessing addresses.
    @ivar hops: Received fields of a message that goes in circles (RFC 5321 6.3).
    @ivar etrn_seconds: between two times that mail for one domain is sent at the wish of a client (RFC 1985).
    @ivar command_seconds: of silence between commands (RFC 5321 4.5.3.2.7).
    @ivar data_seconds: of silence within a message.
    """

    line: int = field(default=2048, validator=_positive)
    text_line: int = field(default=1024 * 1024, validator=_positive)
    message: int = field(default=50 * 1024 * 1024, validator=_positive)
    overshoot: int = field(default=100 * 1024 * 1024, validator=_positive)
    recipients: int = field(default=1000, validator=_positive)
    transactions: int = field(default=100_000, validator=_positive)
    errors: int = field(default=20, validator=_positive)
    commands: int = field(default=10_000, validator=_positive)
    small_chunk: int = field(default=1024, validator=_positive)
    unknown_recipients: int = field(default=50, validator=_positive)
    hops: int = field(default=100, validator=_positive)
    etrn_seconds: float = field(default=60.0, validator=_positive)
    command_seconds: float = field(default=300.0, validator=_positive)
    data_seconds: float = field(default=600.0, validator=_positive)

    @property
    def chunk(self) -> int:
        """Octets of all chunks of a message: beyond, the client is not heard to the end, and the connection ends."""
        return self.message + self.overshoot


DEFAULT = Limits()
