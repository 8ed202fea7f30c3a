"""What can go wrong, in words that no protocol owns; each session translates them in exactly one function.

Messages are written for the person at the other end: they may be sent to a peer, so they hold nothing secret.
Anything else that is raised is a fault of ours: it is logged with its traceback and answered neutrally.
"""

from __future__ import annotations


class MailError(Exception):
    """Root of all errors that a store, queue, directory or authenticator may raise on purpose."""


class Temporary(MailError):
    """It did not work now and may work later: disk full, database busy, a remote service down."""


class InDoubt(Temporary):
    """
    Making it durable failed at the last step: it is not there now, and a crash may still bring it back.

    What it needs beside the database must therefore stay.
    """


class Permanent(MailError):
    """It cannot work, now or later."""


class NoSuchAccount(Permanent):
    """No account of that name is known here."""


class NoSuchMailbox(Permanent):
    """The account has no mailbox of that name."""


class NoSuchMessage(Permanent):
    """The message was expunged, or never existed."""


class MailboxExists(Permanent):
    """A mailbox of that name is there already."""


class BadMailboxName(Permanent):
    """The name cannot be a mailbox's: empty levels, control characters, too long or too deep."""


class NotPermitted(Permanent):
    """The operation is not allowed: INBOX cannot be deleted, a read-only mailbox cannot be changed."""


class OverQuota(Permanent):
    """The account, or the disk share it lives on, is full."""


class TooLarge(Permanent):
    """The message exceeds the size that is accepted."""


class BadFlags(Permanent):
    """Too many different keywords, or a keyword that is too long."""


class BadCredentials(Permanent):
    """User name and password do not belong together; which of them is wrong is never said."""


class AlreadyExists(Permanent):
    """An account or alias of that address is there already."""


class NewerSchema(Permanent):
    """The data was written by a newer mailframe; opening it could destroy what this version does not know."""
