"""A message as it comes in, by DATA or by BDAT: into the spool, up to the limits, and judged by its octets."""

from __future__ import annotations

import re

from attrs import define, field
from twisted.logger import Logger

from mailframe import status as codes
from mailframe.smtp import replies
from mailframe.smtp.limits import BareNewlines
from mailframe.smtp.reader import Reader
from mailframe.smtp.replies import Reply, reply
from mailframe.smtp.roles import Role
from mailframe.spool import Message, SpoolWriter

_log = Logger()

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_NO_ROOM = reply(452, codes.SYSTEM_FULL, "No room to receive the message, try again later")


@define(eq=False)
class Arrival:
    """
    One message on its way in; ends with L{finish} or L{abort}.

    @ivar session: its id, for the log.
    @ivar binary: it is any octets, in chunks (RFC 3030 3), and nobody looks for lines in them.
    @ivar size: octets so far, kept or not.
    @ivar problem: why it will be refused, as far as that is known; then what comes is not kept.
    """

    session: str
    reader: Reader
    role: Role
    _writer: SpoolWriter
    binary: bool = False
    size: int = field(default=0, init=False)
    problem: Reply | None = field(default=None, init=False)

    @property
    def endless(self) -> bool:
        """Whether so much came that the rest will not be read, not even to answer at its end."""
        return self.size > self.role.limits.chunk

    def add(self, piece: bytes) -> None:
        """Take a piece; never ends between a CR and its LF."""
        self.size += len(piece)
        if self.size > self.role.limits.message:
            self.refuse(replies.TOO_LARGE)
        elif self.problem is None:
            self._keep(piece)

    def refuse(self, problem: Reply) -> None:
        """Keep nothing more, nor what was kept."""
        self.problem = problem
        self._writer.abort()

    def _keep(self, piece: bytes) -> None:
        if self.reader.bare_newlines and self.role.bare_newlines is BareNewlines.NORMALIZE:
            piece = _BARE.sub(b"\r\n", piece)
        try:
            self._writer.write(piece)
        except OSError:
            _log.failure("{session} cannot spool the message", session=self.session)
            self.refuse(_NO_ROOM)

    def chunk(self) -> bytes | None:
        """Return what the reader has of the present chunk; C{None} while it has nothing."""
        return self.reader.chunk() if self.binary else self.reader.chunk_text()

    def finish(self) -> Message | Reply:
        """Return the whole message, or why there is none."""
        problem = self.problem or self._judge()
        if problem is not None:
            self._writer.abort()
            return problem
        try:
            message = self._writer.finish()
        except OSError:
            _log.failure("{session} cannot spool the message", session=self.session)
            self._writer.abort()
            return replies.FAULT
        if self.binary and (problem := _judge_head(message.head)):
            message.discard()
            return problem
        return message

    def _judge(self) -> Reply | None:
        if self.reader.nul:
            return replies.NUL_OCTETS
        if self.reader.bare_newlines and self.role.bare_newlines is BareNewlines.REJECT:
            return replies.BARE_NEWLINES
        if self.reader.long_line:
            return replies.LONG_LINE
        return None

    def abort(self) -> None:
        """Forget it."""
        self._writer.abort()


def _judge_head(head: bytes) -> Reply | None:
    """The header of a message with a binary body is text all the same, and all must agree where it ends."""
    if b"\0" in head:
        return replies.NUL_OCTETS
    return replies.BARE_NEWLINES if _BARE.search(head) else None
