"""The commands of RFC 5321 (and LHLO of RFC 2033), a family each module."""

from mailframe.smtp.commands import data, hello, mail, rcpt, small

COMMANDS = (*hello.COMMANDS, *mail.COMMANDS, *rcpt.COMMANDS, *data.COMMANDS, *small.COMMANDS)
