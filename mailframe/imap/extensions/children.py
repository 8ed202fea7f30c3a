"""CHILDREN (RFC 3348): LIST tells which mailboxes have others below them; it always does."""

from __future__ import annotations

from mailframe.imap.extension import Extension

EXTENSION = Extension(b"CHILDREN", 3348, lambda session: (b"CHILDREN",))
