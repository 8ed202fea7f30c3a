"""Tells twistd of C{twistd mailframe}."""

from twisted.application.service import ServiceMaker

mailframe = ServiceMaker(
    "mailframe", "mailframe.twistd", "A mail server: SMTP, submission, LMTP, IMAP and POP3.", "mailframe"
)
