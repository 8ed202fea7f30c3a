"""IMAP server."""

from mailframe.imap.factory import IMAP

__all__ = ["IMAP"]
