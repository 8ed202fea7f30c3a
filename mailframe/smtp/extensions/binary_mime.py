"""BINARYMIME (RFC 3030 section 3): bodies of any octets, which BDAT brings and stores keep as they are."""

from __future__ import annotations

from mailframe.smtp.extension import Extension

EXTENSION = Extension("BINARYMIME", 3030, lambda session: "BINARYMIME")
