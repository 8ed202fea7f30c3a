"""CRLF framing: octets in, whole lines and counted octets out; the one place that decides what ends a line.

Only CRLF does. A lone LF or CR is an ordinary octet here, which grammars refuse: two programs that disagree about line
ends are how one message becomes two (SMTP smuggling, CVE-2023-51764 and its kin).
"""

from __future__ import annotations

from attrs import define


class LineTooLong(Exception):
    """A line exceeds its limit; it was thrown away up to its end, so the next line can be read."""


@define(eq=False)
class Inbox:
    """
    Octets that have arrived and are not consumed yet.

    Readers may look at C{buffer} from C{at} on and consume with L{take} or L{skip}; C{feed} keeps what is unread.

    @ivar buffer: empty when all is consumed.
    """

    buffer: bytes = b""
    at: int = 0
    _searched: int = 0
    _skipping: bool = False

    def __len__(self) -> int:
        return len(self.buffer) - self.at

    def feed(self, data: bytes) -> None:
        """Add octets that have arrived."""
        if not self.buffer:
            self.buffer = data
        else:
            self.buffer = self.buffer[self.at :] + data
            self._searched -= self.at
            self.at = 0

    def clear(self) -> None:
        """Forget what has arrived: a client must not send ahead of a TLS handshake (RFC 3207 4.2)."""
        self.buffer, self.at, self._searched, self._skipping = b"", 0, 0, False

    def take(self, limit: int) -> bytes:
        """Consume and return at most C{limit} octets; empty when there are none."""
        taken = self.buffer[self.at : self.at + limit]
        self.skip(limit)
        return taken

    def skip(self, octets: int) -> None:
        """Consume so many octets, or all there are."""
        at = self.at + octets
        if at < len(self.buffer):
            self.at = self._searched = at
        else:
            self.buffer, self.at, self._searched = b"", 0, 0

    def line(self, limit: int) -> bytes | None:
        """
        Consume one line.

        @param limit: octets it may have at most, CRLF included.
        @return: the line without its CRLF, or C{None} while it is not complete.
        @raise LineTooLong: once for a line that is longer, as soon as all of it has gone by.
        """
        buffer = self.buffer
        if not (self._searched or self._skipping):
            # Nearly always one line has come and no more: one call finds that out and cuts it.
            line, found, more = buffer.partition(b"\r\n")
            if found and not more and len(line) + 2 <= limit:
                self.buffer = b""
                return line
        start, end = self.at, buffer.find(b"\r\n", self._searched)
        if end < 0:
            self._keep_unfinished(limit)
            return None
        self.skip(end + 2 - start)
        if self._skipping or end + 2 - start > limit:
            self._skipping = False
            raise LineTooLong
        return buffer[start:end]

    def _keep_unfinished(self, limit: int) -> None:
        """Keep what has come of a line, but of one that is too long only what may begin its end."""
        # The last octet may be the CR of a CRLF whose LF is still to come.
        self._searched = len(self.buffer) - self.buffer.endswith(b"\r")
        if self._skipping or len(self) > limit:
            self._skipping = True
            self.skip(self._searched - self.at)
