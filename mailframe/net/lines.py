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

    Readers may look at C{buffer} from C{at} on and consume with L{take}; C{feed} keeps what is unread.
    """

    buffer: bytes = b""
    at: int = 0
    _searched: int = 0
    _skipping: bool = False

    def __len__(self) -> int:
        return len(self.buffer) - self.at

    def feed(self, data: bytes) -> None:
        """Add octets that have arrived."""
        if self.at == len(self.buffer):
            self.buffer, self._searched = data, 0
        else:
            self.buffer = self.buffer[self.at :] + data
            self._searched = max(0, self._searched - self.at)
        self.at = 0

    def clear(self) -> None:
        """Forget what has arrived: a client must not send ahead of a TLS handshake (RFC 3207 4.2)."""
        self.buffer, self.at, self._searched, self._skipping = b"", 0, 0, False

    def take(self, limit: int) -> bytes:
        """Consume and return at most C{limit} octets; empty when there are none."""
        end = min(self.at + limit, len(self.buffer))
        taken = self.buffer[self.at : end]
        self.at = self._searched = end
        return taken

    def line(self, limit: int) -> bytes | None:
        """
        Consume one line.

        @param limit: octets it may have at most, CRLF included.
        @return: the line without its CRLF, or C{None} while it is not complete.
        @raise LineTooLong: once for a line that is longer, as soon as all of it has gone by.
        """
        if self.at == len(self.buffer):
            return None
        end = self.buffer.find(b"\r\n", max(self.at, self._searched))
        if self._skipping:
            self._skip(end)
            if self._skipping:
                return None
            raise LineTooLong
        if end < 0:
            # The last octet may be the CR of a CRLF whose LF is still to come.
            self._searched = max(self.at, len(self.buffer) - 1)
            if len(self) > limit:
                self._skipping = True
                self._skip(end)
            return None
        start, self.at = self.at, end + 2
        self._searched = self.at
        if end + 2 - start > limit:
            raise LineTooLong
        return self.buffer[start:end]

    def _skip(self, end: int) -> None:
        if end >= 0:
            self.at, self._skipping = end + 2, False
        else:
            self.at = len(self.buffer) - self.buffer.endswith(b"\r")
        self._searched = self.at
