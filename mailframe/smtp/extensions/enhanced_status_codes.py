"""ENHANCEDSTATUSCODES (RFC 2034): every reply has its status code already."""

from __future__ import annotations

from mailframe.smtp.extension import Extension

EXTENSION = Extension("ENHANCEDSTATUSCODES", 2034, lambda session: "ENHANCEDSTATUSCODES")
