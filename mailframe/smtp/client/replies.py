"""A server's replies: read strictly and with bounds, kept as text that is safe to log and to report (RFC 5321 4.2)."""

from __future__ import annotations

import re

from attrs import define, field, frozen

from mailframe.net.lines import Inbox
from mailframe.smtp.client.limits import DEFAULT

TEXT_CHARACTERS = 500
"""Characters of a reply that are kept for logs and reports."""

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([- ])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)")


class BadReply(Exception):
    """What the server says is no SMTP; the text says what was wrong."""


@frozen
class PeerReply:
    """
    @ivar code: three digits.
    @ivar lines: the text of each line, printable.
    """

    code: int
    lines: tuple[str, ...]

    @property
    def enhanced(self) -> str:
        """The enhanced status code (RFC 2034) if there is one of the reply's class, or empty."""
        found = _ENHANCED.match(self.lines[0])
        return found[1] if found and found[1][0] == str(self.code)[0] else ""

    @property
    def positive(self) -> bool:
        """Whether the command was done."""
        return self.code < 300

    @property
    def permanent(self) -> bool:
        """Whether it will never be done."""
        return self.code >= 500

    def __str__(self) -> str:
        return f"{self.code} {' '.join(self.lines)}".strip()[:TEXT_CHARACTERS]


@define(eq=False)
class ReplyReader:
    """
    @ivar line: octets of a line with its CRLF.
    @ivar lines: lines of one reply.
    """

    inbox: Inbox
    line: int = DEFAULT.reply_line
    lines: int = DEFAULT.reply_lines
    _read: list[str] = field(factory=list, init=False)

    def reply(self) -> PeerReply | None:
        """
        Return the next reply; C{None} while it is not complete.

        @raise BadReply: it is none, or exceeds the limits.
        """
        inbox = self.inbox
        while (end := inbox.buffer.find(b"\r\n", inbox.at, inbox.at + self.line)) >= 0:
            found = _LINE.fullmatch(inbox.buffer, inbox.at, end)
            line = inbox.take(end + 2 - inbox.at)
            if found is None:
                raise BadReply(f"not a reply: {printable(line[:-2][:80])}")
            if (reply := self._taken(found)) is not None:
                return reply
        if len(inbox) >= self.line:
            raise BadReply(f"a line of the reply is longer than {self.line} octets")
        return None

    def _taken(self, found: re.Match[bytes]) -> PeerReply | None:
        self._read.append(printable(found[3] or b""))
        if found[2] == b"-":
            if len(self._read) >= self.lines:
                raise BadReply(f"a reply of more than {self.lines} lines")
            return None
        # The last line counts: servers that change the code within a reply mean it (RFC 5321 4.2.1 forbids them to).
        reply = PeerReply(int(found[1]), tuple(self._read))
        self._read.clear()
        return reply


def printable(octets: bytes) -> str:
    """Return what a peer said as one printable line: controls and what is no UTF-8 become question marks."""
    text = octets.decode("utf-8", "replace")
    return text if text.isprintable() else "".join(each if each.isprintable() else "?" for each in text)
