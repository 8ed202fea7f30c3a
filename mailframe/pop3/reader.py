"""From octets to POP3 command lines."""

from __future__ import annotations

from attrs import define

from mailframe.net.lines import Inbox
from mailframe.sasl.exchange import RESPONSE_OCTETS


@define(eq=False)
class Reader:
    """@ivar limit: octets of a command line."""

    inbox: Inbox
    limit: int

    def line(self) -> bytes | None:
        """
        Return a command line, without its CRLF.

        @raise mailframe.net.lines.LineTooLong: it exceeds the limit.
        """
        return self.inbox.line(self.limit)

    def sasl_line(self) -> bytes | None:
        """Return a client's line of a SASL exchange, which may be longer."""
        return self.inbox.line(RESPONSE_OCTETS + 2)
