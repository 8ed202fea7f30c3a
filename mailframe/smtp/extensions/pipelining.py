"""PIPELINING (RFC 2920): the reader and the conversation serve what came, in order; answers leave together."""

from __future__ import annotations

from mailframe.smtp.extension import Extension

EXTENSION = Extension("PIPELINING", 2920, lambda session: "PIPELINING")
