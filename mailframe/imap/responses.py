"""How commands end: the tagged status responses, and the errors of stores in IMAP's words (RFC 5530)."""

from __future__ import annotations

from attrs import frozen

from mailframe import errors


@frozen
class Status(Exception):
    """
    Ends a command.

    @ivar kind: C{OK}, C{NO} or C{BAD}.
    @ivar text: for people; from a closed set or checked.
    @ivar code: a response code without its brackets, or empty.
    """

    kind: bytes
    text: str
    code: bytes = b""

    def line(self, tag: bytes) -> bytes:
        """Return the response line; the tag C{*} makes it untagged."""
        code = b"[%b] " % self.code if self.code else b""
        return b"%b %b %b%b\r\n" % (tag, self.kind, code, self.text.encode("ascii", "replace"))


def ok(text: str, code: bytes = b"") -> Status:
    """It worked."""
    return Status(b"OK", text, code)


def no(text: str, code: bytes = b"") -> Status:
    """It did not."""
    return Status(b"NO", text, code)


def bad(text: str, code: bytes = b"") -> Status:
    """It was no command, or not here."""
    return Status(b"BAD", text, code)


_CODES: tuple[tuple[type[errors.MailError], bytes], ...] = (
    (errors.NoSuchMailbox, b"NONEXISTENT"),
    (errors.MailboxExists, b"ALREADYEXISTS"),
    (errors.BadMailboxName, b"CANNOT"),
    (errors.NotPermitted, b"CANNOT"),
    (errors.OverQuota, b"OVERQUOTA"),
    (errors.TooLarge, b"TOOBIG"),
    (errors.BadFlags, b"LIMIT"),
    (errors.BadCredentials, b"AUTHENTICATIONFAILED"),
    (errors.NoSuchMessage, b"EXPUNGEISSUED"),
    (errors.Temporary, b"UNAVAILABLE"),
)


def translated(error: errors.MailError) -> Status:
    """Return what a client is told of an error."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), b"CANNOT")
    return no(str(error) or "It cannot be done", code)
