"""POP3 server."""

from mailframe.pop3.factory import POP3

__all__ = ["POP3"]
