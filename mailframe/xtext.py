"""The xtext of RFC 3461 section 4: text in a parameter, with everything but plain characters as C{+HH}."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[^!-*,-<>-~]")


def encode(text: str) -> str:
    """Return text as xtext."""
    return _PLAIN.sub(lambda found: "".join(f"+{octet:02X}" for octet in found[0].encode("utf-8")), text)
