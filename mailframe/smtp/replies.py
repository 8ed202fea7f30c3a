"""Replies: a code, an enhanced status code and text for people (RFC 5321 section 4.2, RFC 2034)."""

from __future__ import annotations

from functools import lru_cache

from attrs import field

from mailframe import status as codes
from mailframe.values import value

LINE_CHARACTERS = 400
"""Text in one line of a reply: a whole line has 512 octets (RFC 5321 4.5.3.1.5)."""

_MISTAKES = frozenset({530, 535, 538, 555})
"""No login, a wrong password, a password in plain text, an unknown parameter."""


@value
class Reply:
    """
    @ivar code: three digits.
    @ivar status: RFC 3463; empty where RFC 2034 knows none: greeting, HELO, 3xx.
    @ivar lines: what follows; from a closed set or checked to be printable.
    """

    code: int
    status: str
    lines: tuple[str, ...]

    encoded: bytes = field(init=False, repr=False, eq=False)

    @encoded.default
    def _encode(self) -> bytes:
        status = f"{self.status} " if self.status else ""
        if len(self.lines) == 1:
            return f"{self.code} {status}{self.lines[0][:LINE_CHARACTERS]}\r\n".encode("ascii", "replace")
        rows = [f"{self.code}-{status}{line[:LINE_CHARACTERS]}\r\n" for line in self.lines[:-1]]
        rows.append(f"{self.code} {status}{self.lines[-1][:LINE_CHARACTERS]}\r\n")
        return "".join(rows).encode("ascii", "replace")

    def __bytes__(self) -> bytes:
        return self.encoded

    @property
    def is_mistake(self) -> bool:
        """Whether the client did something wrong, other than offering mail that we do not want now or ever."""
        return 500 <= self.code <= 504 or self.code in _MISTAKES


class Refused(Exception):
    """Ends a command with a reply that says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self.reply = reply


def reply(code: int, status: str, *lines: str) -> Reply:
    """Make a reply."""
    return Reply(code, status, lines)


known_reply = lru_cache(maxsize=1024)(reply)
"""The same for replies that are made of few and short things, and are given again and again."""

OK = reply(250, codes.OK, "OK")
SENDER_OK = reply(250, codes.SENDER_OK, "Sender OK")
RECIPIENT_OK = reply(250, codes.RECIPIENT_OK, "Recipient OK")
START_DATA = reply(354, "", "End data with <CR><LF>.<CR><LF>")
BYE = reply(221, codes.OK, "Bye")
NOT_IMPLEMENTED = reply(502, codes.BAD_COMMAND, "Command not implemented")
UNKNOWN_COMMAND = reply(500, codes.BAD_COMMAND, "Command not recognized")
LINE_TOO_LONG = reply(500, codes.SYNTAX, "Line too long")
NO_ARGUMENT = reply(501, codes.BAD_ARGUMENTS, "This command takes no argument")
BAD_SEQUENCE = reply(503, codes.BAD_COMMAND, "Not now: bad sequence of commands")
HELLO_FIRST = reply(503, codes.BAD_COMMAND, "Say hello first")
NESTED_MAIL = reply(503, codes.BAD_COMMAND, "A transaction is under way: send RSET first")
SENDER_FIRST = reply(503, codes.BAD_COMMAND, "MAIL comes first")
NO_RECIPIENTS = reply(554, codes.BAD_COMMAND, "No valid recipients")
NO_RECIPIENTS_LMTP = reply(503, codes.BAD_COMMAND, "No valid recipients")
"""RFC 2033 4.2 demands this code."""
RELAY_DENIED = reply(550, codes.POLICY, "Relaying denied")
TOO_MANY_RECIPIENTS = reply(452, codes.TOO_MANY_RECIPIENTS, "Too many recipients, send the rest in another transaction")
TOO_LARGE = reply(552, codes.MESSAGE_TOO_LARGE, "Message too large")
BARE_NEWLINES = reply(550, codes.BAD_CONTENT, "The message has bare CR or LF characters: lines must end with CRLF")
NUL_OCTETS = reply(550, codes.BAD_CONTENT, "The message has NUL characters")
LONG_LINE = reply(550, codes.BAD_CONTENT, "The message has a line that is too long")
LOOP = reply(554, codes.ROUTING_LOOP, "Too many hops: this message goes in circles")
FAULT = reply(451, codes.SYSTEM_FAULT, "Local error, try again later")
TOO_MANY_ERRORS = reply(421, "4.7.0", "Too many errors")
TOO_MANY_COMMANDS = reply(421, "4.7.0", "Too many commands and no message")
TOO_MANY_UNKNOWN = reply(421, "4.7.0", "Too many unknown recipients")
TIMEOUT = reply(421, codes.BAD_CONNECTION, "Timeout, closing the connection")
SHUTDOWN = reply(421, codes.NOT_ACCEPTING, "Shutting down, try again later")
