"""Limits of the client: what a server may say, and how long it may take (RFC 5321 4.5.3.2)."""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import gt


def _seconds(default: float) -> float:
    seconds: float = field(default=default, validator=gt(0))
    return seconds


@frozen(kw_only=True)
class ClientLimits:
    """
    @ivar greeting: seconds for the greeting, and for the reply to EHLO or LHLO.
    @ivar mail: seconds for the reply to MAIL.
    @ivar rcpt: seconds for the reply to each RCPT.
    @ivar data: seconds for the reply to DATA.
    @ivar block: seconds in which the server must take a piece of the message.
    @ivar end: seconds for the reply to the end of the message: nothing is worse than giving up early here, since the
        server may have taken the message, and would get it twice.
    @ivar small: seconds for the replies to STARTTLS, AUTH, RSET and NOOP.
    @ivar handshake: seconds for TLS to begin.
    @ivar quit: seconds for the reply to QUIT.
    @ivar reply_line: octets of a line of a reply; RFC 5321 4.5.3.1.5 knows 512, and servers exceed it.
    @ivar reply_lines: lines of one reply.
    """

    greeting: float = _seconds(300.0)
    mail: float = _seconds(300.0)
    rcpt: float = _seconds(300.0)
    data: float = _seconds(120.0)
    block: float = _seconds(180.0)
    end: float = _seconds(600.0)
    small: float = _seconds(60.0)
    handshake: float = _seconds(60.0)
    quit: float = _seconds(5.0)
    reply_line: int = field(default=2048, validator=gt(3))
    reply_lines: int = field(default=128, validator=gt(0))


DEFAULT = ClientLimits()
