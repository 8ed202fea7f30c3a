"""From octets to commands: lines, and the literals between them (RFC 3501 sections 2.2 and 4.3, RFC 7888)."""

from __future__ import annotations

import re
from typing import TypeAlias

from attrs import define, field, frozen

from mailframe.imap.grammar import Cursor
from mailframe.imap.limits import DEFAULT, Limits
from mailframe.net.lines import Inbox, LineTooLong
from mailframe.spool import Message, SpoolWriter

_LITERAL = re.compile(rb"\{([0-9]{1,10})(\+?)\}\Z")
_TAG = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\+]{1,256}(?= )')
_NAME = re.compile(rb"[A-Za-z][A-Za-z0-9-]{0,63}")
_BAD_OCTETS = re.compile(rb"[\x00\r\n]")


@frozen
class RawCommand:
    """
    A whole command.

    @ivar name: in capitals.
    @ivar cursor: stands behind the name.
    """

    tag: bytes
    name: bytes
    cursor: Cursor


@frozen
class LiteralComing:
    """
    The client announces a literal; L{Reader.take_literal} or L{Reader.refuse_literal} must follow.

    @ivar size: its octets.
    @ivar waits: whether the client waits for a continuation (C{{n}}) or sends at once (C{{n+}}).
    """

    tag: bytes
    name: bytes
    size: int
    waits: bool


@frozen
class BadLine:
    """
    Something that is no command.

    @ivar tag: of the command, or empty when not even that could be read.
    @ivar text: what is wrong.
    """

    tag: bytes
    text: str


class LiteralLost(Exception):
    """
    A literal could not be written to its spool file, and its command is lost; C{__cause__} is the C{OSError}.

    @ivar tag: the command's.
    """

    def __init__(self, tag: bytes) -> None:
        super().__init__(tag)
        self.tag = tag


Event: TypeAlias = RawCommand | LiteralComing | BadLine


@define(eq=False)
class Reader:
    """
    Reads commands from an inbox; C{limits} may be replaced when the client has logged in.

    @ivar authenticated: the wider limits hold.
    """

    inbox: Inbox
    limits: Limits = DEFAULT
    authenticated: bool = False
    _texts: list[bytes] = field(factory=list, init=False)
    _literals: list[bytes | Message] = field(factory=list, init=False)
    _coming: LiteralComing | None = field(default=None, init=False)
    _left: int = field(default=-1, init=False)
    _pieces: list[bytes] = field(factory=list, init=False)
    _writer: SpoolWriter | None = field(default=None, init=False)
    _refused: bool = field(default=False, init=False)

    def next(self) -> Event | None:
        """
        Return what comes next; C{None} while that needs more octets.

        @raise LiteralLost: a big literal could not be kept; the rest of the command will be passed over.
        """
        while True:
            if self._left >= 0 and not self._literal():
                return None
            try:
                line = self.inbox.line(self.limits.line if self.authenticated else self.limits.unauthenticated_line)
            except LineTooLong:
                refused = self._refused
                tag = self._tag()
                self.reset()
                if refused:
                    continue
                return BadLine(tag, "The command line is too long")
            if line is None:
                return None
            event = self._line(line)
            if event is not None:
                return event

    def line(self) -> bytes | None:
        """
        Return one line that is no command: a SASL response, or IDLE's DONE.

        @raise LineTooLong: it is too long.
        """
        return self.inbox.line(self.limits.unauthenticated_line * 2)

    def take_literal(self, writer: SpoolWriter | None = None) -> None:
        """
        Read the literal that is coming.

        @param writer: takes it as a message; without one it is kept in memory.
        """
        assert self._coming is not None
        self._left, self._writer = self._coming.size, writer

    def refuse_literal(self) -> None:
        """Throw away the command, and with it a literal that is on its way already."""
        assert self._coming is not None
        waits, size = self._coming.waits, self._coming.size
        self.reset()
        if not waits:
            self._refused, self._left = True, size

    def reset(self) -> None:
        """Forget a command that was begun."""
        if self._writer is not None:
            self._writer.abort()
        self._texts, self._literals, self._pieces = [], [], []
        self._coming, self._writer, self._left, self._refused = None, None, -1, False

    def _tag(self) -> bytes:
        match = _TAG.match(self._texts[0]) if self._texts else None
        return match[0] if match else b""

    def _literal(self) -> bool:
        """Read on in a literal; whether it is complete."""
        data = self.inbox.take(self._left)
        self._left -= len(data)
        if self._refused:
            pass
        elif self._writer is None:
            self._pieces.append(data)
            if not self._left:
                self._literals.append(b"".join(self._pieces))
                self._pieces = []
        else:
            self._keep(self._writer, data)
        if self._left:
            return False
        self._left = -1
        return True

    def _keep(self, writer: SpoolWriter, data: bytes) -> None:
        try:
            writer.write(data)
            if not self._left:
                self._literals.append(writer.finish())
                self._writer = None
        except OSError as error:
            tag, left = self._tag(), self._left
            self.reset()
            # What is still to come of the literal must not be taken for commands.
            self._refused, self._left = True, left
            raise LiteralLost(tag) from error

    def _line(self, line: bytes) -> Event | None:
        literal = _LITERAL.search(line)
        if self._refused:
            return self._refused_line(literal)
        self._texts.append(line[: literal.start()] if literal else line)
        tag = self._tag()
        name = _NAME.match(self._texts[0], len(tag) + 1) if tag else None
        problem = self._problem(line, tag, name, literal is not None)
        if problem is not None:
            return self._bad(tag, problem, literal)
        assert name is not None
        if literal:
            self._coming = LiteralComing(tag, name[0].upper(), int(literal[1]), not literal[2])
            return self._coming
        cursor = Cursor(self._texts, self._literals, self.limits, at=name.end())
        self._texts, self._literals = [], []
        return RawCommand(tag, name[0].upper(), cursor)

    def _problem(self, line: bytes, tag: bytes, name: re.Match[bytes] | None, another: bool) -> str | None:
        if _BAD_OCTETS.search(line):
            return "NUL, CR and LF are not allowed in a command line"
        if not tag:
            return "A command begins with a tag and a space"
        if name is None:
            return "A command name is expected behind the tag"
        if another and len(self._literals) >= self.limits.literals:
            return "Too many literals"
        return None

    def _bad(self, tag: bytes, problem: str, literal: re.Match[bytes] | None) -> BadLine:
        self.reset()
        if literal and literal[2]:
            # The client sends the literal without waiting: its octets must not be taken for commands.
            self._refused, self._left = True, int(literal[1])
        return BadLine(tag, problem)

    def _refused_line(self, literal: re.Match[bytes] | None) -> Event | None:
        """A line of a command that was refused: it ends with this line, unless another literal follows."""
        if literal is None:
            self._refused = False
        elif literal[2]:
            self._left = int(literal[1])
        else:
            self._refused = False
            return BadLine(b"", "The command was refused")
        return None
